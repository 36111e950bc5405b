"""What a sweep's runs have come to, by the yardstick that its spec gives.

A point is what the search suggests, and it is run `repeats` times, by runs of consecutive numbers;
without repeats a run is a point. Must know nothing of how facts are kept.
"""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any, NamedTuple

from sweep_operator.api.objective import Goal
from sweep_operator.api.run import RunPhase
from sweep_operator.planning.facts import RunFacts
from sweep_operator.planning.regime import StopReason


class Yardstick(NamedTuple):
    """By what a sweep's runs are compared."""

    goal: str | None = None
    """minimize or maximize; None for no metric."""
    min_improvement: float | None = None
    """More than this is an improvement that puts a plateau off; None for no plateau."""
    repeats: int = 1
    """How often each point is run."""
    run_cap: int | None = None
    """Cuts the last point's repeats; None where there are no repeats to cut, or no cap."""

    def loss(self, value: float) -> float:
        """A value such that lower is better."""
        return -value if self.goal == Goal.MAXIMIZE else value

    def point_of(self, number: int) -> int:
        """The point, from 1, that a run is of."""
        return (number - 1) // self.repeats + 1

    def numbers(self, point: int) -> range:
        """The runs of a point, whether they are made or not."""
        return range((point - 1) * self.repeats + 1, point * self.repeats + 1)

    def last_of(self, point: int) -> int:
        """The last of them that will be made."""
        last = point * self.repeats
        return last if self.run_cap is None else min(last, self.run_cap)


class Point(NamedTuple):
    """A point and its runs."""

    number: int
    runs: Sequence[RunFacts]
    """Those on record, by number."""
    more: bool
    """Others are still to be made."""

    @property
    def settled(self) -> bool:
        """Nothing more will be told of it."""
        return not self.more and all(run.settled for run in self.runs)


class Outcome(NamedTuple):
    """What a point has come to that has a value."""

    ended: float
    point: int
    value: float
    """The mean of its runs' values."""
    runs: int
    """How many had one."""
    first: int | None
    """The first run that finished with one; None where all were stopped early, and none is best."""


def yardstick_of(spec: Mapping[str, Any]) -> Yardstick:
    """The yardstick of a Sweep, from its spec as stored."""
    metric, plateau, repeats = spec.get("metric"), spec.get("plateau"), spec.get("repeats", 1)
    return Yardstick(
        metric.get("goal", Goal.MINIMIZE) if metric else None,
        plateau.get("minImprovement", 0) if plateau else None,
        repeats,
        spec.get("runCap") if repeats > 1 else None,
    )


def repeat_of(number: int, repeats: int) -> int:
    """Which of its point's runs a run is, from 1."""
    return (number - 1) % repeats + 1


def outcome(point: Point) -> Outcome | None:
    """What a point has come to; None as long as that may change, or if none has a value."""
    if not point.settled:
        return None
    found = [each for run in point.runs if (each := outcome_alone(run)) is not None]
    if not found:
        return None
    return Outcome(
        ended=max(run.ended or 0.0 for run in point.runs),
        point=point.number,
        value=found[0].value if len(found) == 1 else mean(each.value for each in found),
        runs=len(found),
        first=next((each.first for each in found if each.first is not None), None),
    )


def outcome_alone(run: RunFacts) -> Outcome | None:
    """The same of a run that is a point by itself: asked at each change of each run, so quick."""
    value = told(run)
    if value is None:
        return None
    first = run.number if run.phase is RunPhase.FINISHED else None
    return Outcome(run.ended or 0.0, run.number, value, 1, first)


def told(run: RunFacts) -> float | None:
    """The value with which a run counts: one that was stopped early, with its best."""
    if run.phase is RunPhase.FINISHED:
        return run.value
    return run.best if run.reason == StopReason.EARLY_TERMINATED and run.settled else None
