"""The table of the chart's values: what is said of each, and that nothing goes without words."""

import runpy
from pathlib import Path
from typing import Any

import pytest

VALUES: Any = runpy.run_path(str(Path(__file__).parents[3] / "dev/values"))

SECTIONS = """\
# How many.
replicas: 1

image:
  # Where it is,
  # and more.
  tag: ""
# All of it | or none.
resources:
  requests:
    cpu: 1
"""


def test_each_value_is_explained_by_the_comment_above_it() -> None:
    assert [*VALUES["explained"](SECTIONS)] == [
        ("replicas", "1", "How many."),
        ("image.tag", "''", "Where it is, and more."),
        ("resources", "{requests: {cpu: 1}}", "All of it | or none."),
    ]


@pytest.mark.parametrize("values", ["replicas: 1\n", "image:\n  tag: x\n", "# A.\n\na: 1\n"])
def test_a_value_without_a_comment_is_an_error(values: str) -> None:
    with pytest.raises(ValueError, match="has no comment: say above it what it does"):
        list(VALUES["explained"](values))


def test_what_would_be_markup_is_text() -> None:
    assert "| a &#124; b &lt;c&gt; |" in VALUES["table"]("# a | b <c>\nx: 1\n")


def test_the_table_stands_between_its_markers_and_nothing_else_changes() -> None:
    begin, end = VALUES["BEGIN"], VALUES["END"]
    text = f"before\n{begin}\nold\n{end}\nafter\n"
    assert VALUES["with_table"](text, "new\n") == f"before\n{begin}\nnew\n{end}\nafter\n"
    with pytest.raises(ValueError, match="needs the lines"):
        VALUES["with_table"]("nothing here", "new\n")
