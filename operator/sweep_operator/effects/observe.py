"""Reading facts out of the API server's objects: the only place that knows where they stand."""

from collections.abc import Mapping, Sequence
from typing import Any

from sweep_operator.api.names import (
    ANNOTATION_PREEMPTING,
    LABEL_ATTEMPT,
    LABEL_RUN_NUMBER,
    LABEL_SWEEP_UID,
)
from sweep_operator.api.run import RunPhase
from sweep_operator.planning.facts import (
    NOTHING_FORGIVEN,
    SHORT_LIFE,
    Forgiven,
    JobEnd,
    JobFacts,
    PodFacts,
    RunFacts,
    Trouble,
)
from sweep_operator.planning.job import DEFAULT_CONTAINER
from sweep_operator.planning.record import compact, phase_of
from sweep_operator.planning.times import seconds

Json = Mapping[str, Any]

STARTING = frozenset({"", "ContainerCreating", "PodInitializing"})
"""Reasons of a waiting container that isn't in trouble."""

AGAIN = frozenset({RunPhase.CRASHED.value, RunPhase.FAILED.value})
"""Outcomes of attempts that another may follow."""

KUBELET = "TerminationByKubelet"
"""By a kubelet that ends a pod, and says so only with the pod's last status."""

SAME_TROUBLE = {"ErrImagePull": "ImagePullBackOff"}
"""The kubelet swings between the two at each try; that is no news."""


def time_of(text: str | None) -> float | None:
    """Read a time that may be absent, as seconds since the epoch."""
    return None if text is None else seconds(text)


def sweep_uid(thing: Json) -> str | None:
    """The uid of the Sweep that a run, a Job or a pod belongs to."""
    labels = thing["metadata"].get("labels") or {}
    uid: str | None = labels.get(LABEL_SWEEP_UID)
    return uid


def resource_version(thing: Json) -> int:
    """Versions of one resource are ordered; 0 where a hand-made object has none."""
    return int(thing["metadata"].get("resourceVersion") or 0)


def run_facts(record: Json) -> RunFacts:
    """Read a SweepRun."""
    metadata, spec, status = record["metadata"], record["spec"], record.get("status") or {}
    attempts: Sequence[Json] = status.get("attempts") or ()
    last = attempts[-1] if attempts else {}
    phase = phase_of(status)
    progress: Json = status.get("progress") or {}
    forgiven = _forgiven(status["forgiven"]) if "forgiven" in status else NOTHING_FORGIVEN
    return RunFacts(
        number=spec["number"],
        uid=metadata["uid"],
        resource_version=resource_version(record),
        phase=phase,
        reason=status.get("reason") or "",
        message=(status.get("message") or "") if phase is RunPhase.PENDING else "",
        attempt=last.get("number", 0),
        attempt_open=bool(last) and "outcome" not in last,
        attempt_started=time_of(last.get("started")),
        attempt_ended=time_of(last.get("finished")),
        preempting=last.get("preempting", False),
        started="startTime" in status,
        ended=time_of(status.get("completionTime")),
        stop_reason=status.get("stopReason") or "",
        short_lived=_short_lived(attempts, forgiven.attempts),
        preemptions=status.get("preemptions", 0),
        failures=status.get("failures", 0),
        reported=bool(status.get("metrics") or status.get("nonFinite")),
        brackets=tuple((each["iteration"], each["value"]) for each in progress.get("brackets", ())),
        best=progress.get("best"),
        latest=progress.get("latest"),
        value=status.get("value"),
        parameters=compact(spec["parameters"]),
        asked=spec.get("attemptsRequested", 0),
        answered=status.get("observedAttemptsRequested", 0),
        answered_all=status.get("observedRerunFailed", 0),
        forgiven=forgiven,
        misstated=phase != status.get("phase", RunPhase.PENDING.value),
    )


def _forgiven(written: Json) -> Forgiven:
    names = Forgiven._fields
    return Forgiven(*(written.get(name, 0) for name in names))


def _short_lived(attempts: Sequence[Json], forgiven: int) -> int:
    count = 0
    for attempt in reversed(attempts):
        started, ended = time_of(attempt.get("started")), time_of(attempt.get("finished"))
        lived = ended - started if started is not None and ended is not None else 0.0
        if attempt.get("outcome") not in AGAIN or lived >= SHORT_LIFE:
            break
        if attempt["number"] <= forgiven:
            break
        count += 1
    return count


def job_facts(job: Json) -> JobFacts:
    """Read a Job that carries our labels."""
    metadata, spec, status = job["metadata"], job["spec"], job.get("status") or {}
    labels = metadata["labels"]
    created = time_of(metadata["creationTimestamp"]) or 0.0
    return JobFacts(
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=resource_version(job),
        number=int(labels[LABEL_RUN_NUMBER]),
        attempt=int(labels[LABEL_ATTEMPT]),
        created=created,
        pending_since=time_of(status.get("startTime")) or created,
        end=_job_end(status),
        has_pods=bool(status.get("active") or status.get("terminating")),
        suspended=bool(spec.get("suspend")),
        deleting="deletionTimestamp" in metadata,
    )


def _job_end(status: Json) -> JobEnd | None:
    for condition in status.get("conditions") or ():
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            return JobEnd(
                complete=condition["type"] == "Complete",
                reason=condition.get("reason", ""),
                message=condition.get("message", ""),
                time=time_of(condition.get("lastTransitionTime")) or 0.0,
            )
    return None


def pod_facts(pod: Json) -> PodFacts:
    """Read a pod of one of our Jobs."""
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    main = metadata.get("annotations", {}).get(DEFAULT_CONTAINER) or spec["containers"][0]["name"]
    state: Json = {}
    for container in status.get("containerStatuses") or ():
        if container["name"] == main:
            state = container.get("state") or {}
    terminated = state.get("terminated") or {}
    finished = time_of(terminated.get("finishedAt"))
    disruption = _disruption(status)
    # A container the runtime has lost is reported as terminated without ever having run.
    ran = state.get("running") or (terminated if terminated.get("startedAt") else {})
    terminal = status.get("phase") in ("Succeeded", "Failed")
    created = time_of(metadata["creationTimestamp"]) or 0.0
    return PodFacts(
        name=metadata["name"],
        uid=metadata["uid"],
        job=metadata["labels"].get("batch.kubernetes.io/job-name", ""),
        created=created,
        node=spec.get("nodeName", ""),
        started=time_of(ran.get("startedAt")),
        finished=finished,
        exit_code=terminated.get("exitCode"),
        end_reason=terminated.get("reason", ""),
        termination_message=terminated.get("message", ""),
        trouble=None if ran or terminal else _trouble(status, created),
        terminal=terminal,
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        told=_told(metadata, disruption, finished),
        gone_by=time_of(metadata.get("deletionTimestamp")),
        disruption=disruption.get("reason", ""),
        preempting=metadata.get("annotations", {}).get(ANNOTATION_PREEMPTING) == "true",
    )


def _disruption(status: Json) -> Json:
    """The condition by which eviction, preemption and the like say that a pod is to go."""
    for condition in status.get("conditions") or ():
        if condition["type"] == "DisruptionTarget" and condition["status"] == "True":
            found: Json = condition
            return found
    return {}


def _told(metadata: Json, disruption: Json, finished: float | None) -> float | None:
    """A pod was told to go when it was deleted, or earlier if a condition says so.

    A deletionTimestamp is when the grace period ends. A pod that has ended is deleted once more by
    its kubelet, without grace, and while a finalizer keeps it the first grace period isn't known
    any more: then it was told before it ended.
    """
    ends = time_of(metadata.get("deletionTimestamp"))
    said = time_of(disruption.get("lastTransitionTime"))
    if said is not None and finished is not None and disruption.get("reason") == KUBELET:
        said = min(said, finished)
    if ends is None:
        return said
    grace: float = metadata.get("deletionGracePeriodSeconds", 0)
    deleted = ends - grace if grace or finished is None else min(ends, finished)
    return deleted if said is None else min(said, deleted)


def _trouble(status: Json, created: float) -> Trouble | None:
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            since = time_of(condition.get("lastTransitionTime")) or created
            return Trouble(
                condition.get("reason", "Unschedulable"), condition.get("message", ""), since
            )
    containers = [
        *(status.get("initContainerStatuses") or ()),
        *(status.get("containerStatuses") or ()),
    ]
    for container in containers:
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason", "")
        if reason not in STARTING:
            told = f"container {container['name']}: {waiting.get('message', '')}"
            return Trouble(SAME_TROUBLE.get(reason, reason), told, created)
    return None
