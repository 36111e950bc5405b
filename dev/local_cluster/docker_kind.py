"""Where a Docker engine answers, kind makes the cluster: the same verbs, handed on."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from local_cluster.layout import Cache


def engine_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=10)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def kubeconfig_of(name: str, target: Path | None, cache: Cache) -> Path:
    """kind, told nothing, would change the current context of the person's own kubeconfig."""
    return target or cache.clusters / name / "kubeconfig"


def create(name: str, target: Path, image: str | None, config: Path | None) -> list[str]:
    options = [f"--image={image}"] if image else []
    options += [f"--config={config}"] if config else []
    target.parent.mkdir(parents=True, exist_ok=True)
    return ["create", "cluster", f"--name={name}", f"--kubeconfig={target}", *options]


def delete(name: str, target: Path) -> list[str]:
    return ["delete", "cluster", f"--name={name}", f"--kubeconfig={target}"]


def get() -> list[str]:
    return ["get", "clusters"]


def load(name: str, images: list[str], cache: Cache) -> list[list[str]]:
    """Archives stay archives; a name that has none is an image of the Docker engine."""
    commands = []
    for image in images:
        archive = Path(image) if Path(image).is_file() else cache.image_archive(image)
        verb, what = (
            ("image-archive", str(archive)) if archive.is_file() else ("docker-image", image)
        )
        commands.append(["load", verb, what, f"--name={name}"])
    return commands


def export_kubeconfig(name: str, target: Path) -> list[str]:
    return ["export", "kubeconfig", f"--name={name}", f"--kubeconfig={target}"]
