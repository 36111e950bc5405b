"""What is written to a SweepRun: the record itself, and each change of its status."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sweep_operator.api.names import (
    API_VERSION,
    LABEL_RUN_NUMBER,
    LABEL_SWEEP,
    LABEL_SWEEP_UID,
    run_name,
)
from sweep_operator.api.run import RunPhase
from sweep_operator.planning.facts import SETTLED, JobFacts, PodFacts, RunFacts
from sweep_operator.planning.metrics import Measure, Report, parse_report
from sweep_operator.planning.reports import (
    Point,
    ProgramReport,
    extended,
    left_of,
    merged_result,
    numbered,
    progressed,
)
from sweep_operator.planning.requeue import Aftermath
from sweep_operator.planning.sweep import Intent
from sweep_operator.planning.times import timestamp
from sweep_operator.planning.verdict import EARLY_TERMINATED, Verdict

MAX_ATTEMPTS_KEPT = 20
MAX_MESSAGE = 1024
"""Bounds of SweepRun.status in the CRD."""

QUIET = {"argocd.argoproj.io/ignore-resource-updates": "true"}
"""Argo CD looks at an Application again when an object below it changes: with this on a child, only
when its health does, and not with every report and every step of a pod (docs/gitops.md)."""

Json = Mapping[str, Any]


def new_record(intent: Intent, number: int, parameters: Json) -> dict[str, Any]:
    """Build the SweepRun of a run that doesn't exist yet; its Job is made from it alone."""
    return {
        "apiVersion": API_VERSION,
        "kind": "SweepRun",
        "metadata": {
            "name": run_name(intent.name, number),
            "namespace": intent.namespace,
            "labels": {
                LABEL_SWEEP: intent.name,
                LABEL_SWEEP_UID: intent.uid,
                LABEL_RUN_NUMBER: str(number),
            },
            "annotations": dict(QUIET),
            "ownerReferences": [owner_reference("Sweep", intent.name, intent.uid)],
        },
        "spec": {"sweep": intent.name, "number": number, "parameters": parameters},
    }


def owner_reference(kind: str, name: str, uid: str) -> dict[str, Any]:
    """Refer to one of our resources as the controller whose deletion takes its children along."""
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def phase_of(status: Json) -> RunPhase:
    """A record's phase, which is what the rest of the record says where a person has edited it.

    A run is over once its completionTime or its last attempt's outcome says so, not by a word.
    """
    written = RunPhase(status.get("phase", RunPhase.PENDING.value))
    attempts: Sequence[Json] = status.get("attempts") or ()
    outcome = attempts[-1].get("outcome") if attempts else None
    over = "completionTime" in status
    if outcome is not None and RunPhase.FINISHED in (written, outcome):
        return RunPhase(outcome)
    if written in SETTLED and outcome is None and not over:
        return RunPhase.PENDING
    if written in (RunPhase.PENDING, RunPhase.RUNNING) and over:
        return RunPhase(outcome or RunPhase.KILLED)
    return written


def started_status(status: Json, job: JobFacts, pod: PodFacts) -> dict[str, Any]:
    """The status of a run whose attempt's main container has started."""
    attempt = _attempt(status, job, pod)
    return {
        "phase": RunPhase.RUNNING.value,
        "reason": None,
        "message": None,
        "stopReason": None,
        "startTime": status.get("startTime", attempt.get("started")),
        **_attempts(status, attempt),
    }


def report_status(
    status: Json,
    job: JobFacts,
    pod: PodFacts,
    reports: Sequence[ProgramReport],
    measure: Measure | None,
) -> dict[str, Any]:
    """The status of a run whose program has reported; that it reports says that it has started.

    Args:
        status: as stored.
        job: the attempt's Job.
        pod: its pod.
        reports: those that are not on record, in order.
        measure: the sweep's metric, if it has one.
    """
    marked = any(report.preempting for report in reports)
    changed = started_status(status, job, pod._replace(preempting=pod.preempting or marked))
    del changed["stopReason"]  # a report doesn't save a run that is being stopped
    if status.get("stopReason"):
        del changed["reason"], changed["message"]
    attempt = changed["attempts"][-1]
    known = attempt.get("reports") or {}
    news, attempt["reports"] = numbered(reports, known)
    points = [Point(report.step, report.metrics) for report in news if report.is_point]
    history = [Point(each["step"], each["metrics"]) for each in status.get("history") or ()]
    progress = status.get("progress") or {}
    if not known and points:  # the first of this attempt
        history = left_of(history, points[0])
        progress = progress if any(report.step_given for report in news) else {}
    if points:
        changed["history"] = [point._asdict() for point in extended(history, points)]
    if measure is not None and (found := progressed(progress, news, measure)):
        changed["progress"] = dict.fromkeys(status.get("progress") or ()) | found
    if any(report.final for report in news):
        metrics, non_finite = merged_result(status, news)
        changed |= {
            "metrics": _instead(status.get("metrics"), metrics),
            "nonFinite": _instead(status.get("nonFinite"), non_finite),
            "value": metrics.get(measure.metric) if measure else None,
        }
    return changed


def stopping_status(
    status: Json, job: JobFacts, pod: PodFacts | None, reason: str | None, message: str
) -> dict[str, Any]:
    """The status of a run whose attempt is about to be ended, or, with no reason, no longer."""
    told = {"message": message[:MAX_MESSAGE]} if message else {}
    return {"stopReason": reason, **told, **_attempts(status, _attempt(status, job, pod))}


def note_status(reason: str, message: str) -> dict[str, Any]:
    """The status of a run of which something is to be said in the phase that it has."""
    return {"reason": reason, "message": message[:MAX_MESSAGE]}


def trouble_status(reason: str, message: str) -> dict[str, Any]:
    """The status of a run that is Pending for a reason, or, with none, for none."""
    return {
        "phase": RunPhase.PENDING.value,
        "reason": reason or None,
        "message": message[:MAX_MESSAGE] or None,
    }


def rerun_status(run: RunFacts, rerun_failed: int) -> dict[str, Any]:
    """The status of a lost run that is run again by request, as if it had never begun.

    Its attempts and how they ended stay on record, and are counted no longer. Early termination
    forgets what it was at brackets: it mustn't be stopped by what an attempt that failed reported.

    Args:
        run: its record.
        rerun_failed: what its sweep's spec.rerunFailed asks for.
    """
    forgotten = dict.fromkeys(
        ("stopReason", "startTime", "completionTime", "metrics", "nonFinite", "value")
    )
    return {
        **forgotten,
        **({"progress": {"brackets": None}} if run.brackets else {}),
        **note_status("Rerun", f"Run again by request, after attempt {run.attempt}."),
        **answered_status(run, rerun_failed),
        "phase": RunPhase.PENDING.value,
        "forgiven": {
            "attempts": run.attempt,
            "preemptions": run.preemptions,
            "failures": run.failures,
        },
    }


def answered_status(run: RunFacts, rerun_failed: int) -> dict[str, Any]:
    """What is written with a run's end and with its reopening: the requests it has answered.

    Never less than it had answered before: the operator may know an older Sweep than the record.
    """
    answered = {
        "observedRerunFailed": max(rerun_failed, run.answered_all),
        "observedAttemptsRequested": max(run.asked, run.answered),
    }
    return {field: number for field, number in answered.items() if number}


def outcome_status(
    status: Json,
    job: JobFacts | None,
    pod: PodFacts | None,
    verdict: Verdict,
    after: Aftermath,
    metric: str | None,
    now: str,
    log: Report | None = None,
) -> dict[str, Any]:
    """The status of a run whose attempt has ended: outcome, metrics, and the attempt's own line.

    An attempt that is followed by another has reported nothing: the next one will.

    Args:
        status: as stored.
        job: the attempt's Job, None where it is gone or was never made.
        pod: its newest pod, if it is still known.
        verdict: what became of the attempt.
        after: what that means for the run.
        metric: name of the sweep's metric, if it has one.
        now: RFC 3339 time, for an attempt of which nothing tells when it ended.
        log: what was found in its log, where that was read.
    """
    finished = pod.finished if pod and pod.finished else job.end.time if job and job.end else None
    ended = timestamp(finished) if finished else now
    report = _report(status, pod, verdict, log) if after.final else Report({}, {}, "")
    message, reason = after.message, after.reason
    if verdict.outcome is RunPhase.FINISHED:
        message = f"{message} {report.problem}".strip()
        if metric and metric not in report.metrics:
            reason = "MetricNotFinite" if metric in report.non_finite else "MetricMissing"
            message = f"The program reported no finite {metric!r}. {report.problem}".strip()
    changed: dict[str, Any] = {
        "phase": after.phase.value,
        "reason": reason,
        **({} if verdict == EARLY_TERMINATED else {"message": message[:MAX_MESSAGE] or None}),
        "stopReason": None,
        "completionTime": ended if after.final else None,
        "preemptions": after.preemptions or None,
        "failures": after.failures or None,
        "metrics": _instead(status.get("metrics"), report.metrics),
        "nonFinite": _instead(status.get("nonFinite"), report.non_finite),
        "value": report.metrics.get(metric) if metric else None,
    }
    attempt = _open_attempt(status, job, pod)
    if attempt:
        # An attempt that was held is over, its run is not.
        held = verdict.outcome is RunPhase.PENDING
        outcome = RunPhase.KILLED if held else verdict.outcome
        attempt |= {"finished": ended, "outcome": outcome.value, "reason": verdict.reason}
        if verdict.exit_code is not None:
            attempt["exitCode"] = verdict.exit_code
        changed |= _attempts(status, attempt)
        if started := status.get("startTime", attempt.get("started")):
            changed["startTime"] = started
    return changed


def _report(status: Json, pod: PodFacts | None, verdict: Verdict, log: Report | None) -> Report:
    """What the attempt reported at its end, or what is on record of it where it said nothing then.

    One that was taken away has reported nothing that counts.
    """
    if verdict.outcome not in (RunPhase.FINISHED, RunPhase.FAILED):
        return Report({}, {}, "")
    report = parse_report(pod.termination_message if pod else "")
    if not report.metrics and not report.non_finite:
        report = report._replace(
            metrics=dict(status.get("metrics") or {}),
            non_finite=dict(status.get("nonFinite") or {}),
        )
    if log is None:
        return report
    return Report(
        log.metrics | report.metrics,
        log.non_finite | report.non_finite,
        f"{report.problem} {log.problem}".strip(),
    )


def _open_attempt(status: Json, job: JobFacts | None, pod: PodFacts | None) -> dict[str, Any]:
    """The line of the attempt that ends; empty where there is none, as no Job was made."""
    if job is not None:
        return _attempt(status, job, pod)
    attempts = status.get("attempts") or ()
    return dict(attempts[-1]) if attempts and "outcome" not in attempts[-1] else {}


def _attempt(status: Json, job: JobFacts, pod: PodFacts | None) -> dict[str, Any]:
    """An attempt's line: what is on record of it, and what is known now."""
    attempt: dict[str, Any] = {"number": job.attempt, "job": job.name}
    for known in status.get("attempts", ()):
        if known["number"] == job.attempt:
            attempt |= known
    if pod is not None:
        attempt |= {"pod": pod.name, "podUID": pod.uid}
        if pod.node:
            attempt["node"] = pod.node
        if pod.started is not None:
            attempt["started"] = timestamp(pod.started)
        if pod.preempting:
            attempt["preempting"] = True
    return attempt


def _instead(old: Json | None, new: Json) -> dict[str, Any] | None:
    """What a merge patch needs for a map to become `new`."""
    return {**dict.fromkeys(old or ()), **new} or None


def _attempts(status: Json, attempt: Json) -> dict[str, Any]:
    """The attempts with one put in or replaced; the oldest are dropped, their count is kept."""
    others: Sequence[Json] = [
        each for each in status.get("attempts", ()) if each["number"] != attempt["number"]
    ]
    return {
        "attempts": [*others, attempt][-MAX_ATTEMPTS_KEPT:],
        "attemptsMade": max(attempt["number"], status.get("attemptsMade", 0)),
    }


def compact(parameters: Json) -> str:
    """Parameters as they are kept in memory."""
    return json.dumps(parameters, separators=(",", ":"))
