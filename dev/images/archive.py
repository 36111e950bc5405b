"""Puts layers together as an image in the docker-archive format."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from images.layers import EPOCH, written

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def write_archive(
    path: Path,
    *,
    name: str,
    layers: Sequence[Path],
    user: int,
    command: Sequence[str],
    environment: Mapping[str, str],
) -> None:
    """Write an image of these layers, lowest first, under this name."""
    config = {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "created": datetime.fromtimestamp(EPOCH, UTC).isoformat(),
        "config": {
            "User": f"{user}:{user}",
            "WorkingDir": "/",
            "Env": [f"{key}={value}" for key, value in environment.items()],
            "Entrypoint": list(command),
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_sha256(p)}" for p in layers]},
    }
    config_json = json.dumps(config, sort_keys=True).encode()
    config_name = f"{hashlib.sha256(config_json).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": [p.name for p in layers]}]
    path.parent.mkdir(parents=True, exist_ok=True)
    with written(path) as partial, tarfile.open(partial, "w") as tar:
        _add(tar, "manifest.json", json.dumps(manifest).encode())
        _add(tar, config_name, config_json)
        for layer in layers:
            info = _entry(layer.name, layer.stat().st_size)
            with layer.open("rb") as file:
                tar.addfile(info, file)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    tar.addfile(_entry(name, len(data)), io.BytesIO(data))


def _entry(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mtime = size, EPOCH
    return info
