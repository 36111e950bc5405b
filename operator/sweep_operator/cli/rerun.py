"""`rerun`: runs that have failed, or crashed for good, once more with the same parameters."""

import argparse
from typing import Final

from sweep_operator.cli.target import sweep
from sweep_operator.client import ClientError, Run

LOST: Final = ("Failed", "Crashed")


def run(options: argparse.Namespace) -> int:
    """Ask for them, and say which they are."""
    found = sweep(options)
    if found.phase in ("Stopped", "Cancelled"):
        raise ClientError(f"{found.name} is {found.phase}: it starts no runs, create a new Sweep")
    records = {each.number: each for each in found.runs(history=False)}
    for number in options.runs:
        if number not in records:
            raise ClientError(f"{found.name} has no run {number}")
        if not _lost(records[number]):
            raise ClientError(
                f"run {number} is {records[number].phase}: only what has Failed, or Crashed for "
                "good, is run again"
            )
    lost = [each for each in records.values() if _lost(each)]
    if not lost:
        raise ClientError(f"no run of {found.name} has Failed, or Crashed for good")
    if options.runs:
        lost = [found.rerun(records[number]) for number in options.runs]
    else:
        found.rerun_failed()
    held = ", once it is resumed" if found.phase == "Paused" else ""
    numbers = ", ".join(str(each.number) for each in lost)
    print(f"{found.name} runs {numbers} again{held}")
    return 0


def _lost(run: Run) -> bool:
    return run.phase in LOST and "completionTime" in run.status
