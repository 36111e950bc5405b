"""What a search may learn from: the points that are known, and those that aren't yet."""

import json
from statistics import mean

from sweep_operator.api.objective import Impute
from sweep_operator.api.run import RunPhase
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.points import Point, outcome
from sweep_operator.search.method import Observation, Pending


def experience(ledger: Ledger, impute: Impute) -> tuple[list[Observation], list[Pending]]:
    """The points of a sweep as a search sees them, in the order of their numbers.

    Values are signed so that lower is better; that of a point is the mean of its runs'. A point
    none of whose runs came to a value teaches what `impute` says. Runs that crashed or were killed
    teach nothing, unless they were stopped early: then their best values count.
    """
    observations: list[Observation] = []
    pending: list[Pending] = []
    for point in ledger.points:
        parameters = json.loads(point.runs[0].parameters)
        if not point.settled:
            pending.append(Pending(point.number, parameters))
            continue
        found = outcome(point)
        phases = {run.phase for run in point.runs}
        if found is None and phases.isdisjoint({RunPhase.FINISHED, RunPhase.FAILED}):
            continue
        value = _imputed(point, impute) if found is None else found.value
        loss = None if value is None else ledger.yardstick.loss(value)
        ignored = value is None and impute is Impute.IGNORE
        observations.append(Observation(point.number, parameters, loss, ignored))
    return observations, pending


def _imputed(point: Point, impute: Impute) -> float | None:
    """What a point without a value counts as; None for the worst there is, or for nothing."""
    match impute:
        case Impute.LATEST:
            told = [run.latest for run in point.runs if run.latest is not None]
        case Impute.BEST:
            told = [run.best for run in point.runs if run.best is not None]
        case _:
            told = []
    return mean(told) if told else None
