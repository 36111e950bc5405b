"""What a sweep's runs have come to, by the yardstick that its spec gives.

Must know nothing of how facts are kept.
"""

from collections.abc import Mapping
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

    def loss(self, value: float) -> float:
        """A value such that lower is better."""
        return -value if self.goal == Goal.MAXIMIZE else value


class Outcome(NamedTuple):
    """What a run has come to that ended with a value."""

    ended: float
    number: int
    value: float
    finished: bool
    """It may be the best: it wasn't stopped early."""


def yardstick_of(spec: Mapping[str, Any]) -> Yardstick:
    """The yardstick of a Sweep, from its spec as stored."""
    metric, plateau = spec.get("metric"), spec.get("plateau")
    if not metric:
        return Yardstick()
    return Yardstick(
        metric.get("goal", Goal.MINIMIZE),
        plateau.get("minImprovement", 0) if plateau else None,
    )


def outcome(run: RunFacts) -> Outcome | None:
    """What a run has come to; None as long as it hasn't ended, or if it has no value."""
    value = told(run)
    if value is None:
        return None
    return Outcome(run.ended or 0.0, run.number, value, run.phase is RunPhase.FINISHED)


def told(run: RunFacts) -> float | None:
    """The value with which a run counts: one that was stopped early, with its best."""
    if run.phase is RunPhase.FINISHED:
        return run.value
    return run.best if run.reason == StopReason.EARLY_TERMINATED and run.settled else None
