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
    leaves_out: tuple[str, ...] = ()
    """Distributions of the lock that only parts want which nobody here calls."""
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


DATABASES = ("alembic", "mako", "sqlalchemy")
"""Optuna's storages: a search's history is in its Sweep's records."""

CONSOLE = (
    *("markdown-it-py", "mdurl", "prompt-toolkit", "pygments", "rich"),
    *("shellingham", "typer", "wcwidth"),
)
"""The expression language's own command line."""

IMAGES: Mapping[str, Image] = {
    "operator": Image(
        repository="localhost/sweep-operator",
        lock="requirements/operator.txt",
        sources={"operator/sweep_operator": f"{SITE_PACKAGES}/sweep_operator"},
        command=("python3", "-m", "sweep_operator.handlers.main"),
        leaves_out=DATABASES + CONSOLE,
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
