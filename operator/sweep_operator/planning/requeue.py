"""Whether a run is attempted again after an attempt has ended, and when.

Two budgets that never touch: what the cluster takes away is counted as preemptions, what the
program gets wrong as failures. Both are fresh when a run is run again by request.
"""

from typing import NamedTuple

from sweep_operator.api.run import RunPhase
from sweep_operator.planning.facts import SETTLED, RunFacts
from sweep_operator.planning.regime import Regime, StopReason
from sweep_operator.planning.verdict import Verdict

BACKOFF_FIRST = 10.0
BACKOFF_LONGEST = 600.0
"""Seconds between attempts that end before they are a minute old."""


class Aftermath(NamedTuple):
    """What a run is after one of its attempts has ended."""

    phase: RunPhase
    reason: str
    message: str
    final: bool
    """No further attempt will be made."""
    preemptions: int
    failures: int


def aftermath(found: Verdict, run: RunFacts, regime: Regime) -> Aftermath:
    """Decide what an attempt's outcome means for its run.

    Args:
        found: what became of the attempt.
        run: its record, which doesn't tell of that yet.
        regime: what holds for the sweep, the budgets among it.
    """
    plain = Aftermath(
        found.outcome,
        found.reason,
        found.message,
        found.outcome in SETTLED,
        run.preemptions,
        run.failures,
    )
    match found.outcome:
        case RunPhase.CRASHED:
            return _crashed(plain._replace(preemptions=run.preemptions + 1), run, regime)
        case RunPhase.FAILED if found.reason != StopReason.PENDING_TIMEOUT:
            return _failed(plain._replace(failures=run.failures + 1), run, regime)
        case _:
            return plain


def _crashed(plain: Aftermath, run: RunFacts, regime: Regime) -> Aftermath:
    most = regime.max_preemptions
    if most < 0 or plain.preemptions - run.forgiven.preemptions <= most:
        return plain
    spent = f"spec.preemption.maxPreemptions ({most}) is used up. Last: {plain.reason}"
    return plain._replace(
        final=True,
        reason="PreemptionsExhausted",
        message=f"{spent}. {plain.message}",
    )


def _failed(plain: Aftermath, run: RunFacts, regime: Regime) -> Aftermath:
    most, used = regime.max_retries, plain.failures - run.forgiven.failures
    if used <= most:
        retry = f"Retry {used} of {most} (spec.failurePolicy.maxRetries)"
        return plain._replace(
            phase=RunPhase.PENDING,
            final=False,
            reason="Retrying",
            message=f"{retry} after {plain.reason}. {plain.message}",
        )
    if not most:
        return plain
    spent = f"spec.failurePolicy.maxRetries ({most}) is used up."
    return plain._replace(message=f"{plain.message} {spent}".strip())


def retry_at(run: RunFacts) -> float:
    """When a run may have its next attempt, in seconds since the epoch; 0 for at once.

    Attempts that end before they are a minute old make it wait: 10 s, doubling to 10 minutes.
    """
    if run.attempt_ended is None or run.short_lived == 0:
        return 0.0
    exponent = min(run.short_lived - 1, 16)
    return run.attempt_ended + min(BACKOFF_FIRST * 2.0**exponent, BACKOFF_LONGEST)
