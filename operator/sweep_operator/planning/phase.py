"""A sweep's phase: what is true, decided from what is wanted and from its runs."""

from sweep_operator.api.sweep import SweepPhase, SweepState
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.refusal import Stall


def drained(ledger: Ledger) -> bool:
    """No run is active and none waits for another attempt."""
    return not ledger.active and not ledger.waiting


def exhausted(limit: int | None, ledger: Ledger) -> bool:
    """The cap is reached or the grid is at its end: no new run will come."""
    return limit is not None and ledger.last_number >= limit


def phase(state: SweepState, limit: int | None, ledger: Ledger, stall: Stall | None) -> SweepPhase:
    """Decide the phase. A sweep is Running as long as there is work left, whatever its runs do."""
    if state is not SweepState.RUNNING:
        return SweepPhase(state.value)
    if exhausted(limit, ledger) and drained(ledger):
        return SweepPhase.FINISHED
    if stall is not None and stall.for_good:
        return SweepPhase.CRASHED
    return SweepPhase.RUNNING


def complete(current: SweepPhase, ledger: Ledger) -> bool:
    """No run is active and none will come without an edit."""
    if current in (SweepPhase.STOPPED, SweepPhase.CANCELLED):
        return not ledger.active
    return current is SweepPhase.FINISHED
