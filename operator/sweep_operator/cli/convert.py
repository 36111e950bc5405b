"""`convert`: a sweep file of W&B's as a manifest, checked as far as that goes without a cluster."""

import sys

import yaml

from sweep_operator.cli.files import FileError, documents, read
from sweep_operator.cli.preview import preview
from sweep_operator.cli.wandb import converted, is_wandb


def convert(file: str, name: str | None, image: str | None, template: str | None) -> str:
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
    text: str = yaml.safe_dump(made.sweep, sort_keys=False, width=100)
    return text
