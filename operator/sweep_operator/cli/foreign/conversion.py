"""What each conversion comes to: a Sweep, notes on its making, and a Job as its template."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from sweep_operator.api.sweep import LEARNING
from sweep_operator.api.template import CONTROLLED_IN_JOB, CONTROLLED_IN_POD
from sweep_operator.cli.files import FileError, Json

READS_LOGS: Final = "the operator needs the rights of manifests/read-logs.yaml"

_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True)
class Conversion:
    """A Sweep made of a file, and what a person should know of the making."""

    sweep: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def endless(method: str, cap: str) -> list[str]:
    """What is said of a search without a cap, unless it has an end of its own."""
    if method == "grid":
        return []
    used_up = " or has tried all there is" if method in LEARNING else ""
    return [f"there is no {cap}: the sweep goes on until it is stopped{used_up}"]


def template_of(job: Json, notes: list[str]) -> dict[str, Any]:
    """A Job's own template, without what the operator sets itself."""
    if job.get("kind") != "Job":
        raise FileError("--template: has no Job: its manifest has kind: Job")
    spec = deepcopy(dict(part(job, "spec", "the Job")))
    pod = spec.get("template", {}).get("spec", {})
    for each in CONTROLLED_IN_POD:
        pod.pop(each.name, None)  # no Job is without
    notes += [
        f"the Job's {each.name} is left out: {each.why}"
        for each in CONTROLLED_IN_JOB
        if spec.pop(each.name, each.allowed) != each.allowed
    ]
    return {**marks(job), "spec": spec}


def marks(found: Json) -> dict[str, Any]:
    """The labels and annotations of an object, as its metadata; nothing where there are none."""
    metadata = part(found, "metadata", "the manifest")
    kept = {key: dict(part(metadata, key, "metadata")) for key in ("labels", "annotations")}
    kept["annotations"].pop(_LAST_APPLIED, None)
    kept = {key: value for key, value in kept.items() if value}
    return {"metadata": kept} if kept else {}


def part(of: Json, key: str, at: str) -> Json:
    """A field that is a map; empty where it isn't there."""
    found = of.get(key)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise FileError(f"{at}: {key} is no map")
    return found


def parts(of: Json, key: str, at: str) -> list[dict[str, Any]]:
    """A field that is a list of maps; empty where it isn't there."""
    found = of.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise FileError(f"{at}: {key} is no list of maps")
    return found
