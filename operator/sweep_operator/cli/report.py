"""`report`: an HTML page of a sweep and its runs, of a cluster or of what `kubectl get` wrote."""

import argparse
import json
import re
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec

from pydantic import ValidationError

from sweep_operator.api.model import ObservedModel, problems
from sweep_operator.api.names import DNS_LABEL, LABEL_SWEEP_UID
from sweep_operator.api.plain import plain
from sweep_operator.api.run import SweepRun
from sweep_operator.api.sweep import SweepStatus
from sweep_operator.cli import target
from sweep_operator.cli.files import FileError, Json, documents, read, write
from sweep_operator.client.errors import ClientError

NEEDS_PLOTLY = "report needs plotly: pip install 'sweep-operator[report]'"


def run(options: argparse.Namespace) -> int:
    """Write the page of the sweep that is named, or that is in files."""
    if find_spec("plotly") is None:
        raise ClientError(NEEDS_PLOTLY)
    from sweep_operator.report.page import page  # noqa: PLC0415 (it needs plotly)

    sweep, runs = _from_files(options.file) if options.file else _from_cluster(options)
    made = page(sweep, runs, time.time()).encode(errors="replace")
    file = options.output or f"{_file_name(sweep['metadata']['name'])}.html"
    write(file, made)
    if file != "-":
        print(plain(f"{file}: {len(runs)} runs of {sweep['metadata']['name']}"))
    return 0


def _file_name(sweep: str) -> str:
    """A sweep's name as a file's: in a file from elsewhere it may be a path."""
    return sweep if re.fullmatch(DNS_LABEL, sweep) else "sweep"


def _from_cluster(options: argparse.Namespace) -> tuple[Json, list[Json]]:
    if options.sweep is None:
        raise ClientError("a page of which sweep? Give its name, or files by -f")
    found = target.sweep(options)
    return found.object, [each.object for each in found.runs()]


def _from_files(files: Sequence[str]) -> tuple[Json, list[Json]]:
    found: list[Json] = []
    for file in files:
        try:
            found += _objects(read(file))
        except FileError as error:
            raise FileError(str(error), file) from error
    try:
        return chosen(found)
    except FileError as error:
        raise FileError(str(error), ", ".join(files)) from error


def _objects(text: str) -> list[Json]:
    """The objects in a file. What is JSON is read as such: YAML takes minutes for 10,000 runs."""
    try:
        found = [json.loads(text)]
    except ValueError:
        found = list(documents(text))
    return [each for document in found if isinstance(document, dict) for each in _items(document)]


def _items(document: Json) -> Iterator[Json]:
    """A list's items: those of a SweepRunList needn't say what they are."""
    kind = str(document.get("kind", ""))
    if not kind.endswith("List"):
        yield document
        return
    for item in document.get("items") or ():
        if isinstance(item, dict):
            yield {"kind": kind.removesuffix("List"), **item}


def chosen(found: Sequence[Json]) -> tuple[Json, list[Json]]:
    """The Sweep among some objects, and its runs, each of them once.

    Raises:
        FileError: there isn't one Sweep, or an object isn't as the API server gives it.
    """
    sweeps = {_name(each): each for each in found if each.get("kind") == "Sweep"}
    if len(sweeps) != 1:
        names = f"{len(sweeps)} Sweeps ({', '.join(sorted(sweeps))})" if sweeps else "no Sweep"
        raise FileError(f"has {names}: a page is of one: kubectl get sweep NAME -o json")
    ((name, sweep),) = sweeps.items()
    if not isinstance(sweep.get("spec"), dict) or not isinstance(
        sweep["spec"].get("parameters"), dict
    ):
        raise FileError(f"Sweep {name}: has no spec.parameters: kubectl get sweep {name} -o json")
    _check(SweepStatus, sweep.get("status") or {}, f"Sweep {name}: status")
    runs = {}
    for each in found:
        if each.get("kind") == "SweepRun":
            _check(SweepRun, each, f"SweepRun {_name(each)}")
            if _is_of(each, sweep):
                runs[each["spec"]["number"]] = each
    return sweep, list(runs.values())


def _is_of(run: Json, sweep: Json) -> bool:
    """Whether it is this Sweep's: not that of one of the same name elsewhere, or before it."""
    metadata, owner = run["metadata"], sweep["metadata"]
    label = (metadata.get("labels") or {}).get(LABEL_SWEEP_UID)
    if label is not None and owner.get("uid"):
        return bool(label == owner["uid"])
    same = metadata.get("namespace") == owner.get("namespace")
    return same and bool(run["spec"]["sweep"] == owner["name"])


def _name(thing: Json) -> str:
    metadata = thing.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str):
        raise FileError(f"has a {thing.get('kind')} without metadata.name")
    return name


def _check(model: type[ObservedModel], thing: Json, at: str) -> None:
    try:
        model.model_validate(thing)
    except ValidationError as error:
        raise FileError(f"{at}: {problems(error)[0]}") from error
