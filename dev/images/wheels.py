"""The layer of locked wheels: what uv installs from a requirements file with hashes."""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import Distribution, distributions
from pathlib import Path

from images import bytecode
from images.catalog import REPOSITORY
from images.errors import BuildError, run
from images.layers import digest, layer
from images.platforms import HERE, Platform


def site_packages(version: str) -> str:
    """Where Debian's Python looks for packages that aren't Debian's."""
    return f"usr/local/lib/python{version}/dist-packages"


def wheels(
    lock: Path, version: str, leaves_out: Sequence[str] = (), platform: Platform = HERE
) -> Path:
    """The layer with a lock file's wheels but some, for the Python of the base layer."""

    def fill(root: Path) -> None:
        target = root / site_packages(version)
        command = [_uv(), "pip", "install", "--quiet", "--target", str(target)]
        command += ["--require-hashes", "--only-binary", ":all:", "--python-version", version]
        command += ["--python-platform", platform.wheels]
        command += ["--link-mode", "copy", "--requirements", str(lock)]
        # An activated environment is not what is installed into.
        environment = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
        run(command, failing=f"could not install {lock.name}", environment=environment)
        shutil.rmtree(target / "bin", ignore_errors=True)
        (target / ".lock").unlink(missing_ok=True)
        for each in distributions(path=[str(target)]):
            if each.name.lower().replace("_", "-") in leaves_out:
                _remove(each, target)
        bytecode.compile_folder(root, site_packages(version), version)

    recipe = Path(__file__).read_bytes() + Path(bytecode.__file__).read_bytes()
    key = digest(lock.read_bytes(), version, platform.wheels, recipe, *leaves_out)
    return layer("wheels", key, fill)


def _remove(distribution: Distribution, target: Path) -> None:
    for file in distribution.files or ():
        path = target / file
        path.unlink(missing_ok=True)
        with suppress(OSError):  # not empty yet
            for folder in path.relative_to(target).parents:
                (target / folder).rmdir()


def _uv() -> str:
    uv = REPOSITORY / ".venv/bin/uv"
    found = str(uv) if uv.exists() else shutil.which("uv")
    if not found:
        raise BuildError("uv is neither in .venv nor on the PATH: run `make venv`")
    return found
