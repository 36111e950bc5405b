"""`convert`: a sweep file of W&B's as a manifest, checked as far as that goes without a cluster."""

import argparse
import sys
from collections.abc import Iterable

from sweep_operator.cli.files import FileError, Json, documents, read
from sweep_operator.cli.output import dumped
from sweep_operator.cli.preview import preview
from sweep_operator.cli.wandb import converted, is_wandb


def run(options: argparse.Namespace) -> int:
    """Print the manifest."""
    made = convert(documents(read(options.file)), options)
    print(dumped(made, "yaml"), end="")
    return 0


def convert(found: Iterable[Json], options: argparse.Namespace) -> Json:
    """The manifest of the Sweep that W&B's file describes; notes on it go to standard error.

    Args:
        found: the file's documents.
        options: --name, and --image or --template; and the file's name, for the notes.

    Raises:
        FileError: the file is none of W&B's, or says what a Sweep can't.
    """
    configs = [each for each in found if is_wandb(each)]
    if len(configs) != 1:
        raise FileError("has no sweep of W&B's: that is a map with method and parameters")
    job = next(iter(documents(read(options.template))), {}) if options.template else None
    made = converted(configs[0], name=options.name, image=options.image, job=job)
    preview(made.sweep, 1, None)
    for note in made.notes:
        print(f"{options.file}: note: {note}", file=sys.stderr)
    return made.sweep
