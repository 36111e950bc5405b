"""The chart's package, with the image in it that the release has built."""

import gzip
import io
import re
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Final

import yaml

from images.errors import BuildError, run
from images.layers import EPOCH

REPOSITORY: Final = re.compile(r"^(  repository: ).*$", re.MULTILINE)
DIGEST: Final = re.compile(r'^(  digest: )""$', re.MULTILINE)


def package(helm: str, chart: Path, repository: str, digest: str, output: Path) -> Path:
    """Package a chart whose image is this one; the same chart gives the same bytes."""
    with tempfile.TemporaryDirectory(prefix="sweep-release-") as folder:
        copy = Path(folder, chart.name)
        shutil.copytree(chart, copy)
        values = copy / "values.yaml"
        values.write_text(with_image(values.read_text(), repository, digest))
        command = [helm, "package", str(copy), "--destination", folder]
        run(command, failing="helm can't package the chart")
        (made,) = Path(folder).glob("*.tgz")
        target = output / made.name
        target.write_bytes(_timeless(made.read_bytes()))
    return target


def with_image(values: str, repository: str, digest: str) -> str:
    """values.yaml with another image, and all of its comments."""
    for pattern, value in ((REPOSITORY, repository), (DIGEST, digest)):
        values, found = pattern.subn(rf"\g<1>{value}", values)
        if found != 1:
            raise BuildError(f"values.yaml has {found} lines like {pattern.pattern}")
    return values


def about(chart: Path) -> dict[str, Any]:
    """What Chart.yaml says."""
    found: dict[str, Any] = yaml.safe_load((chart / "Chart.yaml").read_text())
    return found


def _timeless(package: bytes) -> bytes:
    """A package without the moment that it was made at."""
    packed = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(package)) as old,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda each: each.name):
            member.mtime = EPOCH
            new.addfile(member, old.extractfile(member))
    return gzip.compress(packed.getvalue(), mtime=0)
