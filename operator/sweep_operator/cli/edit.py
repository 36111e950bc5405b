"""`pause`, `resume`, `stop`, `cancel` and `scale`: edits of a Sweep's spec, and what came of them.

Each waits until the operator has acted upon the edit, and says what is true then.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from sweep_operator.cli.output import confirmed
from sweep_operator.cli.target import each, sweeps
from sweep_operator.client import RefusedError, Sweep

STATES: Final[Mapping[str, str]] = {
    "pause": "Paused",
    "resume": "Running",
    "stop": "Stopped",
    "cancel": "Cancelled",
}

_GITOPS: Final = ("argocd", "kustomize-controller", "helm-controller", "fleet")
"""What the field managers of tools that put a spec back as Git has it begin with."""


def run(options: argparse.Namespace) -> int:
    """Edit, and tell what is true now."""
    chosen = sweeps(options)
    if options.verb == "cancel" and not options.yes and not _may_cancel(chosen):
        return 1
    if options.verb == "scale":
        change: dict[str, object] = {"parallelism": options.parallelism}
    else:
        change = {"state": STATES[options.verb]}
    return each(chosen, lambda found: _edit(found, change, options.dry_run is not None))


def _may_cancel(chosen: Sequence[Sweep]) -> bool:
    """Ask, where something would be killed."""
    active = sum(found.status.get("active", 0) for found in chosen)
    names = ", ".join(found.name for found in chosen)
    return not active or confirmed(f"Cancel {names} and kill {_runs(active)}?")


def _edit(found: Sweep, change: Mapping[str, object], dry_run: bool) -> None:
    try:
        found.edit(dry_run=dry_run, **change)
    except RefusedError as error:
        if "state" not in change:
            raise
        why = str(error).removeprefix("spec.state: Forbidden: ")
        raise RefusedError(f"{found.name} is {found.phase or 'new'}: {why}") from error
    if dry_run:
        print(f"{found.name} would be edited (server dry run)")
        return
    at_most = f", at most {change['parallelism']} at a time" if "parallelism" in change else ""
    print(f"{told(found)}{at_most}")
    for field in change:
        if manager := _owner(found, field):
            print(
                f"warning: {manager} owns spec.{field}, and will set it as Git has it: "
                "change it there (docs/gitops.md)",
                file=sys.stderr,
            )


def told(found: Sweep) -> str:
    """How a sweep stands, in a line."""
    counts, active = found.counts, found.status.get("active", 0)
    running = _runs(counts.get("running", 0))
    match found.phase:
        case "Paused":
            runs = f"{running} still running, {counts.get('pending', 0)} held"
        case "Stopped":
            runs = f"{running} going on to their end"
        case "Cancelled" if active:
            runs = f"{_runs(active)} being killed"
        case "Cancelled":
            runs = f"{_runs(counts.get('killed', 0))} killed"
        case "Finished":
            runs = "nothing is left to run"
        case _:
            runs = f"{_runs(active)} active"
    return f"{found.name} is {found.phase.lower()}; {runs}"


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"


def _owner(found: Sweep, field: str) -> str | None:
    """The tool that will put a field of the spec back, if one owns it."""
    for entry in found.object["metadata"].get("managedFields") or ():
        fields = (entry.get("fieldsV1") or {}).get("f:spec") or {}
        manager = str(entry.get("manager", ""))
        if f"f:{field}" in fields and manager.startswith(_GITOPS):
            return manager
    return None
