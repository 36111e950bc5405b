"""A real cluster with the operator running in it, as a user would install it."""

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.kube import Kube

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def cluster(kind_cluster: Any) -> Kube:
    """The cluster, with the CRDs and the operator of this checkout."""
    kube = Kube(kind_cluster.kubectl_path, kind_cluster.kubeconfig_path, "sweep-system")
    build = ROOT / "dev/image"
    subprocess.run([build, "operator"], check=True)
    name = subprocess.run([build, "--names", "operator"], check=True, stdout=subprocess.PIPE)
    kind_cluster.load_docker_image(name.stdout.decode().strip())
    kube.run("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "manifests"))
    kube.run("rollout", "restart", "deployment/sweep-operator")
    kube.run("rollout", "status", "deployment/sweep-operator", "--timeout=120s")
    return kube


@pytest.fixture
def kube(cluster: Kube, request: pytest.FixtureRequest) -> Iterator[Kube]:
    """The cluster, seen from a namespace of this test's own."""
    name = f"{request.node.name.replace('_', '-').lower()[:40].strip('-')}-{secrets.token_hex(2)}"
    cluster.run("create", "namespace", name)
    yield cluster.within(name)
    cluster.run("delete", "namespace", name, "--wait=false")
