"""Metadata and conditions: what Sweep and SweepRun share with every Kubernetes resource."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from sweep_operator.api.model import ObservedModel

MAX_REASON: Final = 1024
MAX_MESSAGE: Final = 32768
"""Bounds of metav1.Condition, kept for the reasons and messages of runs too."""

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""A moment as the API server writes it: 2026-01-31T12:00:00Z."""

CAMEL_CASE: Final = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
"""What a reason looks like, by metav1.Condition."""

Reason = Annotated[str, Field(max_length=MAX_REASON)]
Message = Annotated[str, Field(max_length=MAX_MESSAGE)]


class ObjectMeta(ObservedModel):
    """The part of metadata that the operator reads."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ObservedModel):
    """One aspect of the state, in the form of metav1.Condition."""

    type: Annotated[
        str, Field(min_length=1, max_length=316, description="The aspect: Ready, Complete, ...")
    ]
    status: Annotated[ConditionStatus, Field(description="True, False or Unknown.")]
    observed_generation: Annotated[
        int | None,
        Field(ge=0, description="The metadata.generation that this was said about."),
    ] = None
    last_transition_time: Annotated[Time | None, Field(description="When status last changed.")] = (
        None
    )
    reason: Annotated[
        Reason,
        Field(
            min_length=1,
            pattern=CAMEL_CASE,
            description="Why, in one CamelCase word.",
        ),
    ]
    message: Annotated[Message, Field(description="Why, in a sentence for people.")] = ""
