"""docs/cli: how its pages are checked, and what of them may differ from what commands print."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.cli_pages.pages import (
    FOLDER,
    OVERVIEW,
    played,
    problems,
    timeless,
    usages,
    with_usage,
)
from tests.cli_pages.stage import SCENES
from tests.cli_pages.terminal import Terminal, screen

USAGES = {"pause": "\n## Usage\n\n```text\nusage: kubectl sweep pause NAME\n```\n"}
EXAMPLE = "```console\n$ kubectl sweep pause digits\ndigits is paused\n```\n"
PAGES = {"pause": with_usage(f"# pause\n\n{EXAMPLE}", USAGES["pause"])}
LINKS = "| [`pause`](cli/pause.md) |"


def told(
    pages: dict[str, str] = PAGES, overview: str = LINKS, usages: dict[str, str] = USAGES
) -> list[tuple[str, str]]:
    return list(problems(pages, overview, usages))


def test_a_page_with_an_example_its_usage_and_a_link_is_well() -> None:
    assert told() == []


def test_a_command_without_a_page_is_told() -> None:
    (found,) = told(pages={})
    assert found[0] == "docs/cli/pause.md"
    assert found[1].startswith("isn't there: write it")


def test_a_page_without_a_command_is_told() -> None:
    pages = {**PAGES, "paws": "# paws\n"}
    assert told(pages) == [("docs/cli/paws.md", "there is no such command: delete it")]


def test_a_page_that_the_overview_does_not_link_is_told() -> None:
    (found,) = told(overview="| `pause` |")
    assert found == ("docs/cli.md", "doesn't link [`pause`](cli/pause.md)")


def test_a_page_without_an_example_of_its_command_is_told() -> None:
    pages = {"pause": with_usage("# pause\n\n$ kubectl get sweeps\n", USAGES["pause"])}
    ((_, what),) = told(pages)
    assert what == "has no console block with $ kubectl sweep pause"


def test_a_usage_that_is_not_current_is_told_and_mended_in_its_place() -> None:
    old = {"pause": PAGES["pause"].replace("pause NAME", "pause NAME...")}
    assert told(old) == [("docs/cli/pause.md", "its usage is not what --help says: make docs")]
    assert with_usage(old["pause"], USAGES["pause"]) == PAGES["pause"]


def test_lines_that_another_python_breaks_elsewhere_are_no_other_usage() -> None:
    broken = PAGES["pause"].replace("pause NAME", "pause\n        NAME")
    assert told({"pause": broken}) == []


@pytest.mark.parametrize("columns", ["40", "200"])
def test_a_usage_is_the_same_in_any_terminal(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    usage = usages()["pause"]
    assert "  -n, --namespace NAMESPACE  default: the context's\n" in usage
    assert max(map(len, usage.splitlines())) <= 90


def test_the_pages_are_current() -> None:
    pages = {page.stem: page.read_text() for page in FOLDER.glob("*.md")}
    assert told(pages, OVERVIEW.read_text(), dict(usages())) == []


def test_pages_ask_for_scenes_that_there_are() -> None:
    class Asked(Spy):
        def set(self, scene: str) -> None:
            assert scene in SCENES

    for page in FOLDER.glob("*.md"):
        played(page.read_text(), Asked({}))


class Spy:
    """A stage on which commands print what they are told to."""

    def __init__(self, printed: dict[str, str]) -> None:
        self.printed = printed
        self.done: list[object] = []

    def set(self, scene: str) -> None:
        self.done.append(scene)

    def write(self, file: str, text: str) -> None:
        self.done.append((file, text))

    def run(self, command: str, typed: Sequence[str], lines: int) -> str:
        self.done.append((command, list(typed), lines))
        return self.printed.get(command, "")


PAGE = """\
# A page

<!-- digits: running -->

Words, and a block of another kind:

```yaml wrong.yaml
kind: Sweep
```

```console
$ kubectl sweep cancel digits
Cancel digits? [y/N] y
digits is cancelled
$ kubectl sweep watch digits | cat
10:00:00 Running
^C
```

```sh
$ not this
```
"""
PRINTED = {
    "kubectl sweep cancel digits": "Cancel digits? [y/N] y\ndigits is cancelled\n",
    "kubectl sweep watch digits | cat": "11:11:11 Running\n^C\n",
}


def test_a_page_is_played_from_its_top_to_its_end() -> None:
    stage = Spy(PRINTED)
    played(PAGE, stage)
    assert stage.done == [
        "running",
        ("wrong.yaml", "kind: Sweep\n"),
        ("kubectl sweep cancel digits", ["y"], 1),
        ("kubectl sweep watch digits | cat", ["^C"], 1),
    ]


def test_a_page_that_says_the_same_but_for_times_stays_as_it_is() -> None:
    assert played(PAGE, Spy(PRINTED)) == PAGE


def test_what_a_command_prints_otherwise_takes_its_place_on_the_page() -> None:
    other = {**PRINTED, "kubectl sweep cancel digits": "error: no\n"}
    shown = PAGE.replace("Cancel digits? [y/N] y\ndigits is cancelled\n", "error: no\n")
    assert played(PAGE, Spy(other)) == shown


def test_a_block_ends_where_it_did_whatever_a_command_prints() -> None:
    unended = {**PRINTED, "kubectl sweep watch digits | cat": "no line's end"}
    shown = PAGE.replace("10:00:00 Running\n^C\n", "no line's end\n")
    assert played(PAGE, Spy(unended)) == shown


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("TIME   lr\n9s     0.1\n", "TIME   lr\n119s   0.1\n"),
        ("AGE\n59s\n", "AGE\n2m\n"),
        ("10:00:00 Running\n", "23:59:59 Running\n"),
        ("2026-01-01T00:00:00Z\n", "2027-12-31T23:59:59Z\n"),
        ("6 of 12, 37.5 a minute, about 9s left\n", "6 of 12, 4 a minute, about 119s left\n"),
    ],
)
def test_times_may_differ(one: str, other: str) -> None:
    assert timeless(one) == timeless(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("TIME   lr\n9s     0.1\n", "TIME   lr\n9s   0.1\n"),
        ("3 running\n", "4 running\n"),
        ("best 0.8743, run 3\n", "best 0.8744, run 3\n"),
        ("digits-5\n", "digits-6\n"),
    ],
)
def test_nothing_else_may(one: str, other: str) -> None:
    assert timeless(one) != timeless(other)


def test_a_person_at_a_terminal_answers_interrupts_and_asks_for_the_last_exit_code(
    tmp_path: Path,
) -> None:
    terminal = Terminal(tmp_path, os.environ)
    asks = 'read -p "Sure? [y/N] " said; echo "it is $said"; exit 3'
    assert terminal.run(asks, ["y"], 1) == "Sure? [y/N] y\nit is y\n"
    assert terminal.run("echo $?", [], 0) == "3\n"
    assert terminal.run("echo one; echo two; exec cat", ["^C"], 2) == "one\ntwo\n^C"


def test_a_command_that_does_not_end_is_told_with_what_it_has_printed(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match=r"\$ echo one; exec cat\none\n"):
        Terminal(tmp_path, os.environ, within=1).run("echo one; exec cat", [], 0)


def test_a_screen_has_what_was_drawn_last() -> None:
    assert screen("a\r\nb\r\nc\r\n\x1b[2A\x1b[JB\r\n") == "a\nB\n"
