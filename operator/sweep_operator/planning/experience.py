"""What a search may learn from: the runs that ended, and those that haven't."""

import json

from sweep_operator.api.run import RunPhase
from sweep_operator.planning.facts import RunFacts
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.regime import StopReason
from sweep_operator.search.method import Observation, Pending


def experience(ledger: Ledger) -> tuple[list[Observation], list[Pending]]:
    """The runs of a sweep as a search sees them, in the order of their numbers.

    Values are signed so that lower is better. A run that failed teaches that its parameters are
    bad; one that crashed or was killed teaches nothing, unless it was stopped early: then its best
    value counts.
    """
    sign = -1.0 if ledger.goal == "maximize" else 1.0
    observations: list[Observation] = []
    pending: list[Pending] = []
    for number in sorted(ledger.runs):
        run = ledger.runs[number]
        if not run.settled:
            pending.append(Pending(number, json.loads(run.parameters)))
        elif (found := _lesson(run)) is not None:
            value, failed = found
            signed = None if value is None else sign * value
            observations.append(Observation(number, json.loads(run.parameters), signed, failed))
    return observations, pending


def _lesson(run: RunFacts) -> tuple[float | None, bool] | None:
    """A run's value and whether it failed; None for one that teaches nothing."""
    if run.phase is RunPhase.FINISHED:
        return run.value, False
    if run.phase is RunPhase.FAILED:
        return None, True
    if run.reason == StopReason.EARLY_TERMINATED and run.best is not None:
        return run.best, False
    return None
