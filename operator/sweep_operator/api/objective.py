"""What a search is after and begins with, and when a run or the whole of it has come far enough."""

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from sweep_operator.api.model import Model, Number, wrong
from sweep_operator.api.names import DNS_LABEL, MAX_SWEEP_NAME
from sweep_operator.api.run import MAX_BRACKETS, MAX_RUNS

MAX_ITERATIONS: Final = 1_000_000_000
MAX_TEACHERS: Final = 10

PRINTABLE: Final = r"^[^\p{C}\p{Zl}\p{Zp}]+$"
"""What no line, terminal or environment variable is broken by."""

ETA: Final = 3.0
MIN_RUNS: Final = 5
"""Defaults of early termination, which the CRD doesn't fill in: each belongs to one rule."""

ONE_WAY: Final = "write minIter, or maxIter and s, and not both"
S_WITH_MAX_ITER: Final = "maxIter and s go together: write both"
NO_BRACKETS: Final = "maxIter must be at least eta: there is no bracket before it"


class Goal(StrEnum):
    """Which metric is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class Impute(StrEnum):
    """What a run counts as that ended without a value."""

    WORST = "worst"
    LATEST = "latest"
    BEST = "best"
    IGNORE = "ignore"


class Metric(Model):
    """The number that tells a good run from a bad one."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            pattern=PRINTABLE,
            description="Its name among the metrics that the program reports.",
        ),
    ]
    goal: Annotated[
        Goal, Field(description="minimize (the default, for a loss) or maximize (for an accuracy).")
    ] = Goal.MINIMIZE
    target: Annotated[
        Number | None,
        Field(
            description="A value that is good enough: once a run has reached it no new ones are "
            "made, and the sweep ends when those that run have ended. May be changed until then."
        ),
    ] = None
    impute: Annotated[
        Impute,
        Field(
            description="What a run that failed, or reported no finite number at its end, counts "
            "as for methods that learn: worst (the default: the worst value of any run that "
            "ended), latest or best (of what it reported on its way; worst, if that is nothing) or "
            "ignore (it teaches nothing, but its point isn't tried again)."
        ),
    ] = Impute.WORST


class Plateau(Model):
    """When a search is given up that gets no better."""

    runs: Annotated[
        int,
        Field(
            ge=1,
            le=MAX_RUNS,
            description="After how many runs in a row without improvement. Only runs with a value "
            "count: those that finished, and those that were stopped early.",
        ),
    ]
    min_improvement: Annotated[
        Number,
        Field(
            ge=0,
            description="An improvement is more than this, in the metric's own unit; 0, the "
            "default, for any at all.",
        ),
    ] = 0


class WarmStart(Model):
    """What a search knows before its first run."""

    sweeps: Annotated[
        tuple[
            Annotated[str, Field(min_length=1, max_length=MAX_SWEEP_NAME, pattern=DNS_LABEL)], ...
        ],
        Field(
            min_length=1,
            max_length=MAX_TEACHERS,
            description="Names of Sweeps of the same namespace. Their runs so far teach the search "
            "where their metric has the same name and goal and their parameters are of this space.",
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        for place, name in enumerate(self.sweeps):
            if name in self.sweeps[:place]:
                raise wrong(f"sweeps[{place}]", f"{name} is there twice: keep one")
        return self


class EarlyTerminateType(StrEnum):
    """By which rule runs are stopped early."""

    HYPERBAND = "hyperband"
    MEDIAN = "median"


OWN_FIELDS: Final = {
    "maxIter": EarlyTerminateType.HYPERBAND,
    "s": EarlyTerminateType.HYPERBAND,
    "eta": EarlyTerminateType.HYPERBAND,
    "strict": EarlyTerminateType.HYPERBAND,
    "minRuns": EarlyTerminateType.MEDIAN,
}
"""Fields that only one rule has."""


def belongs(field: str) -> str:
    """What is said of a field that the rule doesn't have."""
    return f"{field} goes with type: {OWN_FIELDS[field]}: remove it, or write that"


class EarlyTerminate(Model):
    """When a run that does badly is stopped before its end."""

    type: Annotated[
        EarlyTerminateType,
        Field(
            description="hyperband: at some iterations, the brackets, a run goes on only if it is "
            "among the best 1/eta of those that got there. median: it goes on unless its best is "
            "worse than the median of what the others were at the same iteration. An iteration is "
            "a report of the metric."
        ),
    ]
    min_iter: Annotated[
        int | None,
        Field(
            ge=1,
            le=MAX_ITERATIONS,
            description="hyperband: the first bracket; the others follow by eta: minIter: 3 gives "
            "3, 9, 27, 81 and so on. Either this, or maxIter and s. median: the first iteration "
            "at which runs are compared. Default there: 1.",
        ),
    ] = None
    max_iter: Annotated[
        int | None,
        Field(
            ge=1,
            le=MAX_ITERATIONS,
            description="hyperband: how many iterations a whole run has; s brackets lie before it, "
            "each an eta-th of the next: maxIter: 27 and s: 2 give 3 and 9.",
        ),
    ] = None
    s: Annotated[
        int | None,
        Field(ge=1, le=MAX_BRACKETS, description="hyperband: how many brackets, with maxIter."),
    ] = None
    eta: Annotated[
        Annotated[Number, Field(gt=1, le=1000)] | None,
        Field(
            description=f"hyperband: one run in so many goes on at each bracket. Default: {ETA:g}."
        ),
    ] = None
    strict: Annotated[
        bool | None,
        Field(
            description="hyperband: whether a run's value at the bracket counts, rather than its "
            "best so far: stops more runs. Default: false."
        ),
    ] = None
    min_runs: Annotated[
        int | None,
        Field(
            ge=1,
            le=MAX_RUNS,
            description="median: how many others must have reached an iteration before a run is "
            f"compared with them. Default: {MIN_RUNS}.",
        ),
    ] = None

    @model_validator(mode="after")
    def _fields_are_those_of_the_rule(self) -> Self:
        written = self.model_dump(by_alias=True, exclude_none=True)
        for field, rule in OWN_FIELDS.items():
            if field in written and rule is not self.type:
                raise wrong(field, belongs(field))
        return self

    @model_validator(mode="after")
    def _brackets_are_said_one_way(self) -> Self:
        if self.type is not EarlyTerminateType.HYPERBAND:
            return self
        if (self.min_iter is None) == (self.max_iter is None):
            raise ValueError(ONE_WAY)
        if (self.s is None) != (self.max_iter is None):
            raise ValueError(S_WITH_MAX_ITER)
        if self.max_iter is not None and self.max_iter < (self.eta or ETA):
            raise ValueError(NO_BRACKETS)
        return self
