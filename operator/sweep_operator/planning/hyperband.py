"""Early termination by W&B's Hyperband: brackets, and who falls behind at them.

At each bracket a run goes on only if it is no worse than the best 1/eta of all that got there, by
W&B's own reckoning (package `sweeps`, hyperband_stopping). Values are signed: lower is better.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sweep_operator.api.objective import MAX_ITERATIONS, EarlyTerminate, Goal
from sweep_operator.api.run import MAX_BRACKETS
from sweep_operator.planning.metrics import Measure


class Behind(NamedTuple):
    """Why a run is stopped early."""

    bracket: int
    value: float
    threshold: float


def brackets(spec: EarlyTerminate) -> tuple[int, ...]:
    """The iterations at which runs are compared, in order.

    int(maxIter / eta^i) for i = 1..s as long as that is at least 1, or int(minIter * eta^i).
    """
    found: list[int] = []
    if spec.max_iter is not None:
        bracket = float(spec.max_iter)
        for _ in range(spec.s or 0):
            bracket /= spec.eta
            if bracket < 1:
                break
            found.append(int(bracket))
    elif spec.min_iter is not None:
        bracket = float(spec.min_iter)
        while len(found) < MAX_BRACKETS and bracket <= MAX_ITERATIONS:
            found.append(int(bracket))
            bracket *= spec.eta
    return tuple(sorted(set(found)))


def measure_of(spec: Mapping[str, Any]) -> Measure | None:
    """What is followed of a Sweep's runs, from its spec as stored; None without a metric."""
    metric = spec.get("metric")
    if not metric:
        return None
    rule = spec.get("earlyTerminate")
    at = brackets(EarlyTerminate.model_validate(rule)) if rule else ()
    return Measure(metric["name"], metric.get("goal", Goal.MINIMIZE), at)


@dataclass(slots=True)
class Brackets:
    """The values of all runs at each bracket, kept in order."""

    values: dict[int, list[float]] = field(default_factory=dict)

    def put(self, at: Iterable[tuple[int, float]]) -> None:
        """Take in a run's values."""
        for bracket, value in at:
            insort(self.values.setdefault(bracket, []), value)

    def drop(self, at: Iterable[tuple[int, float]]) -> None:
        """Take a run's values out again."""
        for bracket, value in at:
            values = self.values[bracket]
            del values[bisect_left(values, value)]

    def threshold(self, bracket: int, eta: float) -> float:
        """The worst value at a bracket that is good enough to go on."""
        values = self.values[bracket]
        return values[int(1.0 / eta * len(values))]


def behind(
    spec: EarlyTerminate, all_runs: Brackets, at: tuple[tuple[int, float], ...], best: float | None
) -> Behind | None:
    """Why a run is to be stopped, if it is.

    Args:
        spec: of early termination.
        all_runs: the values of all runs, this one among them.
        at: this run's values at the brackets it has reached, in order.
        best: its best value so far.
    """
    if not at or best is None:
        return None
    bracket, there = at[-1]
    value = there if spec.strict else best
    threshold = all_runs.threshold(bracket, spec.eta)
    return Behind(bracket, value, threshold) if value > threshold else None
