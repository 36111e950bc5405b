"""Layers: tar files in the cache, each under the hash of all that it is made of."""

import contextlib
import hashlib
import os
import shutil
import stat
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from images.catalog import CACHE

EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
"""The time that every file in an image carries, so that the same input gives the same bytes."""


def digest(*parts: str | bytes) -> str:
    """A short hash of some parts, each told apart from its neighbours."""
    sha = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        sha.update(f"{len(data)}:".encode() + data)
    return sha.hexdigest()[:16]


def digest_files(root: Path) -> str:
    """The hash of a file, or of a folder's files and their names."""
    paths = sorted(source_files(root))
    return digest(*(part for p in paths for part in (str(p.relative_to(root)), p.read_bytes())))


def source_files(root: Path) -> Iterator[Path]:
    """A file itself, or a folder's files without what Python leaves behind."""
    if root.is_file():
        yield root
        return
    for path in root.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            yield path


def layer(kind: str, key: str, fill: Callable[[Path], None]) -> Path:
    """Give the layer of this key, made by `fill` (which gets an empty root) if it isn't there."""
    path = CACHE / "layers" / f"{kind}-{digest(key, str(EPOCH))}.tar"
    if path.exists():
        path.touch()  # says to `prune` that it is in use
        return path
    started = time.monotonic()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sweep-image-", dir=path.parent) as folder:
        root = Path(folder, "root")
        root.mkdir()
        fill(root)
        with written(path) as partial:
            pack(root, partial)
    size = path.stat().st_size / 1e6
    print(f"  layer {kind}: {size:.0f} MB, {time.monotonic() - started:.1f} s", flush=True)
    return path


def prune(days: int = 14) -> None:
    """Remove layers that no build has used for a while."""
    oldest = time.time() - days * 86400
    for path in (CACHE / "layers").glob("*.tar"):
        if path.stat().st_mtime < oldest:
            path.unlink()


@contextlib.contextmanager
def written(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` at once when the block ends well."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def pack(root: Path, target: Path) -> None:
    """Write a folder as a tar file: sorted, owned by root, without times of its own."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(root.rglob("*")):
            info = tar.gettarinfo(path, str(path.relative_to(root)))
            info.uid = info.gid = 0
            info.uname = info.gname = "root"
            info.mtime = EPOCH
            if info.islnk():  # a second name of a file: stored as a file of its own
                info.type, info.size = tarfile.REGTYPE, path.stat().st_size
            if info.isreg():
                with path.open("rb") as file:
                    tar.addfile(info, file)
            else:
                tar.addfile(info)


def copy_sources(source: Path, target: Path) -> None:
    """Copy a file or a folder's source files, readable by everyone."""
    for path in source_files(source):
        to = target if source.is_file() else target / path.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)
        to.chmod(stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IROTH)
