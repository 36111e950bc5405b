"""What to do next about one run: a decision from its facts, to be carried out elsewhere.

A step is done at most once for the same facts: when it is done, the facts have changed.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sweep_operator.api.run import RunPhase
from sweep_operator.api.sweep import SweepState
from sweep_operator.planning.early_termination import Behind
from sweep_operator.planning.facts import JobEnd, JobFacts, PodFacts, RunFacts
from sweep_operator.planning.regime import (
    Regime,
    StopReason,
    gone,
    may_terminate_early,
    must_rerun,
    must_stop,
    waits_in_vain,
)
from sweep_operator.planning.verdict import Case, Verdict, verdict

POD_LAG = 2.0
"""Seconds to wait for a pod's last word once its Job has ended (they come by two watches)."""

UNSCHEDULABLE_AFTER = 5.0
"""Seconds before an unscheduled pod is a trouble worth a write: most find a node at once."""

NO_POD_AFTER = 3.0
"""Seconds after which a Job without a pod is asked about: its pod may be refused."""


@dataclass(frozen=True, slots=True)
class RecordStarted:
    """Write that the attempt's main container has started."""

    job: JobFacts
    pod: PodFacts


@dataclass(frozen=True, slots=True)
class RecordTrouble:
    """Write why the run is still Pending; both are empty when it no longer is for a reason."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class RecordStopping:
    """Write why the attempt is about to be ended, or, with None, that it is not after all."""

    job: JobFacts
    reason: StopReason | None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Delete the Job of an attempt whose container hasn't started, if it is still as it was seen.

    Losing that race means that its pod has come to life, or to its end, and then that is what
    counts, after a cancel too: what had completed first stays Finished.
    """

    job: JobFacts


@dataclass(frozen=True, slots=True)
class TellToGo:
    """Tell the pod of a started attempt to go, with its grace period."""

    job: JobFacts


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """Write how the attempt ended. `job` is None where it is gone, or was never made."""

    job: JobFacts | None
    pod: PodFacts | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class RecordRerun:
    """Write that a lost run waits for another attempt, as a person asked for it."""


@dataclass(frozen=True, slots=True)
class RecordPhase:
    """Write the phase that a record had before somebody edited it."""


@dataclass(frozen=True, slots=True)
class LookForPod:
    """Read the ended Job's pod from the API server: the watch hasn't told its last word."""

    job: JobFacts
    end: JobEnd


@dataclass(frozen=True, slots=True)
class AskWhyNoPod:
    """Read the Events that say why the Job has no pod."""

    job: JobFacts


@dataclass(frozen=True, slots=True)
class ConfirmGone:
    """Read the attempt's Job from the API server, and record it as deleted if it is."""

    attempt: int


@dataclass(frozen=True, slots=True)
class ReleasePod:
    """Give up a pod that should have gone long ago, if its node is out of reach."""

    pod: PodFacts


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """Delete a Job whose outcome has been on record for its time."""

    job: JobFacts


@dataclass(frozen=True, slots=True)
class DeleteStray:
    """Delete a Job that came to be when its run was settled without it, if the run still is.

    Its creation was on the wire for longer than anybody waited for its answer.
    """

    job: JobFacts


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before this time, in seconds since the epoch."""

    until: float


Step = (
    RecordStarted
    | RecordTrouble
    | RecordStopping
    | Withdraw
    | TellToGo
    | RecordOutcome
    | RecordRerun
    | RecordPhase
    | LookForPod
    | AskWhyNoPod
    | ConfirmGone
    | ReleasePod
    | DeleteJob
    | DeleteStray
    | Wait
)


class Keeping(NamedTuple):
    """How long ended Jobs stay. Times are seconds since the epoch."""

    since: float
    """No outcome that this process knows was recorded before."""
    ttl: float
    """Seconds that an ended Job stays once its outcome is on record."""
    until: float = 0.0
    """Infinite for the best run so far, whose Job stays."""


def next_step(
    run: RunFacts,
    jobs: Mapping[int, JobFacts],
    pod: PodFacts | None,
    regime: Regime,
    keeping: Keeping,
    now: float,
    vanished: JobFacts | None = None,
    behind: Behind | None = None,
) -> Step | None:
    """Decide what is next for a run; that it may start is quota's to say.

    Args:
        run: its record.
        jobs: its Jobs by attempt, as far as they still exist.
        pod: the newest pod of the current attempt's Job.
        regime: what holds for all runs of the sweep.
        keeping: how long its ended Jobs stay.
        now: seconds since the epoch.
        vanished: the current attempt's Job, where it is gone before anything of it was on record.
        behind: why it is to be stopped early, if it is.
    """
    if run.misstated:
        return RecordPhase()
    if must_rerun(regime, run):
        return RecordRerun()
    if not run.settled:
        job = jobs.get(run.current_attempt)
        if job is None and vanished is not None:
            step: Step | None = RecordOutcome(vanished, None, gone(regime, run))
        elif job is not None or run.attempt_open:
            step = _current_attempt(run, job, pod, regime, now, behind)
        else:
            vain = waits_in_vain(regime, run)
            step = RecordOutcome(None, None, vain) if vain else None
        if step is not None:
            return step

    def kept_until(job: JobFacts) -> float:
        ended = job.end.time if job.end else job.created
        best = keeping.until if job.attempt == run.attempt else 0.0
        # The outcome may have been recorded long after the end, when the operator came back.
        return max(max(ended, keeping.since) + keeping.ttl, best)

    return _clean_up(run, jobs, now, kept_until)


def _current_attempt(
    run: RunFacts,
    job: JobFacts | None,
    pod: PodFacts | None,
    regime: Regime,
    now: float,
    behind: Behind | None,
) -> Step | None:
    cancelled = regime.state is SweepState.CANCELLED
    if job is None:
        return ConfirmGone(run.attempt)
    if job.end is not None:
        return _ended(run, job, job.end, pod, regime, now)
    if job.deleting:
        return None  # its pods get their grace period; the DELETED event brings us back
    if pod is not None and pod.terminal:
        if not job.suspended:
            return None  # the Job's end follows, or its next pod after a suspension
        pod = None
    stopping = run.stop_reason == StopReason.EARLY_TERMINATED
    if pod is not None and pod.started is not None:
        marked = pod.preempting and not run.preempting
        changed = bool(run.stop_reason) and not stopping
        news = run.phase is not RunPhase.RUNNING or changed or marked
        if news and not cancelled:
            return RecordStarted(job, pod)
        if behind is not None and not stopping and may_terminate_early(regime):
            return RecordStopping(job, StopReason.EARLY_TERMINATED, in_words(behind))
        if stopping and pod.told is None:
            return TellToGo(job)
    if pod is not None and pod.gone_by is not None and not cancelled:
        due = pod.gone_by + regime.unreachable_after
        return ReleasePod(pod) if now >= due else Wait(due)
    if pod is not None and pod.started is not None:
        return None
    if run.phase is RunPhase.RUNNING and not cancelled:
        # A Job that was suspended and goes on gets another pod.
        return _suspended(run) if job.suspended else None
    return _unstarted(run, job, pod, regime, now)


def _ended(
    run: RunFacts,
    job: JobFacts,
    end: JobEnd,
    pod: PodFacts | None,
    regime: Regime,
    now: float,
) -> Step:
    if pod is None or not pod.terminal:
        if now < end.time + POD_LAG:
            return Wait(end.time + POD_LAG)
        return LookForPod(job, end)
    cancelled = regime.state is SweepState.CANCELLED
    return RecordOutcome(
        job, pod, verdict(Case(end, pod, run, regime.measured), cancelled=cancelled)
    )


def _unstarted(
    run: RunFacts, job: JobFacts, pod: PodFacts | None, regime: Regime, now: float
) -> Step | None:
    reason = must_stop(regime, run, job, now)
    if reason is StopReason.CANCELLED:
        return Withdraw(job)  # spec.state is on record for good: nothing to write first
    if reason is not None:
        if run.stop_reason != reason:
            return RecordStopping(job, reason)
        return Withdraw(job)
    if run.stop_reason:
        return RecordStopping(job, None)
    if job.suspended:
        return _suspended(run)
    due = _waiting(run, job, pod, now)
    if due is None and regime.pending_timeout is not None:
        return Wait(job.pending_since + regime.pending_timeout)
    if isinstance(due, Wait) and regime.pending_timeout is not None:
        return Wait(min(due.until, job.pending_since + regime.pending_timeout))
    return due


def in_words(behind: Behind) -> str:
    """Why a run is stopped early, for a person."""
    return (
        f"Stopped early at {behind.where}: {behind.value:g} is worse than {behind.threshold:g}, "
        f"{behind.meaning}."
    )


def _suspended(run: RunFacts) -> Step | None:
    """Whoever suspends Jobs, a queue as a rule, is never argued with."""
    if run.reason == "Suspended":
        return None
    return RecordTrouble("Suspended", "Its Job is suspended, as by a queue that has no room yet.")


def _waiting(run: RunFacts, job: JobFacts, pod: PodFacts | None, now: float) -> Step | None:
    if pod is None:
        if job.has_pods:
            return None
        due = job.created + NO_POD_AFTER
        return AskWhyNoPod(job) if now >= due else Wait(due)
    trouble = pod.trouble
    if trouble is None:
        return RecordTrouble("", "") if run.reason else None
    if trouble.reason == "Unschedulable" and now < trouble.since + UNSCHEDULABLE_AFTER:
        return Wait(trouble.since + UNSCHEDULABLE_AFTER)
    if trouble.reason != run.reason:
        return RecordTrouble(trouble.reason, trouble.message)
    return None


def _clean_up(
    run: RunFacts, jobs: Mapping[int, JobFacts], now: float, keep: Callable[[JobFacts], float]
) -> Step | None:
    soonest = math.inf
    for attempt, job in jobs.items():
        if job.deleting:
            continue
        if attempt >= run.current_attempt:
            if run.settled:
                return DeleteStray(job)
            continue
        due = keep(job)
        if now >= due:
            return DeleteJob(job)
        soonest = min(soonest, due)
    return None if soonest == math.inf else Wait(soonest)
