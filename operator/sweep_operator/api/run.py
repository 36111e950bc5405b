"""SweepRun: the record of one run, written by the operator and read by people."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, JsonValue

from sweep_operator.api.meta import CAMEL_CASE, Message, ObjectMeta, Reason, Time
from sweep_operator.api.model import Number, ObservedModel, list_map
from sweep_operator.api.names import API_VERSION, MAX_SWEEP_NAME
from sweep_operator.api.parameters import MAX_NAMES

MAX_RUNS: Final = 1_000_000
"""Runs of one sweep: seven digits in a Job's name."""

MAX_REQUESTS: Final = 1_000_000
"""Times that a person can ask for runs again."""

MAX_ATTEMPTS_LISTED: Final = 20
MAX_METRICS: Final = 64

MAX_STREAM: Final = 64
MAX_STREAMS: Final = 8
"""Processes of one attempt whose reports are told apart, the newest."""

MAX_BRACKETS: Final = 100

MAX_HISTORY: Final = 100
"""Points of a run's history: a record is written again and again while its run reports."""

RunName = Annotated[str, Field(max_length=MAX_SWEEP_NAME + len(f"-{MAX_RUNS}"))]
RunNumber = Annotated[int, Field(ge=1, le=MAX_RUNS)]
ObjectName = Annotated[str, Field(max_length=253)]
Count = Annotated[int, Field(ge=0)]


class RunPhase(StrEnum):
    """What has become of a run."""

    PENDING = "Pending"
    """No container has started yet, or it waits for its next attempt."""
    RUNNING = "Running"
    FINISHED = "Finished"
    """Its program exited with 0."""
    FAILED = "Failed"
    """Its program is at fault."""
    CRASHED = "Crashed"
    """The ground went from under it."""
    KILLED = "Killed"
    """By cancel, or by stop before its start."""


class SweepRunSpec(ObservedModel):
    """Which run this is and what it runs with. It never changes, but for attemptsRequested."""

    sweep: Annotated[
        str,
        Field(min_length=1, max_length=MAX_SWEEP_NAME, description="The name of the Sweep."),
    ]
    number: Annotated[RunNumber, Field(description="Which run of the Sweep: 1 is the first.")]
    parameters: Annotated[
        dict[str, JsonValue],
        Field(
            max_length=MAX_NAMES,
            description="The values this run runs with, by name, nested ones as objects: "
            "{learning_rate: 0.01, optimizer: {name: adam}}. All its attempts run with these.",
        ),
    ]
    attempts_requested: Annotated[
        int,
        Field(
            ge=0,
            le=MAX_REQUESTS,
            description="Raise it by one to run this run again, if it has Failed, or Crashed for "
            "good: with the same parameters, and with budgets as if it had never begun. While the "
            "sweep is Paused it waits; where it is Stopped or Cancelled nothing happens. "
            "spec.rerunFailed of the Sweep does it for all of them.",
        ),
    ] = 0


class Attempt(ObservedModel):
    """One Job that ran, or tried to run, the program with this run's parameters."""

    number: Annotated[int, Field(ge=1, description="Which attempt: 1 is the first.")]
    job: Annotated[ObjectName, Field(description="The name of the Job.")]
    pod: Annotated[ObjectName | None, Field(description="The name of the Job's newest pod.")] = None
    pod_uid: Annotated[
        str | None, Field(alias="podUID", max_length=64, description="That pod's uid.")
    ] = None
    node: Annotated[ObjectName | None, Field(description="The node that the pod ran on.")] = None
    started: Annotated[Time | None, Field(description="When the main container first started.")] = (
        None
    )
    finished: Annotated[Time | None, Field(description="When the attempt ended.")] = None
    reports: Annotated[
        dict[Annotated[str, Field(max_length=MAX_STREAM)], Count],
        Field(
            max_length=MAX_STREAMS,
            description="The number of the last report on record of each of its processes, by "
            "their own counting.",
        ),
    ] = Field(default_factory=dict)
    preempting: Annotated[
        bool | None,
        Field(
            description="Whether its pod was marked as about to be preempted, by the annotation "
            "sweep-operator.io/preempting=true."
        ),
    ] = None
    outcome: Annotated[
        RunPhase | None,
        Field(description="How it ended (Finished, Failed, Crashed or Killed). Absent until then."),
    ] = None
    reason: Annotated[Reason | None, Field(description="Why so, in one CamelCase word.")] = None
    exit_code: Annotated[
        int | None, Field(description="What the main container's program exited with.")
    ] = None


class HistoryPoint(ObservedModel):
    """What the program reported at one step."""

    step: Annotated[Count, Field(description="Which step, epoch or report it was.")]
    metrics: Annotated[
        dict[str, Number],
        Field(max_length=MAX_METRICS, description="What was reported: {loss: 0.3}."),
    ] = Field(default_factory=dict)


class Bracket(ObservedModel):
    """What the metric was at one of early termination's brackets."""

    iteration: Annotated[int, Field(ge=1, description="The bracket: after how many iterations.")]
    value: Annotated[Number, Field(description="The sweep's metric there.")]


class Progress(ObservedModel):
    """How far a run has come, by the metric that it reports on the way."""

    iterations: Annotated[
        Count, Field(description="How often the metric was reported, as a finite number.")
    ] = 0
    last_step: Annotated[
        Count | None,
        Field(description="The highest step that the program gave; no step is counted twice."),
    ] = None
    best: Annotated[Number | None, Field(description="The best value so far.")] = None
    latest: Annotated[Number | None, Field(description="The last value so far.")] = None
    brackets: Annotated[
        tuple[Bracket, ...],
        Field(
            json_schema_extra=list_map("iteration"),
            max_length=MAX_BRACKETS,
            description="Its values where early termination compares runs.",
        ),
    ] = ()


class Forgiven(ObservedModel):
    """What the attempts of a run had used up when it was last run again by request."""

    attempts: Annotated[
        Count, Field(description="Attempts made by then: backoff is reckoned from the next on.")
    ] = 0
    preemptions: Annotated[
        Count,
        Field(description="Preemptions that no longer count against maxPreemptions."),
    ] = 0
    failures: Annotated[
        Count, Field(description="Failures that no longer count against maxRetries.")
    ] = 0


class SweepRunStatus(ObservedModel):
    """What has become of the run."""

    phase: Annotated[
        RunPhase,
        Field(
            description="Pending (not started, or between attempts), Running, Finished (the "
            "program exited with 0), Failed (the program is at fault), Crashed (its node or pod "
            "was taken away) or Killed (by cancel, or by stop before it had started)."
        ),
    ] = RunPhase.PENDING
    reason: Annotated[Reason | None, Field(description="Why, in one CamelCase word.")] = None
    message: Annotated[Message | None, Field(description="Why, in a sentence for people.")] = None
    stop_reason: Annotated[
        Reason | None,
        Field(
            pattern=CAMEL_CASE,
            description="Why the operator is stopping the attempt, in one CamelCase word; written "
            "before it does.",
        ),
    ] = None
    attempts: Annotated[
        tuple[Attempt, ...],
        Field(
            json_schema_extra=list_map("number"),
            max_length=MAX_ATTEMPTS_LISTED,
            description="The last attempts, oldest first; attemptsMade counts them all.",
        ),
    ] = ()
    attempts_made: Annotated[Count, Field(description="How many attempts were ever made.")] = 0
    preemptions: Annotated[
        Count,
        Field(
            description="Attempts that ended as the pod or its node was taken away: those that "
            "aren't forgiven count against spec.preemption.maxPreemptions of the Sweep."
        ),
    ] = 0
    failures: Annotated[
        Count,
        Field(
            description="Attempts that the program failed: those that aren't forgiven count "
            "against spec.failurePolicy.maxRetries of the Sweep."
        ),
    ] = 0
    forgiven: Annotated[
        Forgiven | None,
        Field(
            description="What was used up when the run was last run again by request, and counts "
            "no longer. Absent if it never was."
        ),
    ] = None
    observed_rerun_failed: Annotated[
        Count,
        Field(
            description="The Sweep's spec.rerunFailed as it was when this run last ended, or was "
            "last run again by request: only a higher one asks for it again."
        ),
    ] = 0
    observed_attempts_requested: Annotated[
        Count, Field(description="The same of this run's spec.attemptsRequested.")
    ] = 0
    metrics: Annotated[
        dict[str, Number],
        Field(
            max_length=MAX_METRICS,
            description="The final metrics that the program reported: {accuracy: 0.97}.",
        ),
    ] = Field(default_factory=dict)
    history: Annotated[
        tuple[HistoryPoint, ...],
        Field(
            json_schema_extra=list_map("step"),
            max_length=MAX_HISTORY,
            description="Metrics reported on the way, oldest first. Of many, some are kept, spread "
            "over the run, and the last always.",
        ),
    ] = ()
    progress: Annotated[
        Progress | None,
        Field(description="How far it has come, by the sweep's metric as reported on the way."),
    ] = None
    non_finite: Annotated[
        dict[str, Annotated[str, Field(max_length=64)]],
        Field(
            max_length=MAX_METRICS,
            description="Reported metrics that are no finite numbers, as text: {loss: nan}.",
        ),
    ] = Field(default_factory=dict)
    value: Annotated[
        Number | None,
        Field(description="The sweep's metric (spec.metric of the Sweep), if it was reported."),
    ] = None
    start_time: Annotated[
        Time | None,
        Field(
            description="When the run first started, or first since it was run again by request."
        ),
    ] = None
    completion_time: Annotated[Time | None, Field(description="When the run ended for good.")] = (
        None
    )


class SweepRun(ObservedModel):
    """One run of a Sweep: its parameters, and what became of it.

    Written by the operator, one for each run: kubectl get sweepruns.
    """

    api_version: str = API_VERSION
    kind: str = "SweepRun"
    metadata: ObjectMeta
    spec: SweepRunSpec
    status: SweepRunStatus = SweepRunStatus()
