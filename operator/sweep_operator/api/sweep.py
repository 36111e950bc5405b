"""Sweep: what a person writes to search a space of parameters, and how far the search has come."""

import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Self

import re2
from pydantic import Field, JsonValue, model_validator

from sweep_operator.api import conditions
from sweep_operator.api.duration import Duration, at_least
from sweep_operator.api.meta import Condition, ObjectMeta, Time
from sweep_operator.api.model import Model, Number, ObservedModel, list_map, wrong
from sweep_operator.api.names import API_VERSION, DNS_LABEL, MAX_SWEEP_NAME
from sweep_operator.api.objective import EarlyTerminate, Metric, Plateau, WarmStart
from sweep_operator.api.parameters import MAX_NAMES, Parameter, ParameterName, grid_problem
from sweep_operator.api.policy import FailurePolicy, Preemption
from sweep_operator.api.run import MAX_REQUESTS, MAX_RUNS, Count, RunName, RunNumber
from sweep_operator.api.template import JobTemplate

MAX_PARALLELISM: Final = 10_000
MAX_SEED: Final = 2**63 - 1
MAX_REPEATS: Final = 100
MAX_PARAMETERS_BYTES: Final = 64 * 1024
"""One run's parameters as JSON in UTF-8. They stand in two annotations, of which a pod may have
256 KiB in all, and in one environment variable, of which Linux allows 128 KiB."""

MIN_FINISHED_JOB_TTL: Final = 30.0
"""Seconds. A recorded Job guards its name for at least twice the Lease's duration."""

MIN_PENDING_TIMEOUT: Final = 10.0
"""Seconds. A healthy pod takes as long to be scheduled, pulled and started."""

MAX_CANCEL_GRACE_PERIOD: Final = 3600


LEARNING_NEEDED: Final = "goes with method bayes or tpe: the others learn from no run"
OWN_NAME: Final = "a Sweep knows its own runs: name others"
METRIC_TO_LEARN: Final = "needs metric: write the one that it is to learn from"
METRIC_NEEDED: Final = "needs metric: write the one by which runs are compared"
VALUE_GROUP: Final = "(?P<value>"
VALUE_GROUP_NEEDED: Final = "needs a group for the number: write (?P<value>...) where it stands"
MAX_LOG_PATTERN: Final = 1024

MAX_CONSTRAINTS: Final = 16
MAX_CONSTRAINT_LENGTH: Final = 1024
SHUFFLE_NEEDS_GRID: Final = (
    "needs method: grid: other methods have no order to change; remove it, or write method: grid"
)

MAX_NUMBER_LENGTH: Final = 24
"""Characters of any double or int64 in JSON."""

MAX_CONDITIONS: Final = 16

_DNS_LABEL: Final = re.compile(DNS_LABEL)


class SweepState(StrEnum):
    """What the user wants."""

    RUNNING = "Running"
    PAUSED = "Paused"
    STOPPED = "Stopped"
    CANCELLED = "Cancelled"


class SweepPhase(StrEnum):
    """What is true."""

    RUNNING = "Running"
    PAUSED = "Paused"
    STOPPED = "Stopped"
    CANCELLED = "Cancelled"
    FINISHED = "Finished"
    FAILED = "Failed"
    CRASHED = "Crashed"


class Method(StrEnum):
    """How parameters are chosen."""

    GRID = "grid"
    RANDOM = "random"
    SOBOL = "sobol"
    BAYES = "bayes"
    TPE = "tpe"


class EndReason(StrEnum):
    """Why a sweep ends before its cap."""

    TARGET = "Target"
    PLATEAU = "Plateau"


LEARNING: Final = (Method.BAYES, Method.TPE)
"""Methods that need a metric."""


class SweepSpec(Model):
    """What to search, how, and with which Job."""

    state: Annotated[
        SweepState,
        Field(
            description="What the sweep is to do. Running: runs are made. Paused: no new runs; "
            "those that run go on. Stopped: no new runs, ever; those that run go on to their end. "
            "Cancelled: no new runs, and those that run are killed at once. Running and Paused may "
            "follow each other; a Stopped sweep can only be Cancelled, and nothing follows that."
        ),
    ] = SweepState.RUNNING
    method: Annotated[
        Method,
        Field(
            description="How parameters are chosen. grid: every combination once, the last name in "
            "alphabetical order changing fastest. random: drawn independently for each run. sobol: "
            "spread evenly. bayes: where a Gaussian process expects most, from the runs so far. "
            "tpe: where good runs were and bad ones weren't; for many parameters or categories. "
            "All but grid go on until runCap."
        ),
    ]
    metric: Annotated[
        Metric | None,
        Field(
            description="What the program reports for a run to be judged by: "
            "metric: {name: accuracy, goal: maximize}. Without it there is no best run."
        ),
    ] = None
    log_pattern: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=MAX_LOG_PATTERN,
            description="For programs that only print their metrics: an RE2 regular expression "
            "that finds them in the last lines of the main container's log, such as "
            r"'loss=(?P<value>\S+)' or, for several, '(?P<name>\w+)=(?P<value>\S+)'. Read once the "
            "program has ended, where it hasn't reported the metric itself. Needs the rights of "
            "manifests/read-logs.yaml.",
        ),
    ] = None
    parameters: Annotated[
        dict[ParameterName, Parameter],
        Field(
            min_length=1,
            max_length=MAX_NAMES,
            description="The space to search: what each parameter may be, by its name, which "
            "has letters, digits, _ and -. One run's parameters have at most 64 KiB of JSON. For "
            "example:\n\n"
            "    learning_rate: {distribution: log_uniform_values, min: 0.0001, max: 0.1}\n"
            "    batch_size: {values: [16, 32, 64]}\n"
            "    epochs: {value: 10}\n",
        ),
    ]
    constraints: Annotated[
        tuple[Annotated[str, Field(max_length=MAX_CONSTRAINT_LENGTH)], ...],
        Field(
            max_length=MAX_CONSTRAINTS,
            description="What holds for the parameters of every run, in CEL: "
            "constraints: [double(batch_size) * learning_rate <= 0.64]. A variable is a name of "
            "spec.parameters, a nested one its field (optimizer.lr); a parameter that isn't there "
            "is null. Whole numbers are an int and others a double, which mix by double(x) alone.",
        ),
    ] = ()
    shuffle: Annotated[
        bool,
        Field(
            description="Whether a grid is gone through in random order, by the seed; each point "
            "once all the same. Needs method: grid."
        ),
    ] = False
    run_cap: Annotated[
        int | None,
        Field(
            ge=1,
            le=MAX_RUNS,
            description="How many runs to make in all. Without it a grid ends when it is "
            "exhausted, and a random search goes on until it is stopped. May be changed: a "
            "finished sweep goes on when it is raised.",
        ),
    ] = None
    repeats: Annotated[
        int,
        Field(
            ge=1,
            le=MAX_REPEATS,
            description="How often each point is run, in consecutive runs with the same "
            "parameters: the mean of their metric counts. SWEEP_REPEAT tells the program which it "
            "is, SWEEP_SEED is a number for each, the same for every point. runCap counts runs.",
        ),
    ] = 1
    warm_start: Annotated[
        WarmStart | None,
        Field(
            description="Other Sweeps from whose runs the search learns too, before its first one "
            "and as long as they go on: warmStart: {sweeps: [digits-1]}. With method bayes or tpe."
        ),
    ] = None
    parallelism: Annotated[
        int,
        Field(
            ge=1,
            le=MAX_PARALLELISM,
            description="How many runs at a time. May be changed (kubectl scale does it too): runs "
            "above a lowered number go on to their end, and none follows until there is room.",
        ),
    ] = 1
    seed: Annotated[
        int | None,
        Field(
            ge=0,
            le=MAX_SEED,
            description="The same seed, method and parameters give the same runs. Without it each "
            "Sweep has its own.",
        ),
    ] = None
    early_terminate: Annotated[
        EarlyTerminate | None,
        Field(
            description="When runs that do badly are stopped before their end: "
            "earlyTerminate: {type: hyperband, minIter: 3}, or {type: median}. They are Killed, "
            "with the reason EarlyTerminated. Needs a metric that programs report on the way (by "
            "HTTP)."
        ),
    ] = None
    plateau: Annotated[
        Plateau | None,
        Field(
            description="When the sweep ends because it gets no better: plateau: {runs: 20, "
            "minImprovement: 0.001}. No new runs are made then, and it is over when those that run "
            "have ended without improvement too."
        ),
    ] = None
    failure_policy: Annotated[
        FailurePolicy | None,
        Field(
            description="When failed runs are tried again, and when they fail the sweep: "
            "failurePolicy: {maxRetries: 1, maxFailures: 3}. May be changed: a failed sweep goes "
            "on when maxFailures is raised."
        ),
    ] = None
    preemption: Annotated[
        Preemption,
        Field(
            description="What happens to runs whose pods are taken away, by a spot node that goes, "
            "say: preemption: {maxPreemptions: 10}. May be changed; what a run has used up is "
            "reckoned when an attempt ends."
        ),
    ] = Preemption()
    rerun_failed: Annotated[
        int,
        Field(
            ge=0,
            le=MAX_REQUESTS,
            description="Raise it by one to run all runs again that have Failed, or Crashed for "
            "good, by then: the same runs with the same parameters, with budgets as if they had "
            "never begun. A Finished or Failed sweep is Running again until they have ended; in a "
            "Paused one they wait; in a Stopped or Cancelled one it can't be raised. "
            "spec.attemptsRequested of a SweepRun does it for that run alone.",
        ),
    ] = 0
    pending_timeout: Annotated[
        Annotated[Duration, at_least(MIN_PENDING_TIMEOUT)] | None,
        Field(
            description="A run whose pod hasn't started so long after its Job was made is Failed: "
            "90s, 10m, 1h30m. At least 10s. Without it a run waits for ever. May be changed."
        ),
    ] = None
    cancel_grace_period_seconds: Annotated[
        int,
        Field(
            ge=1,
            le=MAX_CANCEL_GRACE_PERIOD,
            description="How many seconds a program has between SIGTERM and SIGKILL when the sweep "
            "is cancelled.",
        ),
    ] = 1
    finished_job_ttl: Annotated[
        Duration,
        at_least(MIN_FINISHED_JOB_TTL),
        Field(
            alias="finishedJobTTL",
            description="How long a run's Job, its pod and its log stay after its outcome is on "
            "record: 90s, 10m, 1h30m. At least 30s. The record (SweepRun) stays, and so does the "
            "best run's Job. May be changed.",
        ),
    ] = Duration("10m")
    command: Annotated[
        tuple[Annotated[str, Field(max_length=4096)], ...] | None,
        Field(
            min_length=1,
            max_length=256,
            description="The command of the main container, with macros for the parameters: "
            '[python, train.py, "${args}"] runs python train.py --learning_rate=0.01. Without it '
            "the template's own command and args are run, in which the macros work too.",
        ),
    ] = None
    main_container: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=63,
            description="The name of the container whose exit code and metrics count. Default: the "
            "template's first.",
        ),
    ] = None
    template: Annotated[
        JobTemplate,
        Field(
            description="The Job that runs the program with one set of parameters, as in batch/v1: "
            "{spec: {template: {spec: {containers: [{name: train, image: IMAGE}]}}}}. What makes "
            "it one run is the operator's: backoffLimit, restartPolicy and the like are refused."
        ),
    ]

    @model_validator(mode="after")
    def _early_termination_has_a_metric(self) -> Self:
        if self.early_terminate is not None and self.metric is None:
            raise wrong("earlyTerminate", METRIC_NEEDED)
        return self

    @model_validator(mode="after")
    def _plateau_has_a_metric(self) -> Self:
        if self.plateau is not None and self.metric is None:
            raise wrong("plateau", METRIC_NEEDED)
        return self

    @model_validator(mode="after")
    def _what_learns_has_a_metric(self) -> Self:
        if self.method in LEARNING and self.metric is None:
            raise wrong("method", f"{self.method.value} {METRIC_TO_LEARN}")
        return self

    @model_validator(mode="after")
    def _what_starts_warm_learns(self) -> Self:
        if self.warm_start is not None and self.method not in LEARNING:
            raise wrong("warmStart", LEARNING_NEEDED)
        return self

    @model_validator(mode="after")
    def _log_pattern_finds_values(self) -> Self:
        if self.log_pattern is None:
            return self
        if VALUE_GROUP not in self.log_pattern:
            raise wrong("logPattern", VALUE_GROUP_NEEDED)
        if self.metric is None:
            raise wrong("logPattern", METRIC_NEEDED)
        try:
            log_pattern(self.log_pattern)
        except re2.error as error:
            why = error.args[0]
            words = why.decode(errors="replace") if isinstance(why, bytes) else why
            raise wrong("logPattern", f"is no RE2 regular expression: {words}") from error
        return self

    @model_validator(mode="after")
    def _grid_is_finite(self) -> Self:
        if self.method is Method.GRID:
            for path, parameter in walk(self.parameters):
                if problem := grid_problem(parameter):
                    raise wrong(f"parameters.{path}", problem)
        return self

    @model_validator(mode="after")
    def _shuffles_a_grid(self) -> Self:
        if self.shuffle and self.method is not Method.GRID:
            raise wrong("shuffle", SHUFFLE_NEEDS_GRID)
        return self

    @model_validator(mode="after")
    def _conditions_can_hold(self) -> Self:
        if problem := conditions.problem(self.parameters):
            raise wrong(problem.path, problem.sentence)
        return self

    @model_validator(mode="after")
    def _main_container_exists(self) -> Self:
        names = [container.name for container in self.template.spec.template.spec.containers]
        if self.main_container is not None and self.main_container not in names:
            raise wrong(
                "mainContainer",
                f"{self.main_container} is no container of the template: "
                f"write {' or '.join(names)}, or remove it",
            )
        return self

    @model_validator(mode="after")
    def _parameters_fit_into_a_pod(self) -> Self:
        size = largest_json(self.parameters)
        if size > MAX_PARAMETERS_BYTES:
            raise wrong(
                "parameters",
                f"those of one run may have {size} bytes of JSON, more than "
                f"{MAX_PARAMETERS_BYTES}: put large values into files and sweep over their names",
            )
        return self


class RunCounts(ObservedModel):
    """How many runs there are in each phase."""

    pending: Annotated[
        Count, Field(description="Not started yet, or waiting for their next attempt.")
    ] = 0
    running: Annotated[Count, Field(description="Their program runs.")] = 0
    finished: Annotated[Count, Field(description="Their program exited with 0.")] = 0
    failed: Annotated[Count, Field(description="Their program was at fault.")] = 0
    crashed: Annotated[Count, Field(description="Their node or pod was taken away.")] = 0
    killed: Annotated[
        Count, Field(description="Killed by cancel, or by stop before they started.")
    ] = 0


class BestRun(ObservedModel):
    """The run with the best metric so far; with repeats, the first of those with the best mean."""

    run: Annotated[RunName, Field(description="The name of its SweepRun.")]
    number: Annotated[RunNumber, Field(description="Its number.")]
    value: Annotated[Number, Field(description="Its metric; with repeats, their mean.")]
    parameters: Annotated[
        dict[str, JsonValue], Field(max_length=MAX_NAMES, description="What it ran with.")
    ] = Field(default_factory=dict)


class SweepStatus(ObservedModel):
    """How far the search has come."""

    phase: Annotated[
        SweepPhase | None,
        Field(
            description="Running, Paused, Stopped or Cancelled as spec.state asks; Finished when "
            "nothing is left to run, Failed when too many runs have failed, Crashed when no run "
            "can be made (conditions say why)."
        ),
    ] = None
    observed_generation: Annotated[
        Count, Field(description="The metadata.generation that the operator has acted upon.")
    ] = 0
    runs: Annotated[RunCounts, Field(description="How many runs there are in each phase.")] = (
        RunCounts()
    )
    active: Annotated[
        Count,
        Field(description="Runs that have a Job and no outcome yet: what parallelism bounds."),
    ] = 0
    best: Annotated[
        BestRun | None,
        Field(
            description="The run with the best metric so far. With repeats, the first of those "
            "with the best mean, once all of them have ended."
        ),
    ] = None
    end_reason: Annotated[
        EndReason | None,
        Field(
            description="Why the sweep has ended before its cap: Target (a run reached "
            "metric.target) or Plateau (it got no better)."
        ),
    ] = None
    last_number: Annotated[
        Count, Field(description="The highest number that a run of this sweep has had.")
    ] = 0
    start_time: Annotated[Time | None, Field(description="When the first run was made.")] = None
    completion_time: Annotated[
        Time | None, Field(description="When the last run had ended and none was left to make.")
    ] = None
    selector: Annotated[
        str | None,
        Field(max_length=1024, description="The label selector of the sweep's pods, for scaling."),
    ] = None
    conditions: Annotated[
        tuple[Condition, ...],
        Field(
            json_schema_extra=list_map("type"),
            max_length=MAX_CONDITIONS,
            description="The state's aspects, one each.",
        ),
    ] = ()


class Sweep(ObservedModel):
    """A search over a space of parameters: each run is a Job, a few at a time.

    kubectl get sweeps tells how it goes, kubectl get sweepruns lists its runs. Pause, resume, stop
    or cancel it by setting spec.state.
    """

    api_version: str = API_VERSION
    kind: str = "Sweep"
    metadata: ObjectMeta
    spec: SweepSpec
    status: SweepStatus = SweepStatus()

    @model_validator(mode="after")
    def _learns_from_others(self) -> Self:
        warm_start = self.spec.warm_start
        if warm_start is not None and self.metadata.name in warm_start.sweeps:
            raise wrong("spec.warmStart.sweeps", OWN_NAME)
        return self

    @model_validator(mode="after")
    def _names_jobs(self) -> Self:
        name = self.metadata.name
        if len(name) > MAX_SWEEP_NAME or not _DNS_LABEL.fullmatch(name):
            raise ValueError(
                f"metadata.name {name} must be at most {MAX_SWEEP_NAME} lower-case letters, digits "
                "and -, first and last a letter or digit: the names of runs and Jobs are made of it"
            )
        return self


def log_pattern(pattern: str) -> Any:
    """Compile a pattern for logs. re2.error where it is none.

    RE2 finds a match in time in proportion to what it reads, whatever the pattern: people's
    patterns run in the operator. How many matches are looked for is to be bounded there.
    """
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def walk(parameters: Mapping[str, Parameter], prefix: str = "") -> Iterator[tuple[str, Parameter]]:
    """Each parameter that takes values, with its path below spec.parameters."""
    for name, parameter in parameters.items():
        if parameter.parameters is None:
            yield prefix + name, parameter
        else:
            yield from walk(parameter.parameters, f"{prefix}{name}.parameters.")


def largest_json(parameters: Mapping[str, Parameter]) -> int:
    """Bytes of compact JSON that one run's parameters have at most."""
    # Each entry: quotes, colon and comma; and the braces around them all.
    return 2 + sum(len(name) + 4 + _largest_value(entry) for name, entry in parameters.items())


def _largest_value(parameter: Parameter) -> int:
    if parameter.parameters is not None:
        return largest_json(parameter.parameters)
    if parameter.has_value:
        return _json_length(parameter.value)
    if parameter.values is not None:
        return max(map(_json_length, parameter.values))
    return MAX_NUMBER_LENGTH


_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def _json_length(value: JsonValue) -> int:
    return len(_ENCODER.encode(value).encode())
