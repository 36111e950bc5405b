"""What a sweep's state means for its runs: who may start, who must go. The table, in rules.

"Started" is said of a run one of whose containers has started once: the contract's commands speak
of runs that are already executing, and a Job that waits for a node is not.
"""

from enum import StrEnum
from typing import NamedTuple

from sweep_operator.api.run import RunPhase
from sweep_operator.api.sweep import EndReason, SweepState
from sweep_operator.planning.facts import JobFacts, RunFacts
from sweep_operator.planning.verdict import CANCELLED, EARLY_TERMINATED, JOB_GONE, Verdict


class Regime(NamedTuple):
    """What holds for all runs of a sweep at the moment."""

    state: SweepState
    reached: EndReason | None = None
    """The search has come far enough: no new runs, and those that haven't started aren't needed."""
    spent: bool = False
    """As many runs have failed as may: no new ones, and those that haven't started are held."""
    pending_timeout: float | None = None
    """Seconds that an attempt's pod may take to start."""
    measured: bool = False
    """The sweep has a metric."""
    max_retries: int = 0
    """How often a run that fails is tried again."""
    max_preemptions: int = -1
    """How often a run that crashes is run again; -1 for no limit."""
    unreachable_after: float = 60.0
    """Seconds after which a pod that should have gone is given up if its node is out of reach."""
    rerun_failed: int = 0
    """How often a person has asked for all runs again that were lost by then."""


class StopReason(StrEnum):
    """Why the operator ends an attempt: on record before the attempt is ended."""

    CANCELLED = "Cancelled"
    NOT_STARTED = "NotStarted"
    HELD = "Held"
    PENDING_TIMEOUT = "PendingTimeout"
    EARLY_TERMINATED = "EarlyTerminated"


def may_make_runs(regime: Regime) -> bool:
    """New runs are made only while the sweep is Running, its end open and its budget not spent."""
    return _may_begin(regime) and not regime.reached


def may_attempt(regime: Regime, run: RunFacts) -> bool:
    """A started run is attempted again in any state but Cancelled; the others go as new ones do.

    One that a person asked for again goes though the search has come far enough without it.
    """
    if regime.state is SweepState.CANCELLED:
        return False
    return run.started or may_make_runs(regime) or (run.reopened and _may_begin(regime))


def _may_begin(regime: Regime) -> bool:
    return regime.state is SweepState.RUNNING and not regime.spent


def must_rerun(regime: Regime, run: RunFacts) -> bool:
    """A lost run is run again, once, if a person asked for it after it was lost.

    A request is a number that only rises: spec.rerunFailed of the sweep, for all its runs, and
    spec.attemptsRequested of the run. A run answers both as they stand whenever it ends and
    whenever it is reopened, in the same write as its outcome or its reopening. So a number above
    the one it has answered was written after that, and the write that reopens it is the one that
    answers: there is nothing in between at which it could be run twice or forgotten. A new record
    has answered nothing, and need not: it can't be lost before it has ended once.

    Two writers may meet: a person raises a number while the operator writes an outcome. Of the
    run's own number the API server says who was first, as both write the same object. Of the
    sweep's number it is what the operator has seen: if not yet the higher one, the run answers the
    lower, and is run again; if the higher one, the run ended after it, and stays as it is. Whoever
    has read that a run is lost, and asks then, is always heard.

    Nothing is asked of a Paused sweep yet; and a Stopped or Cancelled one starts nothing.
    """
    if regime.state is not SweepState.RUNNING or not run.lost:
        return False
    return run.asked > run.answered or regime.rerun_failed > run.answered_all


def waits_in_vain(regime: Regime, run: RunFacts) -> Verdict | None:
    """The end of a run that waits for an attempt which will never come."""
    if regime.state is SweepState.CANCELLED:
        return ends(StopReason.CANCELLED)
    if no_more_starts(regime, run) and not run.started:
        return ends(StopReason.NOT_STARTED)
    return None


def no_more_starts(regime: Regime, run: RunFacts) -> bool:
    """A run will never start if it hasn't: it is Killed rather than held.

    That the search has come far enough ends none that a person asked for again.
    """
    reached = regime.state is SweepState.RUNNING and regime.reached is not None
    return regime.state is SweepState.STOPPED or (reached and not run.reopened)


def may_terminate_early(regime: Regime) -> bool:
    """A sweep that was stopped lets its runs go on to their end, bad ones too."""
    return regime.state in (SweepState.RUNNING, SweepState.PAUSED)


def must_stop(regime: Regime, run: RunFacts, job: JobFacts, now: float) -> StopReason | None:
    """Why an attempt whose container hasn't started must go, if it must."""
    if regime.state is SweepState.CANCELLED:
        return StopReason.CANCELLED
    if not may_attempt(regime, run):
        return StopReason.NOT_STARTED if no_more_starts(regime, run) else StopReason.HELD
    if regime.pending_timeout is None or job.suspended:
        return None
    late = now >= job.pending_since + regime.pending_timeout
    return StopReason.PENDING_TIMEOUT if late else None


def gone(regime: Regime, run: RunFacts) -> Verdict:
    """What becomes of a run whose Job is gone: the operator ended it, or somebody deleted it."""
    if regime.state is SweepState.CANCELLED:
        return CANCELLED
    if run.stop_reason in StopReason.__members__.values():
        return ends(StopReason(run.stop_reason), f"{run.reason}: {run.message}".strip(": "))
    return JOB_GONE


def ends(reason: StopReason, trouble: str = "") -> Verdict:
    """What becomes of a run whose attempt was ended for a reason.

    Args:
        reason: why.
        trouble: why the attempt didn't start, as far as known.
    """
    match reason:
        case StopReason.CANCELLED:
            return CANCELLED
        case StopReason.NOT_STARTED:
            message = "The sweep was stopped, or had come far enough, before the run had started."
            return Verdict(RunPhase.KILLED, reason.value, message)
        case StopReason.HELD:
            return Verdict(RunPhase.PENDING, reason.value, "Held before its start; it goes first.")
        case StopReason.EARLY_TERMINATED:
            return EARLY_TERMINATED
        case StopReason.PENDING_TIMEOUT:
            message = f"No container started within spec.pendingTimeout. {trouble}".strip()
            return Verdict(RunPhase.FAILED, reason.value, message)
