"""What the model's API server holds, small enough to be counted in all its states.

Sweeps, records, Jobs and pods are tuples; what the operator would read off the real ones is made of
them by the operator's own code where it has some (`run_facts`, `new_record`), else by hand here.
All that happened did so at one moment, NOW; that time goes on is a pass's own affair (see `Hour`).
"""

import json
from enum import Enum
from functools import cache
from typing import Any, Final, NamedTuple

from sweep_operator.api.names import job_name, run_name
from sweep_operator.effects.observe import run_facts
from sweep_operator.planning.facts import JobEnd, JobFacts, PodFacts, RunFacts
from sweep_operator.planning.points import Yardstick, yardstick_of
from sweep_operator.planning.record import new_record
from sweep_operator.planning.sweep import Intent
from sweep_operator.planning.times import timestamp

NOW: Final = 1_800_000_000.0
"""When everything happens, in seconds since the epoch."""

STAMP: Final = timestamp(NOW)

NAME: Final = "a"
NAMESPACE: Final = "lab"
UID: Final = "uid-of-a"

RUNS, JOBS, PODS, SWEEPS = range(4)
"""The kinds of objects, each of which has a watch of its own."""


class Hour(Enum):
    """How late it is when a pass begins: any hour may follow on any other.

    A timer that is set is thus due or not as it likes, which is more than a clock would do.
    """

    EARLY = NOW
    """No timer is due."""
    LATE = NOW + 1e5
    """All are but for the time that ended Jobs stay."""
    LATEST = NOW + 1e8
    """That has passed, too."""


class Frozen:
    """Some JSON, of which there is one only: equal ones are the same object."""

    __slots__ = ("text", "value")

    def __init__(self, value: Any, text: str) -> None:
        self.value = value
        self.text = text

    def __repr__(self) -> str:
        return self.text


_frozen: dict[str, Frozen] = {}


def frozen(value: Any) -> Frozen:
    """The one object that stands for some JSON."""
    text = json.dumps(value, sort_keys=True)
    found = _frozen.get(text)
    return found if found is not None else _frozen.setdefault(text, Frozen(value, text))


NOTHING: Final = frozen({})


class Spec(NamedTuple):
    """What a person writes: the fields that the model looks at."""

    state: str = "Running"
    parallelism: int = 1
    run_cap: int = 2
    rerun_failed: int = 0
    max_retries: int = 0
    max_preemptions: int = -1
    max_failures: int | None = None
    target: float | None = None
    """Of a metric that is a run's number, to be minimized; None for no metric."""
    generation: int = 1


class Status(NamedTuple):
    """Of a Sweep's status, what later decisions read."""

    phase: str = ""
    observed: int = 0
    last_number: int = 0
    end_reason: str = ""
    completed: bool = False
    """It has a completionTime."""
    failed_at_rest: bool = False
    """Its condition Failed is true."""

    def __str__(self) -> str:
        marks = [self.end_reason, "at its end" if self.completed else ""]
        return " ".join(filter(None, [self.phase, f"up to run {self.last_number}", *marks]))


class Sweep(NamedTuple):
    """The Sweep as stored."""

    spec: Spec
    status: Status = Status()

    def __str__(self) -> str:
        return f"the Sweep ({self.spec.state}; {self.status})"


class Record(NamedTuple):
    """A SweepRun as stored. An object's version is how often it has been written."""

    number: int
    version: int
    status: Frozen
    asked: int = 0
    """spec.attemptsRequested."""

    def __str__(self) -> str:
        return f"SweepRun {self.number}"


class Job(NamedTuple):
    """An attempt's Job."""

    number: int
    attempt: int
    version: int = 1
    end: str = ""
    """How it has ended, a key of ENDS; empty while it hasn't."""
    deleting: bool = False

    def __str__(self) -> str:
        return f"Job {self.number}-{self.attempt}"


class Pod(NamedTuple):
    """The pod of an attempt's Job; it gets one at most, as in a cluster without suspension."""

    number: int
    attempt: int
    version: int = 1
    started: bool = False
    told: str = ""
    """By what it was told to go: evicted, deleted, or nothing."""
    end: str = ""
    """ok, failed, killed (by its SIGTERM) or never (it hadn't started); empty while it lives."""

    def __str__(self) -> str:
        return f"pod {self.number}-{self.attempt}"

    @property
    def ended_well(self) -> bool:
        """Its program came to a good end before anybody told it to go."""
        return self.end == "ok" and not self.told


Child = Record | Job | Pod


ENDS: Final = {
    "complete": JobEnd(True, "CompletionsReached", "", NOW),
    "disrupted": JobEnd(False, "PodFailurePolicy", "exit code 143, rule at index 0", NOW),
    "failed": JobEnd(False, "PodFailurePolicy", "exit code 1, rule at index 1", NOW),
    "killed": JobEnd(False, "PodFailurePolicy", "exit code 143, rule at index 1", NOW),
    "lost": JobEnd(False, "BackoffLimitExceeded", "", NOW),
}

EXIT_CODES: Final = {"ok": 0, "failed": 1, "killed": 143}


def end_of_job(pod: Pod) -> str:
    """How a Job ends by its pod's end: its pod failure policy, in short."""
    if pod.end == "ok":
        return "complete"
    if pod.told == "evicted":
        return "disrupted"
    return {"failed": "failed", "killed": "killed", "never": "lost"}[pod.end]


@cache
def manifest(spec: Spec) -> dict[str, Any]:
    """The Sweep as a person would write it."""
    container = {"name": "main", "image": "i"}
    written: dict[str, Any] = {
        "state": spec.state,
        "method": "random",
        "seed": 1,
        "parameters": {"x": {"value": 1}},
        "parallelism": spec.parallelism,
        "runCap": spec.run_cap,
        "rerunFailed": spec.rerun_failed,
        "finishedJobTTL": "1000h",
        "preemption": {
            "maxPreemptions": spec.max_preemptions,
            "unreachableAfter": "90000h",
        },
        "failurePolicy": {"maxRetries": spec.max_retries},
        "template": {"spec": {"template": {"spec": {"containers": [container]}}}},
    }
    if spec.max_failures is not None:
        written["failurePolicy"]["maxFailures"] = spec.max_failures
    if spec.target is not None:
        written["metric"] = {"name": "loss", "goal": "minimize", "target": spec.target}
    metadata = {
        "name": NAME,
        "namespace": NAMESPACE,
        "uid": UID,
        "generation": spec.generation,
    }
    return {"metadata": metadata, "spec": written}


@cache
def intent_of(spec: Spec) -> Intent:
    """A spec as the operator means to run it."""
    return Intent.of(manifest(spec))


@cache
def yardstick(spec: Spec) -> Yardstick:
    """By what its runs are compared."""
    return yardstick_of(manifest(spec)["spec"])


@cache
def facts_of_run(record: Record) -> RunFacts:
    """What the operator reads off a record."""
    written = new_record(intent_of(Spec()), record.number, {"x": 1})
    written["metadata"] |= {
        "uid": run_name(NAME, record.number),
        "resourceVersion": str(record.version),
    }
    written["spec"]["attemptsRequested"] = record.asked
    return run_facts(written | {"status": record.status.value})


@cache
def facts_of_job(job: Job) -> JobFacts:
    """What the operator reads off a Job."""
    name = job_name(NAME, job.number, job.attempt)
    return JobFacts(
        name=name,
        uid=name,
        resource_version=job.version,
        number=job.number,
        attempt=job.attempt,
        created=NOW,
        pending_since=NOW,
        end=ENDS[job.end] if job.end else None,
        has_pods=True,
        suspended=False,
        deleting=job.deleting,
    )


@cache
def facts_of_pod(pod: Pod, measured: bool) -> PodFacts:
    """What the operator reads off a pod. What has started has run for longer than a short life."""
    job = job_name(NAME, pod.number, pod.attempt)
    reports = measured and pod.end == "ok"
    return PodFacts(
        name=f"{job}-pod",
        uid=f"{job}-pod",
        job=job,
        created=NOW,
        node="node",
        started=NOW - 100 if pod.started else None,
        finished=NOW if pod.end and pod.started else None,
        exit_code=EXIT_CODES.get(pod.end),
        end_reason="",
        termination_message=json.dumps({"loss": pod.number}) if reports else "",
        trouble=None,
        terminal=bool(pod.end),
        reason="",
        message="",
        told=NOW - 1 if pod.told else None,
        gone_by=NOW if pod.told else None,
        disruption="EvictionByEvictionAPI" if pod.told == "evicted" else "",
        preempting=False,
    )
