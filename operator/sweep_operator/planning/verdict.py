"""What became of an attempt: an ordered chain of small rules, the first that speaks decides.

Each rule keeps one sentence, looks at facts alone and returns None where it has nothing to say.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from sweep_operator.api.run import RunPhase
from sweep_operator.planning.facts import JobEnd, PodFacts

DISRUPTION_RULE = 0
"""Index of the Job's pod failure rule for pods told to go (see planning.job)."""


class Verdict(NamedTuple):
    """An attempt's outcome, with what a person reads about it."""

    outcome: RunPhase
    reason: str
    message: str
    exit_code: int | None = None


Rule = Callable[[JobEnd, PodFacts | None], Verdict | None]

SIGNALLED = frozenset({137, 143})
"""Exit codes of a program that SIGKILL or SIGTERM ended."""


def complete_is_finished(end: JobEnd, pod: PodFacts | None) -> Verdict | None:
    """A run whose program exits 0 is Finished."""
    if not end.complete:
        return None
    return Verdict(RunPhase.FINISHED, "Completed", "", pod.exit_code if pod else 0)


def disrupted_is_crashed(end: JobEnd, pod: PodFacts | None) -> Verdict | None:
    """A run whose pod was told to go by the cluster is Crashed, whatever its exit code."""
    if end.reason != "PodFailurePolicy" or f"rule at index {DISRUPTION_RULE}" not in end.message:
        return None
    return Verdict(RunPhase.CRASHED, "Disrupted", end.message, pod.exit_code if pod else None)


def deleted_pod_is_crashed(end: JobEnd, pod: PodFacts | None) -> Verdict | None:
    """A run ended by a signal, its pod told to go or gone, is Crashed: a forced drain looks so."""
    if end.reason != "PodFailurePolicy" or (pod is not None and pod.told is None):
        return None
    said = re.search(r"exit code (\d+)", end.message)
    code = pod.exit_code if pod else int(said[1]) if said else None
    if code not in SIGNALLED:
        return None
    message = f"Its pod was deleted, which ended the program with code {code}."
    return Verdict(RunPhase.CRASHED, "PodDeleted", message, code)


def exit_code_is_failed(end: JobEnd, pod: PodFacts | None) -> Verdict | None:
    """A run whose program exits with a code other than 0 is Failed."""
    if end.reason != "PodFailurePolicy":
        return None
    exit_code = pod.exit_code if pod else None
    message = f"The program exited with code {exit_code}." if exit_code else end.message
    return Verdict(RunPhase.FAILED, "ProgramFailed", message, exit_code)


def deadline_is_failed(end: JobEnd, pod: PodFacts | None) -> Verdict | None:
    """A run that started and outlives its Job's activeDeadlineSeconds is Failed."""
    if end.reason != "DeadlineExceeded":
        return None
    if pod is None or pod.started is None:
        return Verdict(RunPhase.CRASHED, "DeadlineExceeded", "The deadline passed before a start.")
    return Verdict(RunPhase.FAILED, "DeadlineExceeded", end.message, pod.exit_code)


def lost_pod_is_crashed(end: JobEnd, pod: PodFacts | None) -> Verdict | None:
    """A run whose pod vanished without an exit code is Crashed: the ground went from under it."""
    if pod is not None and pod.exit_code is not None:
        return None
    return Verdict(RunPhase.CRASHED, "PodLost", end.message)


def anything_else_is_failed(end: JobEnd, pod: PodFacts | None) -> Verdict | None:
    """What no rule knows is Failed, in the Job's own words."""
    return Verdict(RunPhase.FAILED, end.reason, end.message, pod.exit_code if pod else None)


RULES: tuple[Rule, ...] = (
    complete_is_finished,
    disrupted_is_crashed,
    deleted_pod_is_crashed,
    exit_code_is_failed,
    deadline_is_failed,
    lost_pod_is_crashed,
    anything_else_is_failed,
)


CANCELLED = Verdict(RunPhase.KILLED, "Cancelled", "The sweep was cancelled.")


def verdict(end: JobEnd, pod: PodFacts | None, *, cancelled: bool) -> Verdict:
    """Decide an attempt's outcome.

    Args:
        end: of its Job.
        pod: its pod, if that is still there.
        cancelled: the sweep was cancelled meanwhile: a run that hadn't ended first is Killed.
    """
    if cancelled and not (pod is not None and pod.ended_by_itself):
        return CANCELLED
    for rule in RULES:
        found = rule(end, pod)
        if found is not None:
            return found
    raise AssertionError("the last rule always speaks")


JOB_GONE = Verdict(
    RunPhase.CRASHED, "JobDeleted", "The Job was deleted before its outcome was on record."
)
"""A run whose Job somebody deleted is Crashed."""
