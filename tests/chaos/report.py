"""What is found wrong, and the report of it: a line for each thing that was done to operators."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple


class Wrong(StrEnum):
    """What must never be, by the report's columns."""

    TWICE = "twice"
    LOST = "lost"
    OVER = "over parallelism"
    PHASE = "wrong phases"
    HELD = "not to be made"


class Finding(NamedTuple):
    """Something that must never be."""

    wrong: Wrong
    words: str


class Row(NamedTuple):
    """A line of the report."""

    fault: str
    often: int
    sweeps: int
    runs: int
    jobs: int
    findings: Sequence[Finding]
    notes: str = ""
    """Other figures."""

    @property
    def cells(self) -> list[str]:
        """For a table."""
        counts = [sum(each.wrong is wrong for each in self.findings) for wrong in Wrong]
        figures = (self.often, self.sweeps, self.runs, self.jobs, *counts)
        return [self.fault, *map(str, figures), self.notes]


HEAD = ["fault", "often", "sweeps", "runs", "Jobs", *Wrong, "notes"]


def report(rows: Iterable[Row]) -> str:
    """A table for people."""
    lines = [HEAD, *(row.cells for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def words(findings: Iterable[Finding]) -> str:
    """What is wrong, a line for each."""
    return "\n".join(f"{each.wrong}: {each.words}" for each in findings)
