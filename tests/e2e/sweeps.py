"""Sweeps for tests: small, quick, and allowed under the restricted Pod Security profile."""

from collections.abc import Callable
from typing import Any

IMAGE = "docker.io/library/busybox:1.36"

Json = dict[str, Any]


def sweep(
    name: str, parameters: Json, script: str = 'echo "{}" > /dev/termination-log', **spec: Any
) -> Json:
    """Build a Sweep whose runs execute a shell script; other fields of the spec as given."""
    container = {
        "name": "main",
        "image": IMAGE,
        "command": ["sh", "-c", script],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    pod = {
        "containers": [container],
        "terminationGracePeriodSeconds": 1,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    return {
        "apiVersion": "sweep-operator.io/v1alpha1",
        "kind": "Sweep",
        "metadata": {"name": name},
        "spec": {
            "method": "grid",
            "parameters": parameters,
            "template": {"spec": {"template": {"spec": pod}}},
            **spec,
        },
    }


def pod_of(sweep: Json) -> Json:
    """The pod's spec in a sweep's template."""
    found: Json = sweep["spec"]["template"]["spec"]["template"]["spec"]
    return found


def main_of(sweep: Json) -> Json:
    """The program's container in a sweep's template."""
    found: Json = pod_of(sweep)["containers"][0]
    return found


def in_python(sweep: Json, image: str, program: str) -> Json:
    """The same sweep, whose runs execute a Python program in an image that is on the nodes."""
    main_of(sweep).update(
        image=image, imagePullPolicy="IfNotPresent", command=["python3", "-c", program]
    )
    return sweep


def phase(sweep: Json) -> str:
    """A sweep's or a run's phase; empty before there is one."""
    found: str = (sweep.get("status") or {}).get("phase", "")
    return found


def condition(sweep: Json, kind: str) -> Json:
    """One of a sweep's conditions; empty if it isn't there."""
    for each in (sweep.get("status") or {}).get("conditions", ()):
        if each["type"] == kind:
            return dict(each)
    return {}


def finished(sweep: Json) -> bool:
    """Whether a sweep has Finished."""
    return phase(sweep) == "Finished"


def runs(sweep: Json) -> Json:
    """A sweep's counts of runs by status."""
    found: Json = (sweep.get("status") or {}).get("runs", {})
    return found


def holds(sweep: Json, kind: str) -> bool:
    """Whether one of a sweep's conditions is True."""
    return condition(sweep, kind).get("status") == "True"


def complete(sweep: Json) -> bool:
    """Whether a sweep is at its end for all that is wanted."""
    return holds(sweep, "Complete")


def stalled(sweep: Json) -> bool:
    """Whether a sweep says that it can't go on."""
    return holds(sweep, "Stalled")


def acknowledged(sweep: Json) -> bool:
    """Whether the operator has seen the spec as it is."""
    observed = (sweep.get("status") or {}).get("observedGeneration")
    return bool(observed == sweep["metadata"]["generation"])


def is_now(name: str) -> Callable[[Json], bool]:
    """Whether a sweep is in a phase, and says so of the spec as it is."""
    return lambda sweep: phase(sweep) == name and acknowledged(sweep)
