"""`list`, `status` and `runs`: how sweeps stand, and what their runs came to."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sweep_operator.api.plain import plain
from sweep_operator.cli.arguments import PHASES
from sweep_operator.cli.output import (
    age,
    dumped,
    for_programs,
    listed,
    table,
    without_managed_fields,
)
from sweep_operator.cli.target import connection, sweep
from sweep_operator.client import ClientError, Run, Sweep
from sweep_operator.client.sweep import flat

TROUBLES: Final = ("Stalled", "PodsNotStarting", "SystematicFailures")
"""Conditions that are told when they are True."""


def run(options: argparse.Namespace) -> int:
    """Look, and print what is there."""
    print(_VERBS[options.verb](options), end="")
    return 0


def sweeps(options: argparse.Namespace) -> str:
    """Print the sweeps of a namespace, or of all."""
    found = Sweep.all(
        options.namespace,
        connection(options),
        everywhere=options.all_namespaces,
        selector=options.selector,
    )
    if for_programs(options.output):
        return dumped(listed([each.object for each in found]), options.output)
    if options.output == "name":
        return "".join(f"sweep.sweep-operator.io/{each.name}\n" for each in found)
    if not found:
        where = "" if options.all_namespaces else f" in namespace {_namespace(options)}"
        labels = f" with {options.selector}" if options.selector else ""
        return _nothing(f"there are no sweeps{where}{labels}")
    columns: dict[str, Callable[[Sweep], object]] = {
        **({"NAMESPACE": lambda each: each.namespace} if options.all_namespaces else {}),
        "NAME": lambda each: each.name,
        "STATUS": lambda each: each.phase,
        "RUNNING": lambda each: each.counts.get("running", 0),
        "FINISHED": lambda each: each.counts.get("finished", 0),
        "FAILED": lambda each: each.counts.get("failed", 0),
        "BEST": lambda each: (each.status.get("best") or {}).get("value"),
        "AGE": lambda each: age(each.object["metadata"]["creationTimestamp"]),
    }
    if options.output == "wide":
        columns |= {
            "METHOD": lambda each: each.spec["method"],
            "METRIC": lambda each: (each.spec.get("metric") or {}).get("name"),
            "CAP": lambda each: each.spec.get("runCap"),
            "PARALLELISM": lambda each: each.spec.get("parallelism", 1),
        }
    return table(list(columns), [[of(each) for of in columns.values()] for each in found])


def status(options: argparse.Namespace) -> str:
    """Print how one sweep stands."""
    found = sweep(options)
    if options.output:
        return dumped(without_managed_fields(found.object), options.output)
    lines = [
        ("sweep", f"{found.namespace}/{found.name}"),
        ("status", f"{found.phase or 'not seen by an operator yet'}. {found.said('Complete')}"),
        ("runs", counted(found) or "none yet"),
    ]
    if best := found.status.get("best"):
        lines.append(("best", f"{best['value']:.6g}, run {best['number']}: {pairs(best)}"))
    started, ended = found.status.get("startTime"), found.status.get("completionTime")
    if started:
        lines.append(("time", f"{age(started, ended)}{'' if ended else ' so far'}"))
    lines += [(kind, found.said(kind)) for kind in TROUBLES if found.holds(kind)]
    return "".join(f"{name:<20}{plain(text)}\n" for name, text in lines)


def runs(options: argparse.Namespace) -> str:
    """Print a sweep's runs."""
    every = sweep(options).runs(history=for_programs(options.output))
    found = [each for each in every if options.status in (None, each.phase)]
    found = sorted_by(found, options.sort, reverse=options.reverse)
    if for_programs(options.output):
        return dumped(listed([each.object for each in found]), options.output)
    if options.output == "name":
        return "".join(f"sweeprun.sweep-operator.io/{each.name}\n" for each in found)
    if not found:
        return _nothing(
            f"no run is {options.status}" if options.status else "there are no runs yet"
        )
    given = [dict(flat(each.parameters)) for each in found]
    names = list(dict.fromkeys(name for each in given for name in each))
    head = ["NUMBER", "STATUS", "VALUE", "REASON", "ATTEMPTS", "TIME", *names]
    rows = [
        [
            each.number,
            each.phase,
            each.value,
            each.status.get("reason"),
            each.status.get("attemptsMade", 0),
            age(each.status.get("startTime"), each.status.get("completionTime")),
            *(_short(parameters.get(name), options.output) for name in names),
        ]
        for each, parameters in zip(found, given, strict=True)
    ]
    if options.output == "wide":
        head.append("MESSAGE")
        rows = [
            [*cells, each.status.get("message")] for cells, each in zip(rows, found, strict=True)
        ]
    return table(head, rows)


_VERBS: Final[Mapping[str, Callable[[argparse.Namespace], str]]] = {
    "list": sweeps,
    "status": status,
    "runs": runs,
}


def sorted_by(found: Sequence[Run], by: str, *, reverse: bool) -> list[Run]:
    """Runs by a column; those that have nothing there come last, from either end."""
    keyed = [(_columns(each).get(by), each) for each in found]
    there = [(value, each) for value, each in keyed if value is not None]
    if not there and found and by != "value":
        names = dict.fromkeys(name for each in found for name in _columns(each))
        raise ClientError(f"--sort {by}: no run has it; there are {', '.join(names)}")
    numbers = all(isinstance(value, int | float) for value, _ in there)
    there.sort(key=lambda pair: pair[0] if numbers else str(pair[0]), reverse=reverse)
    return [*(each for _, each in there), *(each for value, each in keyed if value is None)]


def _columns(run: Run) -> dict[str, Any]:
    """What a run can be sorted by."""
    return {"number": run.number, "value": run.value, **run.metrics, **dict(flat(run.parameters))}


def pairs(best: Mapping[str, Any]) -> str:
    """A run's parameters in a line: lr=0.1 kind=a."""
    return " ".join(f"{name}={_pair(value)}" for name, value in flat(best["parameters"]))


def counted(found: Sweep) -> str:
    """How many runs are in which phase, in the order of a run's life: 3 running, 5 finished."""
    counts = [(found.counts.get(phase.lower(), 0), phase.lower()) for phase in PHASES]
    return ", ".join(f"{count} {phase}" for count, phase in counts if count)


def _pair(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else _short(value, None)


def _namespace(options: argparse.Namespace) -> str:
    return options.namespace or connection(options).namespace


def _nothing(why: str) -> str:
    """No table, and why, where no program reads it."""
    print(why, file=sys.stderr)
    return ""


def _short(value: Any, output: str | None) -> Any:
    """A text or a list of at most 24 characters, unless all of it is asked for."""
    if value is None or isinstance(value, int | float) or output == "wide":
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    return value if len(text) <= 24 else text[:21] + "..."
