"""What a search may learn from: the runs that ended, and those that haven't."""

import json

from sweep_operator.api.objective import Impute
from sweep_operator.api.run import RunPhase
from sweep_operator.planning.facts import RunFacts
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.points import told
from sweep_operator.search.method import Observation, Pending


def experience(ledger: Ledger, impute: Impute) -> tuple[list[Observation], list[Pending]]:
    """The runs of a sweep as a search sees them, in the order of their numbers.

    Values are signed so that lower is better. A run that failed teaches that its parameters are
    bad, or what `impute` says; so does one that ended without a value. One that crashed or was
    killed teaches nothing, unless it was stopped early: then its best value counts.
    """
    observations: list[Observation] = []
    pending: list[Pending] = []
    for number in sorted(ledger.runs):
        run = ledger.runs[number]
        if not run.settled:
            pending.append(Pending(number, json.loads(run.parameters)))
        elif _teaches(run):
            value = told(run)
            if value is None:
                value = _imputed(run, impute)
            loss = None if value is None else ledger.yardstick.loss(value)
            ignored = value is None and impute is Impute.IGNORE
            failed = run.phase is RunPhase.FAILED
            parameters = json.loads(run.parameters)
            observations.append(Observation(number, parameters, loss, failed, ignored))
    return observations, pending


def _teaches(run: RunFacts) -> bool:
    return run.phase in {RunPhase.FINISHED, RunPhase.FAILED} or told(run) is not None


def _imputed(run: RunFacts, impute: Impute) -> float | None:
    """What a run without a value counts as; None for the worst there is, or for nothing."""
    match impute:
        case Impute.LATEST:
            return run.latest
        case Impute.BEST:
            return run.best
        case _:
            return None
