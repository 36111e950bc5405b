"""Images without a registry: the two that every node has, and getting others into the nodes.

Both own images are one static busybox. They are written as docker-archives (what `docker save`
writes) by the standard library's tarfile, byte for byte the same each time.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from local_cluster.errors import ClusterError
from local_cluster.layout import Cache
from local_cluster.machine import Machine

PAUSE_IMAGE = "localhost/pause:local"
BUSYBOX_IMAGE = "docker.io/library/busybox:1.36"
"""The name that manifests use; the program in it is the machine's own busybox-static."""

_BUSYBOX = Path("/bin/busybox")
_IMPORT = ["ctr", "--namespace=k8s.io", "images", "import", "-"]


def write_own_images(folder: Path) -> list[Path]:
    """Write the archives of the pause and busybox images, unless they are there already."""
    layer = _busybox_layer()
    digest = hashlib.sha256(layer).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    archives = []
    for image, command in ((PAUSE_IMAGE, ["tail", "-f", "/dev/null"]), (BUSYBOX_IMAGE, ["sh"])):
        archive = folder / f"{image.rpartition('/')[2].replace(':', '-')}-{digest}.tar"
        if not archive.exists():
            temporary = archive.with_suffix(".new")
            temporary.write_bytes(docker_archive(image, command, layer))
            temporary.rename(archive)
        archives.append(archive)
    return archives


def _busybox_layer() -> bytes:
    applets = subprocess.run([_BUSYBOX, "--list"], capture_output=True, text=True, check=True)
    files: list[tuple[tarfile.TarInfo, bytes]] = []

    def add(
        name: str, mode: int, kind: bytes = tarfile.REGTYPE, content: bytes = b"", to: str = ""
    ) -> None:
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(content), to
        files.append((entry, content))

    for name, mode in (
        ("bin", 0o755),
        ("etc", 0o755),
        ("usr", 0o755),
        ("tmp", 0o1777),
        ("root", 0o700),
    ):
        add(name, mode, tarfile.DIRTYPE)
    add("bin/busybox", 0o755, content=_BUSYBOX.read_bytes())
    for applet in sorted(set(applets.stdout.split()) - {"busybox"}):
        add(f"bin/{applet}", 0o777, tarfile.SYMTYPE, to="busybox")
    for link in ("sbin", "usr/bin", "usr/sbin"):
        add(link, 0o777, tarfile.SYMTYPE, to="/bin")
    add(
        "etc/passwd",
        0o644,
        content=b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
    )
    add("etc/group", 0o644, content=b"root:x:0:\nnobody:x:65534:\n")
    return _tar(files)


def docker_archive(image: str, command: list[str], layer: bytes) -> bytes:
    """One image of one layer, in the form that `docker save` writes."""
    digest = hashlib.sha256(layer).hexdigest()
    config: dict[str, Any] = {
        "architecture": _architecture(),
        "os": "linux",
        "config": {"Cmd": command, "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    config_file = json.dumps(config, sort_keys=True).encode()
    config_name = f"{hashlib.sha256(config_file).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [image], "Layers": [f"{digest}.tar"]}]
    contents = {
        "manifest.json": json.dumps(manifest).encode(),
        config_name: config_file,
        f"{digest}.tar": layer,
    }
    files = []
    for name, content in contents.items():
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        files.append((entry, content))
    return _tar(files)


def _tar(files: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for entry, content in files:
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _architecture() -> str:
    done = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()  # Debian and Go agree on amd64 and arm64


def find_archive(image: str, cache: Cache) -> Path:
    """What `load docker-image` means: a file, or the cached archive of an image's name."""
    if Path(image).is_file():
        return Path(image)
    archive = cache.image_archive(image)
    if not archive.is_file():
        raise ClusterError(
            f"image {image!r} is neither a file nor in the image cache ({archive} does not exist): "
            "build it first, or give the path of a docker-archive or OCI archive"
        )
    return archive


def load(nodes: list[Machine], archives: list[Path]) -> None:
    """Import archives into each node: one after another in a node, the nodes side by side."""
    for archive in archives:
        if not archive.is_file():
            raise ClusterError(f"image archive {archive} does not exist")

    def load_into(node: Machine) -> None:
        for archive in archives:
            with archive.open("rb") as file:
                done = node.execute(_IMPORT, stdin=file)
            if done.returncode:
                said = done.stderr.decode().strip()
                raise ClusterError(f"node {node.layout.name} cannot import {archive}: {said}")

    with ThreadPoolExecutor() as pool:
        list(pool.map(load_into, nodes))
