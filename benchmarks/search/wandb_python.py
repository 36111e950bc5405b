"""The interpreter that has W&B's own search: its library needs numpy below 2, and ours 2."""

import os
import subprocess
import venv
from pathlib import Path
from typing import Final

SWEEPS: Final = ("sweeps==0.3.0", "numpy==1.26.4", "scikit-learn==1.9.1", "scipy==1.17.1")
"""W&B's search, and what its results depend on."""


def wandb_python() -> Path:
    """Made at first use, kept with the user's caches."""
    caches = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = caches / "sweep-operator" / "sweeps-0.3.0"
    python = folder / "bin" / "python"
    done = folder / "complete"
    if not done.exists():
        venv.create(folder, clear=True, with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet", *SWEEPS]
        subprocess.run(install, check=True)  # noqa: S603 - names of packages, as above
        done.touch()
    return python
