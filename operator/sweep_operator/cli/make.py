"""`create` and `delete`."""

import argparse
from collections.abc import Mapping
from typing import Any

from sweep_operator.cli import files
from sweep_operator.cli.convert import convert
from sweep_operator.cli.files import FileError, documents, read
from sweep_operator.cli.foreign import NOTHING, is_foreign
from sweep_operator.cli.output import confirmed
from sweep_operator.cli.target import connection, each, sweeps
from sweep_operator.client import Sweep


def run(options: argparse.Namespace) -> int:
    """Create or delete, and say so."""
    return create(options) if options.verb == "create" else delete(options)


def create(options: argparse.Namespace) -> int:
    """Create the sweeps of a file; prints the name of each."""
    dry_run = options.dry_run is not None
    cluster = connection(options)
    for manifest in manifests(options):
        made = Sweep.create(manifest, options.namespace, cluster, dry_run=dry_run)
        print(f"{made.namespace}/{made.name}{' (server dry run)' if dry_run else ''}")
    return 0


def manifests(options: argparse.Namespace) -> list[Mapping[str, Any]]:
    """What a file asks to be created."""
    found = documents(read(options.file))
    if any(map(is_foreign, found)):
        found = [convert(found, options)]
    elif options.name or options.image or options.template:
        raise FileError(
            f"--name, --image and --template go with a file to convert, and this has {NOTHING}"
        )
    chosen = files.sweeps(found)
    if options.paused:
        chosen = [{**one, "spec": {**one.get("spec", {}), "state": "Paused"}} for one in chosen]
    return chosen


def delete(options: argparse.Namespace) -> int:
    """Delete sweeps, once a person at a terminal has said yes."""
    chosen = sweeps(options)
    names = ", ".join(found.name for found in chosen)
    runs = sum(sum(found.counts.values()) for found in chosen)
    if not options.yes and not confirmed(f"Delete {names} with {runs} runs?"):
        return 1
    return each(chosen, _delete)


def _delete(found: Sweep) -> None:
    found.delete()
    print(f"{found.namespace}/{found.name} is being deleted")
