"""`convert`: another tool's file as a manifest, checked as far as that goes without a cluster."""

import argparse
import sys
from collections.abc import Sequence

from sweep_operator.api.plain import plain
from sweep_operator.cli.files import FileError, Json, documents, read
from sweep_operator.cli.foreign import NOTHING, converted, is_foreign
from sweep_operator.cli.output import dumped
from sweep_operator.cli.preview import preview


def run(options: argparse.Namespace) -> int:
    """Print the manifest."""
    made = convert(documents(read(options.file)), options)
    print(dumped(made, "yaml"), end="")
    return 0


def convert(found: Sequence[Json], options: argparse.Namespace) -> Json:
    """The Sweep that a file of W&B's or Katib's describes; notes on it go to standard error.

    Args:
        found: the file's documents.
        options: --name, and --image or --template; and the file's name, for the notes.

    Raises:
        FileError: the file is none of theirs, or says what a Sweep can't.
    """
    chosen = [each for each in found if is_foreign(each)]
    if not chosen:
        raise FileError(f"has nothing to convert: {NOTHING}")
    whole = sum(each.get("kind") == "Sweep" for each in found)
    if whole or len(chosen) > 1:
        beside = f" beside {whole} Sweep{'s' if whole > 1 else ''}" if whole else ""
        raise FileError(f"has {len(chosen)} to convert{beside}: put each into a file of its own")
    job = next(iter(documents(read(options.template))), {}) if options.template else None
    made = converted(chosen[0], name=options.name, image=options.image, job=job)
    preview(made.sweep, 1, None)
    for note in made.notes:
        print(f"{options.file}: note: {plain(note)}", file=sys.stderr)
    return made.sweep
