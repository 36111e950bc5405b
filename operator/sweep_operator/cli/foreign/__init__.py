"""Files of other tools that can be had as a Sweep, and which of them is whose."""

from typing import Final

from sweep_operator.cli.files import FileError, Json
from sweep_operator.cli.foreign import katib, wandb
from sweep_operator.cli.foreign.conversion import Conversion

NOTHING: Final = (
    "neither a sweep of W&B's, which is a map with method and parameters, nor an Experiment of "
    "Katib's (kubeflow.org/v1beta1)"
)


def is_foreign(document: Json) -> bool:
    """Whether a document is of a kind that can be converted."""
    return wandb.is_wandb(document) or katib.is_experiment(document)


def converted(
    document: Json, *, name: str | None = None, image: str | None = None, job: Json | None = None
) -> Conversion:
    """Make a Sweep of it.

    Args:
        document: a sweep file of W&B's, or an Experiment of Katib's.
        name: of the Sweep; default: that of the file.
        image: of the container that runs W&B's program.
        job: a manifest of kind Job whose pod runs W&B's program, instead of `image`.

    Raises:
        FileError: it says something that a Sweep can't.
    """
    if wandb.is_wandb(document):
        return wandb.converted(document, name=name, image=image, job=job)
    if image or job:
        raise FileError(
            "--image and --template go with a sweep file of W&B's: an Experiment has its own"
        )
    return katib.converted(document, name=name)


def as_sweep(document: Json) -> Json:
    """What it would be as a Sweep, whatever it runs in; a manifest as it is."""
    if wandb.is_wandb(document):
        return converted(document, image="none").sweep
    return converted(document).sweep if is_foreign(document) else document
