"""Kubeconfigs: the cluster's own, its components', and the one a person asked for.

They are written as JSON, which is YAML: the standard library can then also read them back, to
tell a file of ours from somebody's own before it is replaced.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

from local_cluster.errors import ClusterError
from local_cluster.layout import ClusterLayout


def build(cluster: ClusterLayout, certificate: str) -> dict[str, Any]:
    def data(file: str) -> str:
        return base64.b64encode((cluster.pki / file).read_bytes()).decode()

    context = cluster.context
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": context,
                "cluster": {
                    "server": cluster.addresses.server,
                    "certificate-authority-data": data("ca.crt"),
                },
            }
        ],
        "users": [
            {
                "name": context,
                "user": {
                    "client-certificate-data": data(f"{certificate}.crt"),
                    "client-key-data": data(f"{certificate}.key"),
                },
            }
        ],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
    }


def write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    temporary.rename(path)


def check_replaceable(path: Path, context: str) -> None:
    """Refuse a file that holds anything but this cluster: it is a person's own."""
    if not path.exists() or path.stat().st_size == 0:
        return
    if _contexts(path) != [context]:
        raise ClusterError(
            f"{path} exists and is not a kubeconfig of cluster {context.removeprefix('kind-')!r} "
            "alone; it is left as it is: name another file with --kubeconfig, or remove this one"
        )


def remove(path: Path, context: str) -> None:
    """Remove the file if it is this cluster's; anything else is somebody's own and stays."""
    if path.is_file() and _contexts(path) == [context]:
        path.unlink()


def _contexts(path: Path) -> list[str] | None:
    try:
        return [entry["name"] for entry in json.loads(path.read_text())["contexts"]]
    except (ValueError, KeyError, TypeError):
        return None
