"""A sweep's phase: what is true, decided from what is wanted and from its runs."""

from sweep_operator.api.sweep import SweepPhase, SweepState
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.refusal import Stall
from sweep_operator.planning.regime import Regime, may_attempt, must_rerun


def drained(regime: Regime, ledger: Ledger) -> bool:
    """No run is active, none waits for another attempt, and none is to be reopened."""
    return not ledger.active and not ledger.waiting and not reruns_due(regime, ledger)


def reruns_due(regime: Regime, ledger: Ledger) -> bool:
    """A person has asked for runs again whose records don't say so yet."""
    return any(must_rerun(regime, ledger.runs[number]) for number in ledger.lost)


def exhausted(limit: int | None, ledger: Ledger) -> bool:
    """The cap is reached or the grid is at its end: no new run will come."""
    return limit is not None and ledger.last_number >= limit


def at_rest(regime: Regime, ledger: Ledger) -> bool:
    """No run is active, and none of those that wait will be attempted without an edit."""
    if ledger.active or reruns_due(regime, ledger):
        return False
    return not any(may_attempt(regime, ledger.runs[number]) for number in ledger.waiting)


def phase(
    regime: Regime, limit: int | None, ledger: Ledger, stall: Stall | None, previous: str
) -> SweepPhase:
    """Decide the phase: the table of states.

    Args:
        regime: what holds for the runs.
        limit: how many runs there can be, None for no end.
        ledger: the runs.
        stall: what keeps the sweep from going on.
        previous: the phase as last written with no run active. What has Finished or Failed so
            stays so when spec.state is edited afterwards, where the runs still say the same.
    """
    done = (exhausted(limit, ledger) or regime.reached is not None) and drained(regime, ledger)
    failed = regime.spent
    if regime.state is SweepState.RUNNING:
        if failed:
            return SweepPhase.FAILED
        if done:
            return SweepPhase.FINISHED
        if stall is not None and stall.for_good:
            return SweepPhase.CRASHED
        return SweepPhase.RUNNING
    if failed and previous == SweepPhase.FAILED and not ledger.active:
        return SweepPhase.FAILED
    if done and previous == SweepPhase.FINISHED:
        return SweepPhase.FINISHED
    return SweepPhase(regime.state.value)


def complete(current: SweepPhase, regime: Regime, ledger: Ledger) -> bool:
    """Whether a sweep is at its end for all that is wanted, be that a good end or not."""
    if current is SweepPhase.FINISHED:
        return True
    ends = (SweepPhase.STOPPED, SweepPhase.CANCELLED, SweepPhase.FAILED)
    return current in ends and at_rest(regime, ledger)
