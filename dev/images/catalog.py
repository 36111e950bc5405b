"""The images there are: their names, what is in them, and where their archives stand."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sweep-operator/images"

SITE_PACKAGES = "{site-packages}"
"""Stands in a destination for the folder of site packages, which has Python's version in it."""


@dataclass(frozen=True)
class Image:
    """What one image is made of. Paths in `sources` are relative to the repository."""

    repository: str
    lock: str
    sources: Mapping[str, str]
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False
    """Built only where it is named: the demo and the core tests do without it."""

    @property
    def name(self) -> str:
        """The full reference, as in a pod's `image`."""
        return f"{self.repository}:{version()}"

    @property
    def archive(self) -> Path:
        """Where its docker-archive stands once built."""
        return CACHE / (self.name.replace("/", "_").replace(":", "_") + ".tar")


IMAGES: Mapping[str, Image] = {
    "operator": Image(
        repository="localhost/sweep-operator",
        lock="requirements/operator.txt",
        sources={"operator/sweep_operator": f"{SITE_PACKAGES}/sweep_operator"},
        command=("python3", "-m", "sweep_operator.handlers.main"),
    ),
    "digits": Image(
        repository="localhost/sweep-digits",
        lock="examples/digits/requirements.txt",
        sources={
            "examples/digits/train.py": "app/train.py",
            "operator/sweep_run": f"{SITE_PACKAGES}/sweep_run",
        },
        command=("python3", "/app/train.py"),
        # One thread a run: the sweep is what runs in parallel.
        environment={"OMP_NUM_THREADS": "1"},
    ),
    "wandb": Image(
        repository="localhost/sweep-wandb",
        lock="examples/wandb/requirements.txt",
        sources={"examples/wandb/train.py": "app/train.py"},
        command=("python3", "/app/train.py"),
        optional=True,
    ),
}


def version() -> str:
    """The project's version, which is every image's tag."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return str(project["version"])
