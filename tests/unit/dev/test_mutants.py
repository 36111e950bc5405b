"""The deliberate bugs of `make mutants`: each is one of the code as it is now."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PATCHES = sorted((ROOT / "tests/mutants").glob("*.patch"))


@pytest.mark.parametrize("patch", PATCHES, ids=lambda each: each.stem)
def test_a_mutant_fits_the_code(patch: Path) -> None:
    command = ("git", "apply", "--check", str(patch))
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_there_are_mutants() -> None:
    assert len(PATCHES) >= 25
