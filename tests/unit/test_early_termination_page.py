"""docs/early-termination.md shows the brackets that its specs give."""

import re
from pathlib import Path

import pytest
import yaml

from sweep_operator.api.objective import EarlyTerminate
from sweep_operator.planning.early_termination import rule_of

PAGE = (Path(__file__).parents[2] / "docs/early-termination.md").read_text()
ROWS = re.findall(r"^\| `(m[^`]*)` \| ([\d, ]+)(?:, …)? \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("spec", "shown"), ROWS)
def test_brackets_are_those_that_the_page_shows(spec: str, shown: str) -> None:
    rule = EarlyTerminate.model_validate({"type": "hyperband", **yaml.safe_load(f"{{{spec}}}")})
    told = [int(each) for each in shown.split(", ")]
    assert list(rule_of(rule).brackets())[: len(told)] == told


def test_the_page_shows_both_ways_to_say_them() -> None:
    assert {"minIter" in spec for spec, _ in ROWS} == {True, False}
