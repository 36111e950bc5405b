"""Names that the operator, the CRDs and the chart share: group, labels, annotations, children."""

GROUP = "sweep-operator.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

LABEL_SWEEP = f"{GROUP}/sweep"
LABEL_SWEEP_UID = f"{GROUP}/sweep-uid"
LABEL_RUN_NUMBER = f"{GROUP}/run-number"
LABEL_ATTEMPT = f"{GROUP}/attempt"
ANNOTATION_PARAMETERS = f"{GROUP}/parameters"
ANNOTATION_PREEMPTING = f"{GROUP}/preempting"
"""On a pod, "true": it is about to be preempted. Set by the program, a node's agent or a person."""

DNS_LABEL = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

DNS_SUBDOMAIN = "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$"

MAX_SWEEP_NAME = 44
"""A Job's name (`<sweep>-<number>-<attempt>`) has at most 63 characters."""


def run_name(sweep: str, number: int) -> str:
    """The name of a sweep's SweepRun: the same however often it is made."""
    return f"{sweep}-{number}"


def job_name(sweep: str, number: int, attempt: int) -> str:
    """The name of one attempt's Job: the API server lets it exist once."""
    return f"{sweep}-{number}-{attempt}"
