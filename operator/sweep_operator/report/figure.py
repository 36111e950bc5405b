"""What a plot and a section of the page are made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar

from sweep_operator.api.run import RunPhase
from sweep_operator.report.words import ordinal

COLORS: Final = {
    RunPhase.FINISHED: "#3b7dbf",
    RunPhase.RUNNING: "#2f9e78",
    RunPhase.PENDING: "#8a929b",
    RunPhase.FAILED: "#d1495b",
    RunPhase.CRASHED: "#b5830f",
    RunPhase.KILLED: "#8d6cb8",
}
"""Each can be told from the others, and from a light and a dark page."""

BEST: Final = "#c8591a"
FAINT: Final = "#9aa3ad"

SYMBOLS: Final = {
    RunPhase.FINISHED: "diamond-open",
    RunPhase.RUNNING: "circle-open",
    RunPhase.PENDING: "circle-open-dot",
    RunPhase.FAILED: "x",
    RunPhase.CRASHED: "triangle-up",
    RunPhase.KILLED: "square",
}
"""For those who can't tell the colours apart."""

Trace = dict[str, Any]
"""As plotly.js takes it."""


@dataclass(frozen=True)
class Figure:
    """A plot."""

    label: str
    """What it shows, for those who can't see it."""
    data: Sequence[Trace]
    layout: dict[str, Any]
    height: int
    small: bool = False
    """Several of them are side by side."""
    min_width: int = 0
    """Pixels below which it is scrolled rather than squeezed."""


@dataclass(frozen=True)
class Section:
    """A part of the page."""

    id: str
    title: str
    sentences: Sequence[str] = ()
    """What is to be known of it, or why there is no plot."""
    figures: Sequence[Figure] = field(default=())


T = TypeVar("T")


class Sample(NamedTuple):
    """Some of many."""

    kept: list[Any]
    step: int
    """Every which one it is."""
    sentence: str
    """How they were chosen; empty where they are all."""


def sample(things: Sequence[T], most: int, plural: str) -> Sample:
    """At most so many of them, evenly: every 5th of 10,000 runs."""
    if len(things) <= most:
        return Sample(list(things), 1, "")
    step = -(-len(things) // most)
    sentence = f"Shown is every {ordinal(step)} of {len(things):,} {plural}."
    return Sample(list(things[::step]), step, sentence)


def spread(values: Sequence[float]) -> str:
    """The scale of an axis: log where the values are of several orders of magnitude."""
    if values and min(values) > 0 and max(values) / min(values) > 1000:
        return "log"
    return "linear"
