"""KWOK nodes: nodes and pods that exist only in the API, for scale that no machine has room for."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from local_cluster import kubeconfig
from local_cluster.layout import ClusterLayout
from local_cluster.machine_init import MACHINE

_ETC = MACHINE / "etc"
_STAGES = Path(__file__).with_name("kwok_stages.yaml")
_ANNOTATION = {"kwok.x-k8s.io/node": "fake"}


def kwok(cluster: ClusterLayout) -> list[str]:
    return [
        str(_ETC / "kwok"),
        f"--config={_ETC}/kwok_stages.yaml",
        f"--kubeconfig={_ETC}/kwok.kubeconfig",
        # Only nodes that say so: the real ones beside them belong to their kubelets.
        "--manage-nodes-with-annotation-selector="
        + ",".join(f"{k}={v}" for k, v in _ANNOTATION.items()),
        f"--node-ip={cluster.addresses.control_plane}",
        "--node-lease-duration-seconds=40",
    ]


def write_files(cluster: ClusterLayout, program: Path) -> None:
    etc = cluster.control_plane.folder / "etc"
    kubeconfig.write(etc / "kwok.kubeconfig", kubeconfig.build(cluster, "kwok"))
    shutil.copy(_STAGES, etc)
    shutil.copy(program, etc / "kwok")


def node_names(count: int) -> list[str]:
    return [f"kwok-{number}" for number in range(count)]


def node(name: str) -> dict[str, Any]:
    """As KWOK's own documentation has it: a pod gets there only by tolerating the taint."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": _ANNOTATION,
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "type": "kwok",
            },
        },
        "spec": {
            "taints": [{"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}]
        },
        "status": {
            "allocatable": {"cpu": "32", "memory": "256Gi", "pods": "110"},
            "capacity": {"cpu": "32", "memory": "256Gi", "pods": "110"},
        },
    }
