"""Python's bytecode, compiled into the image: a read-only file system can't keep it later."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from images.errors import run


def compile_folder(root: Path, folder: str, version: str) -> None:
    """Compile a folder of an image's root by a Python of the image's version, if there is one."""
    python = _python(version)
    if python is None:
        print(
            f"  no Python {version} on this machine: the image will start more slowly", flush=True
        )
        return
    # Unchecked: the sources in an image never change, and their times are all the same.
    command = [python, "-I", "-m", "compileall", "-qq", "-j", str(os.cpu_count() or 1)]
    command += ["--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", "/"]
    command += ["-x", r"/tests?/|/lib2to3/|/idlelib/", str(root / folder)]
    # A package may hold files that are templates or of another Python: not an error.
    run(["sh", "-c", '"$@" || true', "sh", *command], failing="could not compile bytecode")


def _python(version: str) -> str | None:
    candidates = (sys.executable, f"/usr/bin/python{version}", shutil.which(f"python{version}"))
    report = "import sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in candidates:
        if candidate and Path(candidate).exists():
            done = subprocess.run(
                [candidate, "-I", "-c", report], capture_output=True, text=True, check=False
            )
            if done.stdout.strip() == version:
                return candidate
    return None
