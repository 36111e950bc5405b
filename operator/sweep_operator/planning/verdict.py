"""What became of an attempt: an ordered table of small rules, the first that speaks decides.

Each rule keeps one sentence, looks at facts alone and returns None where it has nothing to say.
What the cluster tells is durable in parts: a Job's condition outlives its pod, so most rules do
without the pod, which may be gone when an operator that was down comes back.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from sweep_operator.api.run import RunPhase
from sweep_operator.planning.facts import SHORT_LIFE, JobEnd, PodFacts, RunFacts
from sweep_operator.planning.metrics import parse_report

DISRUPTION_RULE = 0
"""Index of the Job's pod failure rule for pods told to go (see planning.job)."""


class Verdict(NamedTuple):
    """An attempt's outcome, with what a person reads about it."""

    outcome: RunPhase
    reason: str
    message: str
    exit_code: int | None = None


class Case(NamedTuple):
    """All that is known of an attempt whose Job has ended."""

    end: JobEnd
    pod: PodFacts | None
    """Its newest pod, None where it is gone."""
    run: RunFacts
    measured: bool
    """The sweep has a metric, so a program that succeeds reports one."""
    events: frozenset[str] = frozenset()
    """What the kubelet's Events say of the program of a pod that is gone: Started, Killing."""

    @property
    def exit_code(self) -> int | None:
        """The program's, from the pod or from what the Job's condition quotes of it."""
        if self.pod is not None:
            return self.pod.exit_code
        quoted = re.search(r"exit code (\d+)", self.end.message)
        return int(quoted[1]) if quoted else None

    @property
    def told(self) -> bool:
        """The pod was told to go: deleted, disrupted or marked by whoever knew it would be."""
        if self.pod is None:
            return self.marked or "Killing" in self.events
        return self.marked or self.pod.told is not None

    @property
    def marked(self) -> bool:
        """The pod was marked as about to be preempted."""
        return self.run.preempting or (self.pod is not None and self.pod.preempting)

    @property
    def started(self) -> float | None:
        """When the program started, as far as the pod or the record tell."""
        if self.pod is not None and self.pod.started is not None:
            return self.pod.started
        return self.run.attempt_started if self.run.attempt_open else None

    @property
    def reported(self) -> bool:
        """The program's final result is on record, or in the pod's termination message."""
        if self.run.attempt_open and self.run.reported:
            return True
        report = parse_report(self.pod.termination_message if self.pod else "")
        return bool(report.metrics or report.non_finite)


Rule = Callable[[Case], Verdict | None]

SIGNALLED = frozenset({137, 143})
"""Exit codes of a program that SIGKILL or SIGTERM ended."""

REFUSED_BY_NODE = re.compile(
    "OutOf.+|Insufficient.+|NodeAffinity|NodeShutdown|Terminated|Shutdown|NodeLost|Evicted|Preempting"
    "|UnexpectedAdmissionError|UnexpectedPredicateFailureType|UnknownReason|TopologyAffinityError"
    "|InvalidNodeInfo"
)
"""Reasons on a pod by which its node refuses or ends it through no fault of the pod's own.

From the kubelet's sources (pkg/kubelet: lifecycle, nodeshutdown, preemption, cm/topologymanager).
"""


def terminated_early(case: Case) -> Verdict | None:
    """A run that was to be stopped early is Killed, however its program took that."""
    return EARLY_TERMINATED if case.run.stop_reason == EARLY_TERMINATED.reason else None


def finished_before_told(case: Case) -> Verdict | None:
    """A program that exited with 0 before its pod was told to go is Finished."""
    if case.pod is None or case.pod.exit_code != 0 or not case.pod.ended_by_itself:
        return None
    if case.pod.reason:  # the kubelet ended it, and the program took that well
        return None
    if case.marked and not case.reported:
        return None
    return Verdict(RunPhase.FINISHED, "Completed", "", 0)


def reported_and_exited_well(case: Case) -> Verdict | None:
    """A program that exits with 0 and leaves its final result is Finished, told to go or not."""
    if case.pod is None or case.pod.exit_code != 0 or not case.reported:
        return None
    return Verdict(RunPhase.FINISHED, "Completed", "", 0)


def reported_then_pushed_out(case: Case) -> Verdict | None:
    """A program whose final result is on record when its pod is pushed out is Finished."""
    if not (case.run.attempt_open and case.run.reported):
        return None
    if disrupted(case) or deleted(case) or lost(case):
        message = "The result was on record when the pod was taken away."
        return Verdict(RunPhase.FINISHED, "Completed", message, case.exit_code)
    return None


def disrupted(case: Case) -> Verdict | None:
    """A run whose pod the cluster told to go is Crashed, whatever its exit code."""
    end, pod = case.end, case.pod
    if end.reason != "PodFailurePolicy" or f"rule at index {DISRUPTION_RULE}" not in end.message:
        return None
    reason = pod.disruption if pod else ""
    message = (pod.message if pod else "") or end.message
    return Verdict(RunPhase.CRASHED, reason or "Disrupted", message, case.exit_code)


def storage_exceeded(case: Case) -> Verdict | None:
    """A run that the kubelet evicts for its own ephemeral storage is Failed: the limit is its own.

    Eviction under the node's pressure comes with a disruption, which has been ruled out here.
    """
    pod = case.pod
    if pod is None or pod.reason != "Evicted" or pod.exit_code is None:
        return None
    return Verdict(RunPhase.FAILED, "EphemeralStorageExceeded", pod.message, pod.exit_code)


def pod_deadline(case: Case) -> Verdict | None:
    """A run that outlives its pod's activeDeadlineSeconds is Failed."""
    pod = case.pod
    if pod is None or pod.reason != "DeadlineExceeded":
        return None
    return Verdict(RunPhase.FAILED, "DeadlineExceeded", pod.message, pod.exit_code)


def container_lost(case: Case) -> Verdict | None:
    """A run whose container the node forgot, as when a machine came back empty, is Crashed."""
    if case.pod is None or case.pod.end_reason != "ContainerStatusUnknown":
        return None
    message = "The node no longer knew of its container."
    return Verdict(RunPhase.CRASHED, "ContainerLost", message, case.pod.exit_code)


def preempting(case: Case) -> Verdict | None:
    """A run marked as about to be preempted is Crashed if it fails, unless at once.

    A program that fails in its first minute is broken: its mark doesn't have it run for ever.
    """
    if case.end.reason != "PodFailurePolicy" or not case.marked:
        return None
    finished = case.pod.finished if case.pod and case.pod.finished else case.end.time
    if case.started is None or finished - case.started < SHORT_LIFE:
        return None
    message = f"Marked as about to be preempted, it exited with code {case.exit_code}."
    return Verdict(RunPhase.CRASHED, "Preempting", message, case.exit_code)


def deleted(case: Case) -> Verdict | None:
    """A run ended by a signal, its pod told to go or gone, is Crashed: a forced drain looks so."""
    pod = case.pod
    if case.end.reason != "PodFailurePolicy" or (pod is not None and pod.ended_by_itself):
        return None
    if case.exit_code not in SIGNALLED:
        return None
    message = f"Its pod was deleted, which ended the program with code {case.exit_code}."
    return Verdict(RunPhase.CRASHED, "PodDeleted", message, case.exit_code)


def out_of_memory(case: Case) -> Verdict | None:
    """A run that exceeds its own memory limit is Failed."""
    if case.pod is None or case.pod.end_reason != "OOMKilled":
        return None
    message = "The program used more memory than its container's limit."
    return Verdict(RunPhase.FAILED, "OOMKilled", message, case.pod.exit_code)


def exited(case: Case) -> Verdict | None:
    """A run whose program exits with a code other than 0 is Failed."""
    if case.end.reason != "PodFailurePolicy":
        return None
    code = case.exit_code
    message = f"The program exited with code {code}." if code and case.pod else case.end.message
    return Verdict(RunPhase.FAILED, "ProgramFailed", message, code)


def job_deadline(case: Case) -> Verdict | None:
    """A run that outlives its Job's deadline is Failed; one that never began is Crashed."""
    if case.end.reason != "DeadlineExceeded":
        return None
    if case.started is None and "Started" not in case.events:
        return Verdict(RunPhase.CRASHED, "DeadlineExceeded", "The deadline passed before a start.")
    return Verdict(RunPhase.FAILED, "DeadlineExceeded", case.end.message, case.exit_code)


def refused_by_node(case: Case) -> Verdict | None:
    """A run whose node took its pod in and then had no place for it is Crashed."""
    pod = case.pod
    if case.end.complete or pod is None or not REFUSED_BY_NODE.fullmatch(pod.reason):
        return None
    return Verdict(RunPhase.CRASHED, pod.reason, pod.message, pod.exit_code)


def stopped_early(case: Case) -> Verdict | None:
    """A run that exits with 0 because it was told to go, and without a result, is Crashed."""
    if not case.end.complete or not case.told or case.reported:
        return None
    message = "It was told to go and exited with code 0, but reported no final result."
    return Verdict(RunPhase.CRASHED, "StoppedEarly", message, 0)


def result_lost(case: Case) -> Verdict | None:
    """A run whose result was in the termination message of a pod that is gone is Crashed."""
    if not case.end.complete or case.pod is not None or not case.measured or case.reported:
        return None
    message = "Its pod was gone before its termination message, and the metrics in it, was read."
    return Verdict(RunPhase.CRASHED, "ResultLost", message, 0)


def completed(case: Case) -> Verdict | None:
    """A run whose program exits with 0 is Finished."""
    return Verdict(RunPhase.FINISHED, "Completed", "", 0) if case.end.complete else None


def lost(case: Case) -> Verdict | None:
    """A run whose pod vanished without an exit code is Crashed: the ground went from under it."""
    if case.end.complete or (case.pod is not None and case.pod.exit_code is not None):
        return None
    if case.pod is not None and case.pod.terminal and case.pod.reason:
        return None
    return Verdict(RunPhase.CRASHED, "PodLost", case.end.message)


def anything_else(case: Case) -> Verdict | None:
    """What no rule knows is Failed, in the pod's or the Job's own words."""
    pod = case.pod
    reason = (pod.reason if pod else "") or case.end.reason
    message = (pod.message if pod else "") or case.end.message
    return Verdict(RunPhase.FAILED, reason, message, case.exit_code)


EARLY_TERMINATED = Verdict(RunPhase.KILLED, "EarlyTerminated", "")
"""Why is on the record from the moment it was decided."""


RULES: tuple[Rule, ...] = (
    terminated_early,
    finished_before_told,
    reported_and_exited_well,
    reported_then_pushed_out,
    disrupted,
    storage_exceeded,
    pod_deadline,
    container_lost,
    preempting,
    deleted,
    out_of_memory,
    exited,
    job_deadline,
    refused_by_node,
    stopped_early,
    result_lost,
    completed,
    lost,
    anything_else,
)


CANCELLED = Verdict(RunPhase.KILLED, "Cancelled", "The sweep was cancelled.")


def verdict(case: Case, *, cancelled: bool) -> Verdict:
    """Decide an attempt's outcome.

    Args:
        case: what is known of it.
        cancelled: the sweep was cancelled meanwhile: a run that hadn't ended first is Killed.
    """
    if cancelled and not (case.pod is not None and case.pod.ended_by_itself):
        return CANCELLED
    for rule in RULES:
        found = rule(case)
        if found is not None:
            return found
    raise AssertionError("the last rule always speaks")


JOB_GONE = Verdict(
    RunPhase.CRASHED, "JobDeleted", "The Job was deleted before its outcome was on record."
)
"""A run whose Job somebody deleted is Crashed."""
