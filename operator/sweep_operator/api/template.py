"""spec.template: the user's Job, less the fields that the operator sets itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from sweep_operator.api.model import Model, list_map

MAX_CONTAINERS: Final = 16
"""Items of `containers` that CEL looks at; the rules allow one."""

MAX_LABELS: Final = 64


@dataclass(frozen=True)
class Controlled:
    """A field of a Job or a pod that the operator sets, so that a template may not."""

    name: str
    type: str
    why: str
    allowed: int | None = None
    """The one value that a template may state, being what the operator sets anyway."""

    @property
    def message(self) -> str:
        """What is wrong with a template that has this field, and what to do."""
        if self.allowed is None:
            return f"remove {self.name}: {self.why}"
        return f"remove {self.name} or set it to {self.allowed}: {self.why}"


_ONE_POD: Final = "each run is one pod; spec.parallelism of the Sweep says how many run at a time"
_NOT_INDEXED: Final = "a run's Job has no indexes"

CONTROLLED_IN_JOB: Final = (
    Controlled("parallelism", "integer", _ONE_POD, allowed=1),
    Controlled("completions", "integer", _ONE_POD, allowed=1),
    Controlled("backoffLimit", "integer", "the operator sets it to 0, one Job for each attempt"),
    Controlled(
        "podFailurePolicy",
        "object",
        "the operator sets it, to tell a failed program from a lost node",
    ),
    Controlled("successPolicy", "object", "a run succeeds when its program exits with 0"),
    Controlled(
        "ttlSecondsAfterFinished",
        "integer",
        "the operator deletes a run's Job once its outcome is on record; spec.finishedJobTTL of "
        "the Sweep says how long after",
    ),
    Controlled("completionMode", "string", _NOT_INDEXED),
    Controlled("backoffLimitPerIndex", "integer", _NOT_INDEXED),
    Controlled("maxFailedIndexes", "integer", _NOT_INDEXED),
    Controlled("selector", "object", "the Job controller sets it"),
    Controlled("manualSelector", "boolean", "the Job controller sets the selector"),
    Controlled("managedBy", "string", "Kubernetes' own Job controller runs a sweep's Jobs"),
    Controlled(
        "podReplacementPolicy",
        "string",
        "a Job's pod is never replaced, each attempt is a Job of its own",
    ),
)

CONTROLLED_IN_POD: Final = (Controlled("restartPolicy", "string", "the operator sets it to Never"),)


OPEN_IN_JOB: Final = ("activeDeadlineSeconds", "scheduling", "suspend")
"""Fields that are handed on as they are, whatever they hold; likewise those of pod and container.

They are declared in the CRD, though without a type, because the API server overlooks a change in
which one undeclared field takes the place of another (it compares as many as there are, by name):
an immutable template could go from `args` to `command`.
"""

OPEN_IN_POD: Final = (
    "activeDeadlineSeconds",
    "affinity",
    "automountServiceAccountToken",
    "dnsConfig",
    "dnsPolicy",
    "enableServiceLinks",
    "ephemeralContainers",
    "evictionResponders",
    "hostAliases",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostUsers",
    "hostname",
    "hostnameOverride",
    "imagePullSecrets",
    "initContainers",
    "nodeName",
    "nodeSelector",
    "os",
    "overhead",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "readinessGates",
    "resourceClaims",
    "resources",
    "runtimeClassName",
    "schedulerName",
    "schedulingGates",
    "schedulingGroup",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "setHostnameAsFQDN",
    "shareProcessNamespace",
    "subdomain",
    "terminationGracePeriodSeconds",
    "tolerations",
    "topologySpreadConstraints",
    "volumes",
)

OPEN_IN_CONTAINER: Final = (
    "args",
    "command",
    "env",
    "envFrom",
    "image",
    "imagePullPolicy",
    "lifecycle",
    "livenessProbe",
    "ports",
    "readinessProbe",
    "resizePolicy",
    "resources",
    "restartPolicy",
    "restartPolicyRules",
    "securityContext",
    "startupProbe",
    "stdin",
    "stdinOnce",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "volumeDevices",
    "volumeMounts",
    "workingDir",
)


class _OpenModel(Model):
    """A part of a Job that is handed on as it is, whatever fields it has."""

    model_config = ConfigDict(extra="allow")


class TemplateMetadata(Model):
    """Labels and annotations of each run's Job, beside the operator's own."""

    labels: Annotated[
        dict[str, Annotated[str, Field(max_length=63)]],
        Field(max_length=MAX_LABELS, description="Labels of each Job: {team: vision}."),
    ] = Field(default_factory=dict)
    annotations: Annotated[
        dict[str, Annotated[str, Field(max_length=262144)]],
        Field(max_length=MAX_LABELS, description="Annotations of each Job."),
    ] = Field(default_factory=dict)


class Container(_OpenModel):
    """The container that runs the program, as in a pod: image, command, args, env, resources."""

    name: Annotated[
        str, Field(min_length=1, max_length=63, description="The container's name, a DNS label.")
    ]


class PodSpec(_OpenModel):
    """The pod's spec, as in a Job, without restartPolicy."""

    containers: Annotated[
        tuple[Container, ...],
        Field(
            json_schema_extra=list_map("name"),
            min_length=1,
            max_length=MAX_CONTAINERS,
            description="One container, which runs the program: its exit code decides the run. A "
            "container beside it is a native sidecar: an item of initContainers with "
            "restartPolicy: Always.",
        ),
    ]

    @model_validator(mode="after")
    def _leaves_controlled_fields(self) -> Self:
        _refuse(CONTROLLED_IN_POD, self.model_extra or {})
        if len(self.containers) > 1:
            raise ValueError(
                f"containers has {len(self.containers)} items, and each would decide the run: keep "
                "the one that runs the program, and move the others to initContainers with "
                "restartPolicy: Always"
            )
        return self


class PodTemplate(Model):
    """The pod of each Job."""

    metadata: Annotated[
        dict[str, JsonValue],
        Field(
            max_length=MAX_LABELS,
            description="Labels and annotations of each pod, beside the operator's own.",
        ),
    ] = Field(default_factory=dict)
    spec: Annotated[
        PodSpec,
        Field(description="The pod's spec, as in a Job, without restartPolicy."),
    ]


class JobSpec(_OpenModel):
    """The Job's spec, without the fields that the operator sets."""

    template: Annotated[PodTemplate, Field(description="The pod that each run runs in.")]

    @model_validator(mode="after")
    def _leaves_controlled_fields(self) -> Self:
        _refuse(CONTROLLED_IN_JOB, self.model_extra or {})
        return self


class JobTemplate(Model):
    """The Job that runs the program: one is made for each attempt of each run."""

    metadata: Annotated[
        TemplateMetadata,
        Field(description="Labels and annotations of each Job, beside the operator's own."),
    ] = TemplateMetadata()
    spec: Annotated[
        JobSpec,
        Field(
            description="The Job's spec, as in batch/v1, without the fields that the operator sets."
        ),
    ]


def _refuse(controlled: tuple[Controlled, ...], found: Mapping[str, object]) -> None:
    for field in controlled:
        value = found.get(field.name)
        if value is not None and (field.allowed is None or value != field.allowed):
            raise ValueError(field.message)
