"""Early termination: at which iterations runs are compared, and who has fallen behind there.

Those iterations are the brackets, whatever the rule. Values are signed: lower is better.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final, NamedTuple, Protocol

from sweep_operator.api.objective import (
    ETA,
    MAX_ITERATIONS,
    MIN_RUNS,
    EarlyTerminate,
    EarlyTerminateType,
    Goal,
)
from sweep_operator.api.run import MAX_BRACKETS
from sweep_operator.planning.metrics import Measure

Mark = tuple[int, float]
"""A bracket, and a run's value there."""


class Behind(NamedTuple):
    """Why a run is stopped early."""

    where: str
    """By the rule's own word for it: bracket 9, iteration 9."""
    value: float
    threshold: float
    meaning: str
    """What the threshold is."""


@dataclass(slots=True)
class Brackets:
    """The values of all runs at each bracket, kept in order, and where runs were stopped."""

    values: dict[int, list[float]] = field(default_factory=dict)
    stopped: Counter[int] = field(default_factory=Counter)
    """How many runs were stopped early, by the last bracket that they reached."""

    def put(self, at: Sequence[Mark], stopped: bool) -> None:
        """Take in a run's values, in order, and whether it was stopped early."""
        for bracket, value in at:
            insort(self.values.setdefault(bracket, []), value)
        if at and stopped:
            self.stopped[at[-1][0]] += 1

    def drop(self, at: Sequence[Mark], stopped: bool) -> None:
        """Take a run out again."""
        for bracket, value in at:
            values = self.values[bracket]
            del values[bisect_left(values, value)]
        if at and stopped:
            self.stopped[at[-1][0]] -= 1

    def stopped_before(self, bracket: int) -> int:
        """How many runs were stopped early and so never got there."""
        return sum(count for last, count in self.stopped.items() if last < bracket)


class Rule(Protocol):
    """One way to tell which runs do badly."""

    def brackets(self) -> tuple[int, ...]:
        """Where runs are compared, in order: at most MAX_BRACKETS."""

    def behind(self, all_runs: Brackets, last: Mark, best: float) -> Behind | None:
        """Why a run is to be stopped, if it is.

        Args:
            all_runs: the values of all runs, this one among them.
            last: the last bracket that it has reached.
            best: its best value so far.
        """


@dataclass(frozen=True)
class Hyperband:
    """At each bracket a run goes on only if it is no worse than the best 1/eta that got there.

    By W&B's own reckoning: package `sweeps`, hyperband_stopping.
    """

    spec: EarlyTerminate

    def brackets(self) -> tuple[int, ...]:
        """int(maxIter / eta^i), i = 1..s, as long as that is 1 or more; or int(minIter * eta^i)."""
        found: list[int] = []
        if self.spec.max_iter is not None:
            bracket = float(self.spec.max_iter)
            for _ in range(self.spec.s or 0):
                bracket /= self._eta
                if bracket < 1:
                    break
                found.append(int(bracket))
        elif self.spec.min_iter is not None:
            bracket = float(self.spec.min_iter)
            while len(found) < MAX_BRACKETS and bracket <= MAX_ITERATIONS:
                found.append(int(bracket))
                bracket *= self._eta
        return tuple(sorted(set(found)))

    def behind(self, all_runs: Brackets, last: Mark, best: float) -> Behind | None:
        bracket, there = last
        values = all_runs.values[bracket]
        value = there if self.spec.strict else best
        threshold = values[int(1.0 / self._eta * len(values))]
        if value <= threshold:
            return None
        return Behind(
            f"bracket {bracket}", value, threshold, "with which a run still goes on there"
        )

    @property
    def _eta(self) -> float:
        return ETA if self.spec.eta is None else self.spec.eta


@dataclass(frozen=True)
class Median:
    """A run goes on unless its best is worse than the median of what the others were there.

    Those that were stopped before count as worse: or each iteration would stop half of the runs
    that the one before has left, until next to none were.
    """

    spec: EarlyTerminate

    def brackets(self) -> tuple[int, ...]:
        """From minIter on: all up to 10, then each a fifth further than the one before."""
        found: list[int] = []
        bracket = self.spec.min_iter or 1
        while len(found) < MAX_BRACKETS and bracket <= MAX_ITERATIONS:
            found.append(bracket)
            bracket += max(1, bracket // 5)
        return tuple(found)

    def behind(self, all_runs: Brackets, last: Mark, best: float) -> Behind | None:
        iteration, there = last
        values = all_runs.values[iteration]
        if len(values) - 1 < (self.spec.min_runs or MIN_RUNS):
            return None
        own, stopped = bisect_left(values, there), all_runs.stopped_before(iteration)
        median = _median_of_others(values, own, worse=stopped)
        if best <= median:
            return None
        return Behind(f"iteration {iteration}", best, median, "the median of the others there")


_RULES: Final[Mapping[EarlyTerminateType, Callable[[EarlyTerminate], Rule]]] = {
    EarlyTerminateType.HYPERBAND: Hyperband,
    EarlyTerminateType.MEDIAN: Median,
}


def rule_of(spec: EarlyTerminate) -> Rule:
    """The rule that a spec asks for."""
    return _RULES[spec.type](spec)


def measure_of(spec: Mapping[str, Any]) -> Measure | None:
    """What is followed of a Sweep's runs, from its spec as stored; None without a metric."""
    metric = spec.get("metric")
    if not metric:
        return None
    written = spec.get("earlyTerminate")
    at = rule_of(EarlyTerminate.model_validate(written)).brackets() if written else ()
    return Measure(metric["name"], metric.get("goal", Goal.MINIMIZE), at)


def _median_of_others(values: Sequence[float], own: int, worse: int) -> float:
    """The median of sorted values but for one, by its index, and so many that are worse than all.

    At no cost that grows with them.
    """
    there = len(values) - 1
    low, high = (
        inf if index >= there else values[index if index < own else index + 1]
        for index in ((there + worse - 1) // 2, (there + worse) // 2)
    )
    return low if low == high else low / 2 + high / 2
