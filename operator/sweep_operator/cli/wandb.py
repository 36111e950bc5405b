"""W&B's sweep files as Sweeps: the same search, by the same names, of a program in a container.

What W&B's reader infers is written out (a distribution for min and max, the default command), since
1.0 and 1 are the same once they are in a cluster. Nothing is dropped without a note that says so.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final

from sweep_operator.api.names import API_VERSION, MAX_SWEEP_NAME
from sweep_operator.api.template import CONTROLLED_IN_JOB, CONTROLLED_IN_POD
from sweep_operator.cli.files import FileError, Json

SUMMARY: Final = r"^wandb: +(?P<name>\S+) (?P<value>\S+)$"
"""A line of the summary that wandb prints at a run's end."""

CONTAINER: Final = "train"
SCRATCH: Final = "/tmp"  # noqa: S108 (an emptyDir of the pod's own)

_KNOWN: Final = (
    "program",
    "command",
    "method",
    "metric",
    "parameters",
    "early_terminate",
    "run_cap",
    "name",
    "description",
    "project",
    "entity",
)
_OF_METRIC: Final = ("name", "goal", "target", "impute")
_DEFAULT_COMMAND: Final = ("${env}", "${interpreter}", "${program}", "${args}")
_EARLY_TERMINATE: Final = {
    "type": "type",
    "min_iter": "minIter",
    "max_iter": "maxIter",
    "s": "s",
    "eta": "eta",
    "strict": "strict",
}


@dataclass(frozen=True)
class Conversion:
    """A Sweep made of a file, and what a person should know of the making."""

    sweep: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def is_wandb(document: Json) -> bool:
    """Whether a document is a sweep file of W&B's rather than a manifest."""
    return "kind" not in document and {"method", "parameters"} <= document.keys()


def converted(
    config: Json, *, name: str | None = None, image: str | None = None, job: Json | None = None
) -> Conversion:
    """Make a Sweep of W&B's sweep file.

    Args:
        config: the file's document.
        name: of the Sweep; default: made of the file's name or program.
        image: of the container that runs the program, offline as far as wandb goes.
        job: a manifest of kind Job whose pod runs the program, instead of `image`.

    Raises:
        FileError: it says something that a Sweep can't.
    """
    notes = [
        f"{key} is left out: a Sweep has nothing like it" for key in config if key not in _KNOWN
    ]
    spec: dict[str, Any] = {"method": config.get("method")}
    if metric := config.get("metric"):
        spec["metric"] = {key: value for key, value in metric.items() if key in _OF_METRIC}
        notes += [f"metric.{key} is left out" for key in metric if key not in _OF_METRIC]
        spec["logPattern"] = SUMMARY
        notes.append(
            "logPattern reads the summary that wandb prints: the operator needs the rights of "
            "manifests/read-logs.yaml. Leave it out where the program reports otherwise"
        )
    if "run_cap" in config:
        spec["runCap"] = config["run_cap"]
    elif spec["method"] != "grid":
        notes.append("there is no run_cap: the sweep goes on until it is stopped")
    spec["parameters"] = _parameters(config.get("parameters"), "parameters", notes)
    if rule := config.get("early_terminate"):
        spec["earlyTerminate"] = _early_terminate(rule)
        notes.append(
            "early_terminate compares what is reported on the way: the program has to do that "
            "by HTTP (docs/reporting.md), as no log is read before its end"
        )
    if command := _command(config):
        spec["command"] = command
    spec["template"] = _of_job(job, notes) if job else _of_image(image)
    _put_environment(spec["template"], config)
    metadata: dict[str, Any] = {"name": name or _name(config)}
    if description := config.get("description"):
        metadata["annotations"] = {"kubernetes.io/description": str(description)}
    head = {"apiVersion": API_VERSION, "kind": "Sweep", "metadata": metadata}
    return Conversion(head | {"spec": spec}, sorted(notes))


def _name(config: Json) -> str:
    """A DNS label of the file's own name, or of its program's."""
    told = config.get("name") or PurePath(str(config.get("program") or "sweep")).stem
    label = re.sub(r"[^a-z0-9]+", "-", str(told).lower()).strip("-")[:MAX_SWEEP_NAME]
    return label.rstrip("-") or "sweep"


def _parameters(written: Any, at: str, notes: list[str]) -> dict[str, Any]:
    if not isinstance(written, Mapping) or not written:
        raise FileError(f"{at}: is no map of parameters: write name: {{values: [...]}}")
    found: dict[str, Any] = {}
    for dotted, parameter in written.items():
        group, _, name = str(dotted).rpartition(".")
        if not isinstance(parameter, Mapping):
            raise FileError(f"{at}.{dotted}: write {{value: {parameter}}} for a constant")
        if "parameters" in parameter:
            made = {"parameters": _parameters(parameter["parameters"], f"{at}.{dotted}", notes)}
        else:
            made = _parameter(parameter)
        # optimizer.lr is a name of its own to W&B; here it is a field of optimizer.
        level = found.setdefault(group, {"parameters": {}}) if group else {"parameters": found}
        if name in level.setdefault("parameters", {}):
            raise FileError(f"{at}.{dotted}: is there twice, nested and by a dotted name: keep one")
        level["parameters"][name] = made
        if group:
            notes.append(
                f"{dotted} is nested: --{dotted} as an argument, as before, but "
                f'wandb.config["{group}"]["{name}"] in the script'
            )
    return found


def _parameter(written: Json) -> dict[str, Any]:
    found = dict(written)
    if "value" in found and found["value"] is None:
        found["values"] = [found.pop("value")]  # kubectl apply drops a field that is null
    low, high = found.get("min"), found.get("max")
    if low is not None and high is not None and "distribution" not in found:
        whole = isinstance(low, int) and isinstance(high, int)
        found["distribution"] = "int_uniform" if whole else "uniform"
    return found


def _early_terminate(rule: Json) -> dict[str, Any]:
    unknown = sorted(rule.keys() - _EARLY_TERMINATE.keys())
    if unknown:
        known = ", ".join(_EARLY_TERMINATE)
        raise FileError(f"early_terminate.{unknown[0]}: is no field of W&B's: it takes {known}")
    return {_EARLY_TERMINATE[key]: value for key, value in rule.items()}


def _command(config: Json) -> list[str] | None:
    """W&B's command, with its first three macros replaced: the container has an environment."""
    program = config.get("program")
    written = config.get("command", _DEFAULT_COMMAND if program else None)
    if written is None:
        return None
    if isinstance(written, str) or not isinstance(written, Sequence):
        raise FileError("command: is no list: write one element a line")
    return [word for each in written for word in _word(str(each), program)]


def _word(word: str, program: Any) -> Iterator[str]:
    if word == "${env}":  # /usr/bin/env, which only looks the interpreter up
        return
    if "${program}" in word and not program:
        raise FileError("command: ${program} needs program: write the script's path")
    yield word.replace("${interpreter}", "python").replace("${program}", str(program))


def _of_image(image: str | None) -> dict[str, Any]:
    """A template that runs the image, with wandb writing to a folder that goes with the pod."""
    if image is None:
        raise FileError("a Sweep needs a container: give --image IMAGE, or --template JOB.yaml")
    container = {
        "name": CONTAINER,
        "image": image,
        "env": [
            {"name": "WANDB_MODE", "value": "offline"},
            {"name": "WANDB_DIR", "value": SCRATCH},
        ],
        "volumeMounts": [{"name": "scratch", "mountPath": SCRATCH}],
    }
    pod = {"containers": [container], "volumes": [{"name": "scratch", "emptyDir": {}}]}
    return {"spec": {"template": {"spec": pod}}}


def _of_job(job: Json, notes: list[str]) -> dict[str, Any]:
    """A Job's own template, without what the operator sets itself."""
    if job.get("kind") != "Job":
        raise FileError("--template: has no Job: its manifest has kind: Job")
    spec = deepcopy(dict(job.get("spec") or {}))
    pod = spec.get("template", {}).get("spec", {})
    for each in CONTROLLED_IN_POD:
        pod.pop(each.name, None)  # no Job is without
    notes += [
        f"the Job's {each.name} is left out: {each.why}"
        for each in CONTROLLED_IN_JOB
        if spec.pop(each.name, each.allowed) != each.allowed
    ]
    return {"spec": spec}


def _put_environment(template: Json, config: Json) -> None:
    """W&B's agent tells the program its project and entity; so does the container."""
    for container in template["spec"].get("template", {}).get("spec", {}).get("containers", [])[:1]:
        variables = container.setdefault("env", [])
        there = {variable.get("name") for variable in variables}
        told = {f"WANDB_{key.upper()}": config.get(key) for key in ("project", "entity")}
        variables.extend(
            {"name": name, "value": str(value)}
            for name, value in told.items()
            if value and name not in there
        )
