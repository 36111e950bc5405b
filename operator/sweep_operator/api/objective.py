"""What a search is after: the metric, and when a run is too far from it to go on."""

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from sweep_operator.api.model import Model, Number
from sweep_operator.api.run import MAX_BRACKETS

MAX_ITERATIONS: Final = 1_000_000_000

ONE_WAY: Final = "write minIter, or maxIter and s, and not both"
S_WITH_MAX_ITER: Final = "maxIter and s go together: write both"
NO_BRACKETS: Final = "maxIter must be at least eta: there is no bracket before it"


class Goal(StrEnum):
    """Which metric is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class Metric(Model):
    """The number that tells a good run from a bad one."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
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


class EarlyTerminateType(StrEnum):
    """By which rule runs are stopped early."""

    HYPERBAND = "hyperband"


class EarlyTerminate(Model):
    """When a run that does badly is stopped before its end."""

    type: Annotated[
        EarlyTerminateType,
        Field(
            description="hyperband: at some iterations, the brackets, a run goes on only if it is "
            "among the best 1/eta of those that got there. An iteration is a report of the metric."
        ),
    ]
    min_iter: Annotated[
        int | None,
        Field(
            ge=1,
            le=MAX_ITERATIONS,
            description="The first bracket; the others follow by eta: minIter: 3 gives 3, 9, 27, "
            "81 and so on. Either this, or maxIter and s.",
        ),
    ] = None
    max_iter: Annotated[
        int | None,
        Field(
            ge=1,
            le=MAX_ITERATIONS,
            description="How many iterations a whole run has; s brackets lie before it, each an "
            "eta-th of the next: maxIter: 27 and s: 2 give 3 and 9.",
        ),
    ] = None
    s: Annotated[
        int | None, Field(ge=1, le=MAX_BRACKETS, description="How many brackets, with maxIter.")
    ] = None
    eta: Annotated[
        Number,
        Field(gt=1, le=1000, description="One run in so many goes on at each bracket."),
    ] = 3.0
    strict: Annotated[
        bool,
        Field(
            description="Whether a run's value at the bracket counts, rather than its best so far: "
            "stops more runs."
        ),
    ] = False

    @model_validator(mode="after")
    def _brackets_are_said_one_way(self) -> Self:
        if (self.min_iter is None) == (self.max_iter is None):
            raise ValueError(ONE_WAY)
        if (self.s is None) != (self.max_iter is None):
            raise ValueError(S_WITH_MAX_ITER)
        if self.max_iter is not None and self.max_iter < self.eta:
            raise ValueError(NO_BRACKETS)
        return self
