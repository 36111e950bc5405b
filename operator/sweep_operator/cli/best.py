"""`best`: a sweep's best runs, and what a pod needs to run once more as the best one did."""

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sweep_operator.cli.output import dumped, for_programs, table
from sweep_operator.cli.target import sweep
from sweep_operator.client import ClientError, Run, Sweep
from sweep_operator.client.sweep import flat


class Ranked(NamedTuple):
    """A place among the best."""

    run: Run
    """With repeats, the first of its point that has a value."""
    value: float
    """Of the sweep's metric; with repeats, the mean of the point's."""


def run(options: argparse.Namespace) -> int:
    """Print them."""
    found = sweep(options)
    print(shown(ranked(found, found.runs(history=False))[: options.count], options.output), end="")
    return 0


def shown(best: Sequence[Ranked], output: str | None) -> str:
    """The best runs, as they are to be printed."""
    if for_programs(output):
        return dumped([_result(each) for each in best], str(output))
    match output:
        case "env":
            return dumped({"env": environment(best[0].run)}, "yaml")
        case "name":
            return "".join(f"sweeprun.sweep-operator.io/{each.run.name}\n" for each in best)
    parameters = [dict(flat(each.run.parameters)) for each in best]
    names = list(dict.fromkeys(name for each in parameters for name in each))
    rows = [
        [each.run.number, each.value, *map(its.get, names)]
        for each, its in zip(best, parameters, strict=True)
    ]
    return table(["NUMBER", "VALUE", *names], rows)


def ranked(found: Sweep, runs: Sequence[Run]) -> list[Ranked]:
    """The finished runs that have a value, the best first. ClientError where there is none."""
    sign = -1 if (found.spec.get("metric") or {}).get("goal") == "maximize" else 1
    repeated = found.spec.get("repeats", 1) > 1
    valued = _points(found, runs) if repeated else _finished(runs)
    best = sorted(valued, key=lambda each: (sign * each.value, each.run.number))
    if not best:
        raise ClientError(f"{found.name} has no finished run with a value of its metric")
    return best


def environment(run: Run) -> list[dict[str, str]]:
    """What a container's `env` needs for its program to find a run's parameters."""
    text = json.dumps(run.parameters, ensure_ascii=False)
    # $(NAME) in a value is the kubelet's.
    return [{"name": "SWEEP_PARAMETERS", "value": text.replace("$(", "$$(")}]


def _finished(runs: Sequence[Run]) -> Iterator[Ranked]:
    for run in runs:
        if run.phase == "Finished" and run.value is not None:
            yield Ranked(run, run.value)


def _points(found: Sweep, runs: Sequence[Run]) -> Iterator[Ranked]:
    """The points whose repeats have all ended, by the operator's own account."""
    from sweep_operator.report.results import Results  # noqa: PLC0415 - takes 0.3 s

    records = {run.number: run for run in runs}
    for point in Results.of(found.object, [run.object for run in runs], 0.0).scored:
        if point.counts:
            yield Ranked(records[point.run.number], point.value)


def _result(ranked: Ranked) -> dict[str, Any]:
    run = ranked.run
    return {"number": run.number, "value": ranked.value, "parameters": run.parameters}
