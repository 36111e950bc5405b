"""docs/cli/*.md: a page for each command, which is its own source.

What a page says is written by hand, but for two things. Its last chapter, "Usage", is made of
argparse's help (`python -m tests.cli_pages`). And in its console blocks, what stands under a line
that begins with `$ ` is what that command prints on a real cluster (tests/e2e/test_cli_pages.py).
"""

import argparse
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from sweep_operator.cli.arguments import parser

ROOT: Final = Path(__file__).parents[2]
OVERVIEW: Final = ROOT / "docs/cli.md"
FOLDER: Final = ROOT / "docs/cli"

WIDTH: Final = 90
"""Of the usage: columns."""

USAGE: Final = re.compile(r"\n## Usage\n.*\Z", re.DOTALL)


def usages() -> Mapping[str, str]:
    """The last chapter of each command's page."""
    (commands,) = (
        each.choices for each in parser()._actions if isinstance(each, argparse._SubParsersAction)
    )
    return {name: _usage(command) for name, command in commands.items()}


def _usage(command: argparse.ArgumentParser) -> str:
    command.formatter_class = _Help
    vars(command)["color"] = False  # from Python 3.14 on
    return f"\n## Usage\n\n```text\n{command.format_help()}```\n"


class _Help(argparse.HelpFormatter):
    """Says -n, --namespace NAMESPACE in any version, as Python does from 3.13 on."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=WIDTH, max_help_position=32)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


def with_usage(page: str, usage: str) -> str:
    """A page with its last chapter as it should be."""
    return USAGE.sub("", page).rstrip("\n") + "\n" + usage


def problems(
    pages: Mapping[str, str], overview: str, usages: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """What is wrong with the pages, by the file to mend.

    Args:
        pages: their texts, by the commands that they are named for.
        overview: the page that links all of them.
        usages: of the commands that there are.
    """
    for name in sorted(usages.keys() | pages.keys()):
        page = f"docs/cli/{name}.md"
        if name not in usages:
            yield page, "there is no such command: delete it"
            continue
        if f"[`{name}`](cli/{name}.md)" not in overview:
            yield "docs/cli.md", f"doesn't link [`{name}`](cli/{name}.md)"
        if name not in pages:
            yield page, "isn't there: write it as its neighbours are, then make docs docs-cli"
            continue
        if not re.search(rf"^\$ .*\bsweep {name}\b", pages[name], re.MULTILINE):
            yield page, f"has no console block with $ kubectl sweep {name}"
        # Versions of Python break lines at different places.
        if pages[name].split() != with_usage(pages[name], usages[name]).split():
            yield page, "its usage is not what --help says: make docs"


class Stage(Protocol):
    """Where the commands of a page are given."""

    def set(self, scene: str) -> None:
        """Have the sweep `digits` in a state."""

    def write(self, file: str, text: str) -> None:
        """Have a file where commands are given."""

    def run(self, command: str, typed: Sequence[str], lines: int) -> str:
        """What a terminal shows of a command.

        Args:
            command: for a shell.
            typed: what a person types: answers to its questions, and ^C.
            lines: after how many lines a person types ^C.
        """


PART: Final = re.compile(
    r"^<!-- digits: (?P<scene>\w+) -->$"
    r"|^```yaml (?P<file>\S+)\n(?P<written>.*?)^```$"
    r"|^```console\n(?P<shown>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)

TYPED: Final = re.compile(r"(?<=\[y/N\] ).*$|^\^C$", re.MULTILINE)


def played(page: str, stage: Stage) -> str:
    """The page, with what its commands really print.

    What is on the page stays where it says the same but for times.
    """

    def part(found: re.Match[str]) -> str:
        if found["scene"]:
            stage.set(found["scene"])
        elif found["file"]:
            stage.write(found["file"], found["written"])
        else:
            return f"```console\n{''.join(_shown(found['shown'], stage.run))}```"
        return found[0]

    return PART.sub(part, page)


def _shown(block: str, run: Callable[[str, Sequence[str], int], str]) -> Iterator[str]:
    """What a console block should show."""
    for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = step.partition("\n")
        printed = run(command, TYPED.findall(output), output.count("\n") - 1)
        if printed and not printed.endswith("\n"):
            printed += "\n"  # the block's end stands on a line of its own
        same = timeless(printed) == timeless(output)
        yield f"$ {command}\n{output if same else printed}"


def timeless(output: str) -> str:
    """What is printed, without ages, durations, paces and times of day, in as many columns."""
    output = re.sub(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ?", "DATE", output)
    output = re.sub(r"\b\d\d:\d\d:\d\d\b", "TIME", output)
    output = re.sub(r"\b[\d.]+ a minute", "0 a minute", output)
    # In a table, what stands to the right of it stays where it is.
    output = re.sub(r"\b\d+[smhd]\b(  +)?", _no_time, output)
    return re.sub(r" +$", "", output, flags=re.MULTILINE)


def _no_time(found: re.Match[str]) -> str:
    return "0s".ljust(len(found[0]) if found[1] else 0)
