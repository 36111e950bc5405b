"""The CRDs of Sweep and SweepRun, generated from the models: `python -m sweep_operator.api.crd`.

Writes crds/sweeps.yaml and crds/sweepruns.yaml, or with --check tells whether they are current.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from sweep_operator.api.names import GROUP, VERSION
from sweep_operator.api.rules import RUN_RULES, SWEEP_RULES, put
from sweep_operator.api.run import RunPhase, SweepRun
from sweep_operator.api.schema import PRESERVE, Schema, structural
from sweep_operator.api.sweep import Sweep
from sweep_operator.api.template import (
    CONTROLLED_IN_JOB,
    CONTROLLED_IN_POD,
    OPEN_IN_CONTAINER,
    OPEN_IN_JOB,
    OPEN_IN_POD,
    Controlled,
)

PARAMETER_LEVELS: Final = 2
"""spec.parameters, and one level nested in it: CEL's cost budget."""

MAX_CONTROLLED_LENGTH: Final = 63

CONTAINER_PATH: Final = "pod.spec.containers"

HEADER: Final = (
    "# Generated from operator/sweep_operator/api: change the models, then `make crds`.\n"
)

Column = dict[str, str | int]


def _column(name: str, kind: str, path: str, description: str, *, wide: bool = False) -> Column:
    column: Column = {
        "name": name,
        "type": kind,
        "jsonPath": path,
        "description": description,
    }
    return column | {"priority": 1} if wide else column


_AGE: Final = _column("AGE", "date", ".metadata.creationTimestamp", "Time since it was created.")

SWEEP_COLUMNS: Final = (
    _column("STATUS", "string", ".status.phase", "What the sweep is doing."),
    _column("RUNNING", "integer", ".status.runs.running", "Runs whose program runs."),
    _column("FINISHED", "integer", ".status.runs.finished", "Runs whose program exited with 0."),
    _column("FAILED", "integer", ".status.runs.failed", "Runs whose program was at fault."),
    _column("BEST", "number", ".status.best.value", "The best metric so far."),
    _AGE,
    _column("METHOD", "string", ".spec.method", "How parameters are chosen.", wide=True),
    _column("PARALLELISM", "integer", ".spec.parallelism", "Runs at a time.", wide=True),
    _column("CAP", "integer", ".spec.runCap", "Runs in all.", wide=True),
    _column("PENDING", "integer", ".status.runs.pending", "Runs not started yet.", wide=True),
    _column("BEST RUN", "string", ".status.best.run", "The run with the best metric.", wide=True),
)

RUN_COLUMNS: Final = (
    _column("STATUS", "string", ".status.phase", "What has become of the run."),
    _column("SWEEP", "string", ".spec.sweep", "The sweep it belongs to."),
    _column("VALUE", "number", ".status.value", "The sweep's metric."),
    _column("REASON", "string", ".status.reason", "Why it is in its status."),
    _AGE,
    _column("ATTEMPTS", "integer", ".status.attemptsMade", "Attempts made.", wide=True),
    _column("STARTED", "date", ".status.startTime", "Time since it started.", wide=True),
    _column("ENDED", "date", ".status.completionTime", "Time since it ended.", wide=True),
)


def sweep_crd() -> dict[str, Any]:
    """The CustomResourceDefinition of Sweep."""
    schema = structural(Sweep, defaults=True, levels=PARAMETER_LEVELS)
    schema["properties"]["status"] = _status(Sweep)
    job = schema["properties"]["spec"]["properties"]["template"]["properties"]["spec"]
    pod = job["properties"]["template"]["properties"]["spec"]
    _declare_controlled(CONTROLLED_IN_JOB, job)
    _declare_controlled(CONTROLLED_IN_POD, pod)
    _declare_open(OPEN_IN_JOB, job, "job.spec")
    _declare_open(OPEN_IN_POD, pod, "pod.spec")
    _declare_open(OPEN_IN_CONTAINER, pod["properties"]["containers"]["items"], CONTAINER_PATH)
    put(SWEEP_RULES, schema)
    names = {
        "kind": "Sweep",
        "listKind": "SweepList",
        "plural": "sweeps",
        "singular": "sweep",
        "shortNames": ["sw"],
        "categories": ["all"],
    }
    scale = {
        "specReplicasPath": ".spec.parallelism",
        "statusReplicasPath": ".status.active",
        "labelSelectorPath": ".status.selector",
    }
    return _crd(names, schema, SWEEP_COLUMNS, {"status": {}, "scale": scale})


def run_crd() -> dict[str, Any]:
    """The CustomResourceDefinition of SweepRun."""
    schema = structural(SweepRun, defaults=False, levels=1)
    # What is created with a status loses it: this makes a new record read as Pending.
    schema["properties"]["status"]["default"] = {"phase": RunPhase.PENDING.value}
    put(RUN_RULES, schema)
    names = {
        "kind": "SweepRun",
        "listKind": "SweepRunList",
        "plural": "sweepruns",
        "singular": "sweeprun",
        "shortNames": ["swr"],
    }
    return _crd(names, schema, RUN_COLUMNS, {"status": {}})


def _status(model: type[Sweep]) -> Schema:
    """Status without defaults: what the operator hasn't said is absent, not 0."""
    found: Schema = structural(model, defaults=False, levels=1)["properties"]["status"]
    return found


def _declare_controlled(fields: Sequence[Controlled], schema: Schema) -> None:
    """Declare fields so that CEL sees them, and `kubectl explain` says why they are refused."""
    for field in fields:
        unless = "" if field.allowed is None else f" or set it to {field.allowed}"
        declared: Schema = {
            "type": field.type,
            "description": f"Leave it out{unless}: {field.why}.",
        }
        if field.type == "string":
            declared["maxLength"] = MAX_CONTROLLED_LENGTH
        if field.type == "object":
            declared[PRESERVE] = True  # or what stands in it would be told of as unknown fields
        schema["properties"][field.name] = declared


def _declare_open(fields: Sequence[str], schema: Schema, explained: str) -> None:
    """Declare fields without a type, so that no change of them is overlooked."""
    for field in fields:
        schema["properties"][field] = {
            "description": f"As in any Job: kubectl explain {explained}.{field}.",
            PRESERVE: True,
            "nullable": True,
        }


def _crd(
    names: dict[str, Any],
    schema: Schema,
    columns: Sequence[Column],
    subresources: dict[str, Any],
) -> dict[str, Any]:
    properties = schema["properties"]
    properties["apiVersion"] = {"type": "string"}
    properties["kind"] = {"type": "string"}
    properties["metadata"] = {"type": "object"}
    schema["required"] = ["spec"]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": names,
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": subresources,
                    "additionalPrinterColumns": list(columns),
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


class _Dumper(yaml.SafeDumper):
    """Writes for readers: no anchors, and paragraphs as they are."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 (PyYAML's signature)
        return True


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _write_text)


def rendered() -> dict[str, str]:
    """The text of each file in crds/, by its name."""
    return {
        f"{crd['spec']['names']['plural']}.yaml": HEADER
        + yaml.dump(crd, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)
        for crd in (sweep_crd(), run_crd())
    }


def stale(folder: Path) -> list[str]:
    """The names of the files in a folder that aren't what the models say."""
    return [
        name
        for name, text in rendered().items()
        if not (folder / name).is_file() or (folder / name).read_text() != text
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the CRDs, or check them; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write the CRDs that the models say.")
    parser.add_argument("--check", action="store_true", help="only tell whether they are current")
    parser.add_argument("--folder", type=Path, default=Path("crds"), help="where they are")
    options = parser.parse_args(arguments)
    if options.check:
        old = stale(options.folder)
        for name in old:
            print(f"{options.folder / name} is not what the models say: run make crds")
        return 1 if old else 0
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, text in rendered().items():
        (options.folder / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
