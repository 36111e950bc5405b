"""Builds one image of the catalogue, unless its archive already is what it would be."""

import time
from pathlib import Path

from images import debian
from images.archive import Contents, write_archive
from images.bytecode import compile_folder
from images.catalog import REPOSITORY, SITE_PACKAGES, Image
from images.layers import copy_sources, digest, digest_files, layer, prune
from images.platforms import HERE, Platform
from images.wheels import site_packages, wheels

ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
}


def build(image: Image) -> str:
    """Build an image's archive if it isn't current; give the key that says what it is made of."""
    started = time.monotonic()
    key = image_key(image)
    stamp = image.archive.with_suffix(".key")
    if image.archive.exists() and stamp.exists() and stamp.read_text() == key:
        print(f"image {image.name}: current", flush=True)
        return key
    print(f"image {image.name}: building", flush=True)
    stamp.unlink(missing_ok=True)
    write_archive(image.archive, image.name, contents(image))
    stamp.write_text(key)
    prune()
    size = image.archive.stat().st_size / 1e6
    print(f"image {image.name}: {size:.0f} MB in {time.monotonic() - started:.1f} s", flush=True)
    return key


def contents(image: Image, platform: Platform = HERE, *, locked: bool = False) -> Contents:
    """Make an image's layers, or take them from the cache.

    Args:
        image: which one.
        platform: for which machines.
        locked: of the very packages that requirements/ names, or not at all.
    """
    base = debian.base(platform, locked=locked)
    version = debian.python_version(base)
    packages = wheels(REPOSITORY / image.lock, version, image.leaves_out, platform)
    return Contents(
        layers=(base, packages, _sources(image, version)),
        user=debian.USER,
        command=image.command,
        environment={**ENVIRONMENT, **image.environment},
        platform=platform,
    )


def image_key(image: Image) -> str:
    """The hash of all that an image is made of: release, recipe, lock and sources."""
    recipe = digest_files(Path(__file__).parent)
    sources = (digest_files(REPOSITORY / source) for source in image.sources)
    lock = (REPOSITORY / image.lock).read_bytes()
    return digest(debian.release(), debian.lock(HERE), image.name, recipe, lock, *sources)


def _sources(image: Image, version: str) -> Path:
    def fill(root: Path) -> None:
        for source, destination in image.sources.items():
            to = destination.replace(SITE_PACKAGES, site_packages(version))
            copy_sources(REPOSITORY / source, root / to)
        if (root / site_packages(version)).exists():
            compile_folder(root, site_packages(version), version)

    parts = (
        part
        for source, destination in sorted(image.sources.items())
        for part in (source, destination, digest_files(REPOSITORY / source))
    )
    return layer("sources", digest(version, digest_files(Path(__file__).parent), *parts), fill)
