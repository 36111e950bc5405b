"""W&B's sweep files as Sweeps: the same search, by the same names, of a program in a container.

What W&B's reader infers is written out (a distribution for min and max, the default command), since
1.0 and 1 are the same once they are in a cluster. Nothing is dropped without a note that says so.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

from sweep_operator.api.names import API_VERSION, MAX_SWEEP_NAME
from sweep_operator.cli.files import FileError, Json
from sweep_operator.cli.foreign.conversion import READS_LOGS, Conversion, endless, part, template_of

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
_OF_LAUNCH: Final = {
    "job": "what runs is said by --image or --template",
    "scheduler": "the operator is it; its num_workers are spec.parallelism",
}
_OF_METRIC: Final = ("name", "goal", "target", "impute")
_DEFAULT_COMMAND: Final = ("${env}", "${interpreter}", "${program}", "${args}")
_SPELLED: Final = {"${args}": "--", "${args_no_hyphens}": ""}
_EARLY_TERMINATE: Final = {
    "type": "type",
    "min_iter": "minIter",
    "max_iter": "maxIter",
    "s": "s",
    "eta": "eta",
    "strict": "strict",
}


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
        f"{key} is left out: {_OF_LAUNCH.get(key, 'a Sweep has nothing like it')}"
        for key in config
        if key not in _KNOWN
    ]
    spec: dict[str, Any] = {"method": config.get("method")}
    if metric := part(config, "metric", "the file"):
        spec["metric"] = {key: value for key, value in metric.items() if key in _OF_METRIC}
        notes += [f"metric.{key} is left out" for key in metric if key not in _OF_METRIC]
        spec["logPattern"] = SUMMARY
        notes.append(
            f"logPattern reads the summary that wandb prints: {READS_LOGS}. Leave it out where the "
            "program reports otherwise"
        )
    if "run_cap" in config:
        spec["runCap"] = config["run_cap"]
    else:
        notes += endless(str(spec["method"]), "run_cap")
    if workers := _workers(config):
        spec["parallelism"] = workers
    flat = _flat(config.get("parameters"), notes)
    spec["parameters"] = _parameters(config.get("parameters"), "parameters", notes, flat)
    if rule := part(config, "early_terminate", "the file"):
        spec["earlyTerminate"] = _early_terminate(rule)
        notes.append(
            "early_terminate compares what is reported on the way: the program has to do that "
            "by HTTP (docs/reporting.md), as no log is read before its end"
        )
    if command := _command(config):
        spec["command"] = _spelled(command, spec["parameters"], flat) if flat else command
    elif image:
        notes.append(
            "there is neither program nor command: the image's own runs, with its parameters in "
            "wandb.config and $SWEEP_PARAMETERS"
        )
    spec["template"] = template_of(job, notes) if job else _of_image(image)
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


def _workers(config: Json) -> Any:
    """Runs at a time, as W&B Launch is told of them."""
    return part(config, "scheduler", "the file").get("num_workers")


def _flat(written: Any, notes: list[str]) -> dict[str, str]:
    """Names with dots that can't be nested, and what they are called instead.

    Groups nest one level deep, and none has the name of a parameter.
    """
    found: dict[str, str] = {}
    for name in map(str, written if isinstance(written, Mapping) else ()):
        group = name.partition(".")[0]
        alone = written.get(group)
        if "." in name and (
            name.count(".") > 1 or (isinstance(alone, Mapping) and "parameters" not in alone)
        ):
            found[name] = name.replace(".", "_")
            if found[name] in written:
                raise FileError(f"parameters.{name}: would be a second {found[name]}: rename it")
            notes.append(
                f"{name} is {found[name]} here: the argument has its name as before, but it is "
                f'wandb.config["{found[name]}"] in the script'
            )
    return found


def _spelled(command: list[str], parameters: Json, flat: Mapping[str, str]) -> list[str]:
    """The command with the arguments that ${args} stands for, each by the name in W&B's file."""
    written = {new: old for old, new in flat.items()}
    names = [
        f"{name}.{below}" if below else name
        for name, parameter in parameters.items()
        for below in (parameter.get("parameters") or ("",))
    ]
    arguments = sorted(f"{written.get(name, name)}=${{param:{name}}}" for name in names)
    made: list[str] = []
    for word in command:
        if word in _SPELLED:
            made += [f"{_SPELLED[word]}{argument}" for argument in arguments]
        elif "${args" in word:
            raise FileError(
                f"command: {word} would have {', '.join(flat.values())}: write what it stands for, "
                "with ${param:NAME} for each value"
            )
        else:
            made.append(word)
    return made


def _parameters(written: Any, at: str, notes: list[str], flat: Mapping[str, str]) -> dict[str, Any]:
    if not isinstance(written, Mapping) or not written:
        raise FileError(f"{at}: is no map of parameters: write name: {{values: [...]}}")
    found: dict[str, Any] = {}
    for dotted, parameter in written.items():
        group, _, name = flat.get(str(dotted), str(dotted)).rpartition(".")
        if not isinstance(parameter, Mapping):
            raise FileError(f"{at}.{dotted}: write {{value: {parameter}}} for a constant")
        if "parameters" in parameter:
            below = _parameters(parameter["parameters"], f"{at}.{dotted}", notes, {})
            made = {"parameters": below}
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
