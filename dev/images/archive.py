"""Puts layers together as an image in the docker-archive format."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from images.layers import EPOCH, written
from images.platforms import HERE, Platform


@dataclass(frozen=True)
class Contents:
    """What an image is, whatever the format that it is written in."""

    layers: Sequence[Path]
    """Tar files, the lowest first."""
    user: int
    command: Sequence[str]
    environment: Mapping[str, str]
    platform: Platform = HERE

    def config(self) -> bytes:
        """Its configuration, as container runtimes read it."""
        config = {
            "architecture": self.platform.architecture,
            "os": "linux",
            "created": datetime.fromtimestamp(EPOCH, UTC).isoformat(),
            "config": {
                "User": f"{self.user}:{self.user}",
                "WorkingDir": "/",
                "Env": [f"{key}={value}" for key, value in self.environment.items()],
                "Entrypoint": list(self.command),
            },
            "rootfs": {
                "type": "layers",
                "diff_ids": [f"sha256:{sha256(path)}" for path in self.layers],
            },
        }
        return json.dumps(config, sort_keys=True).encode()


def write_archive(path: Path, name: str, contents: Contents) -> None:
    """Write an image under this name in Docker's own format, which everything loads."""
    layers = contents.layers
    config_json = contents.config()
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


def sha256(path: Path) -> str:
    """A file's, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    tar.addfile(_entry(name, len(data)), io.BytesIO(data))


def _entry(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mtime = size, EPOCH
    return info
