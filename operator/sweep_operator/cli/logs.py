"""`logs`: what the program of a run has printed, or why that can't be told any more.

Its lines are printed as they are, with colours and all, as kubectl prints them.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sweep_operator.api import paths
from sweep_operator.api.plain import plain
from sweep_operator.cli.best import ranked
from sweep_operator.cli.output import age
from sweep_operator.cli.target import connection, sweep
from sweep_operator.client import ClientError, Connection, NotFoundError, Run, Sweep

Json = Mapping[str, Any]


def run(options: argparse.Namespace) -> int:
    """Print the logs that are asked for; 1 where one of them is gone."""
    found = sweep(options)
    chosen = _chosen(found, options)
    cluster = connection(options)
    missing = 0
    for each in chosen:
        try:
            for line in _log(found, each, options, cluster):
                print(f"{each.name}: {line}" if len(chosen) > 1 else line, flush=options.follow)
        except NotFoundError as error:
            if len(chosen) == 1:
                raise
            print(plain(f"{each.name}: {error}"))
            missing = 1
    return missing


def _chosen(found: Sweep, options: argparse.Namespace) -> Sequence[Run]:
    """The runs that are meant."""
    runs = found.runs(history=False)
    if options.best:
        return [ranked(found, runs)[0].run]
    if options.failed:
        failed = [each for each in runs if each.phase == "Failed"]
        if not failed:
            raise ClientError(f"no run of {found.name} is Failed")
        return failed
    if options.run is None:
        raise ClientError("whose logs? Give a run's number, --best or --failed")
    chosen = [each for each in runs if each.number == options.run]
    if not chosen:
        known = f"it has runs {runs[0].number} to {runs[-1].number}" if runs else "it has none yet"
        raise ClientError(f"{found.name} has no run {options.run}: {known}")
    return chosen


def _log(
    found: Sweep, run: Run, options: argparse.Namespace, connection: Connection
) -> Iterator[str]:
    """The lines of an attempt's main container. NotFoundError where its pod is gone."""
    attempt = _attempt(run, options.attempt)
    query = {"container": _container(found)}
    if options.follow:
        query["follow"] = "true"
    if options.tail is not None:
        query["tailLines"] = str(options.tail)
    if "pod" not in attempt:
        raise NotFoundError(_gone(found, run, attempt))
    path = f"{paths.pods(found.namespace, attempt['pod'])}/log"
    try:
        yield from connection.lines(path, **query)
    except NotFoundError as error:
        raise NotFoundError(_gone(found, run, attempt)) from error


def _attempt(run: Run, number: int | None) -> Json:
    """An attempt by its number, or the last one."""
    attempts: Sequence[Json] = run.status.get("attempts") or ()
    if not attempts:
        raise NotFoundError(
            f"run {run.number} hasn't started: {run.status.get('reason', 'Pending')}"
        )
    if number is None:
        return attempts[-1]
    for each in attempts:
        if each["number"] == number:
            return each
    known = ", ".join(str(each["number"]) for each in attempts)
    raise ClientError(f"run {run.number} has no attempt {number} on record: there are {known}")


def _container(found: Sweep) -> str:
    template = found.spec["template"]["spec"]["template"]["spec"]
    name: str = found.spec.get("mainContainer") or template["containers"][0]["name"]
    return name


def _gone(found: Sweep, run: Run, attempt: Json) -> str:
    """Why there is no log, and how it is kept for longer."""
    if not attempt.get("finished"):
        return f"attempt {attempt['number']} of run {run.number} has no pod yet"
    kept = found.spec.get("finishedJobTTL", "10m")
    return (
        f"the log of attempt {attempt['number']} of run {run.number} is gone with its pod: it "
        f"ended {age(attempt['finished'])} ago, and spec.finishedJobTTL keeps Jobs for {kept}"
    )
