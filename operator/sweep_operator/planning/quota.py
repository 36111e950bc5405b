"""Which runs may start now: never more than the parallelism, never past the limit."""

from typing import NamedTuple

from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.regime import Regime, may_attempt, may_make_runs
from sweep_operator.planning.requeue import retry_at


class Start(NamedTuple):
    """An attempt to be started."""

    number: int
    attempt: int
    fresh: bool
    """The run is new: its record is to be made first."""


class Quota(NamedTuple):
    """What may start now, and when to look again for a run in backoff."""

    starts: list[Start]
    look_again: float | None


def quota(
    regime: Regime,
    parallelism: int,
    limit: int | None,
    ledger: Ledger,
    *,
    stalled: bool,
    now: float,
) -> Quota:
    """Choose the attempts to start: runs that wait go before new ones.

    Args:
        regime: what holds for all runs of the sweep.
        parallelism: runs at a time.
        limit: how many runs there can be, None for no end.
        ledger: the sweep's runs.
        stalled: the last creation was refused: one is tried, rather than all.
        now: seconds since the epoch.
    """
    free = parallelism - len(ledger.active)
    if stalled:
        free = min(free, 1)
    starts: list[Start] = []
    look_again: float | None = None
    for number in sorted(ledger.waiting):
        run = ledger.runs[number]
        if not may_attempt(regime, run):
            continue
        due = retry_at(run)
        if due > now:
            look_again = due if look_again is None else min(look_again, due)
        elif len(starts) < free:
            starts.append(Start(number, run.current_attempt, fresh=False))
    number = ledger.last_number
    while may_make_runs(regime) and len(starts) < free and (limit is None or number < limit):
        number += 1
        starts.append(Start(number, 1, fresh=True))
    return Quota(starts, look_again)
