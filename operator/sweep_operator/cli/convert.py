"""`convert`: a sweep file of W&B's as a manifest, checked as far as that goes without a cluster."""

import argparse
import sys

from sweep_operator.cli.files import FileError, Json, documents, read
from sweep_operator.cli.output import dumped
from sweep_operator.cli.preview import preview
from sweep_operator.cli.wandb import converted, is_wandb


def run(options: argparse.Namespace) -> int:
    """Print the manifest."""
    made = convert(options.file, options.name, options.image, options.template)
    print(dumped(made, "yaml"), end="")
    return 0


def convert(file: str, name: str | None, image: str | None, template: str | None) -> Json:
    """The manifest of the Sweep that W&B's file describes; notes on it go to standard error.

    Raises:
        FileError: the file is none of W&B's, or says what a Sweep can't.
    """
    found = [each for each in documents(read(file)) if is_wandb(each)]
    if len(found) != 1:
        raise FileError("has no sweep of W&B's: that is a map with method and parameters")
    job = next(iter(documents(read(template))), {}) if template else None
    made = converted(found[0], name=name, image=image, job=job)
    preview(made.sweep, 1, None)
    for note in made.notes:
        print(f"{file}: note: {note}", file=sys.stderr)
    return made.sweep
