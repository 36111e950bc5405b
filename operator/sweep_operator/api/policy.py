"""What becomes of runs that fail, and of those whose pods are taken away."""

from typing import Annotated, Final

from pydantic import Field

from sweep_operator.api.duration import Duration, at_least
from sweep_operator.api.model import Model
from sweep_operator.api.run import MAX_RUNS

MIN_UNREACHABLE_AFTER: Final = 1.0
"""Seconds. The taint that is waited for too comes only after the node has been silent for long."""

MAX_ATTEMPTS: Final = 1_000_000
"""Retries or preemptions of one run that can be allowed by number."""


class FailurePolicy(Model):
    """What failed runs mean for the sweep."""

    max_failures: Annotated[
        int | None,
        Field(
            ge=1,
            le=MAX_RUNS,
            description="How many Failed runs fail the sweep: it makes no new runs then. Without "
            "it the sweep goes on however many fail. Crashed and Killed runs don't count.",
        ),
    ] = None
    max_retries: Annotated[
        int,
        Field(
            ge=0,
            le=MAX_ATTEMPTS,
            description="How often a run whose program fails is tried again, with the same "
            "parameters, before it is Failed. Preemptions don't count.",
        ),
    ] = 0


class Preemption(Model):
    """What happens to runs whose pods are taken away."""

    max_preemptions: Annotated[
        int,
        Field(
            ge=-1,
            le=MAX_ATTEMPTS,
            description="How often a run that was preempted, evicted or lost with its node is run "
            "again, with the same parameters, before it stays Crashed. -1, the default: as often "
            "as it takes.",
        ),
    ] = -1
    unreachable_after: Annotated[
        Duration,
        at_least(MIN_UNREACHABLE_AFTER),
        Field(
            description="How long after a pod should have gone the operator gives it up, if its "
            "node is out of reach: 30s, 5m. At least 1s. Needs the rights of "
            "manifests/unreachable-nodes.yaml."
        ),
    ] = Duration("60s")
