"""A real cluster with the operator running in it, as a user would install it."""

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.attempts import Operator, Trial
from tests.e2e.kube import Kube, namespace_for
from tests.e2e.nodes import Nodes

ROOT = Path(__file__).parents[2]
MANIFESTS = [
    f"--filename={ROOT}/manifests/{name}.yaml"
    for name in ("install", "read-logs", "unreachable-nodes")
]


def load(kind_cluster: Any, image: str) -> str:
    """Build an image of this checkout and bring it onto the nodes; tell its full name."""
    build = ROOT / "dev/image"
    subprocess.run([build, image], check=True)
    named = subprocess.run([build, "--names", image], check=True, stdout=subprocess.PIPE)
    name = named.stdout.decode().strip()
    kind_cluster.load_docker_image(name)
    return name


@pytest.fixture(scope="session")
def digits(kind_cluster: Any) -> str:
    """The image of the examples, in which there are Python, scikit-learn and sweep_run."""
    return load(kind_cluster, "digits")


@pytest.fixture(scope="session")
def cluster(kind_cluster: Any) -> Kube:
    """The cluster, with the CRDs and the operator of this checkout."""
    kube = Kube(kind_cluster.kubectl_path, kind_cluster.kubeconfig_path, "sweep-system")
    load(kind_cluster, "operator")
    install(kube)
    kube.run("rollout", "restart", "deployment/sweep-operator")
    kube.run("rollout", "status", "deployment/sweep-operator", "--timeout=120s")
    return kube


def install(kube: Kube) -> None:
    """What a user does who installs with kubectl."""
    kube.run("apply", "--server-side", "--force-conflicts", *MANIFESTS)


def uninstall(kube: Kube) -> None:
    """What a user does who no longer wants it: the CRDs go too, and all sweeps with them."""
    kube.run("delete", *MANIFESTS, "--ignore-not-found", "--timeout=120s")


@pytest.fixture
def kube(cluster: Kube, request: pytest.FixtureRequest) -> Iterator[Kube]:
    """The cluster, seen from a namespace of this test's own."""
    name = f"{namespace_for(request.node.name)}-{secrets.token_hex(2)}"
    cluster.run("create", "namespace", name)
    yield cluster.within(name)
    cluster.run("delete", "namespace", name, "--wait=false")


@pytest.fixture
def nodes(cluster: Kube, kind_cluster: Any) -> Nodes:
    """The cluster's nodes, and what can become of them."""
    return Nodes(cluster, kind_cluster.name)


@pytest.fixture
def operator() -> str:
    """Whether the operator is there (up) or scaled to 0 (down) while an attempt ends."""
    return "up"


@pytest.fixture
def trial(cluster: Kube, kube: Kube, nodes: Nodes, operator: str) -> Iterator[Trial]:
    """A sweep of one run, followed through its attempts."""
    with Trial(kube, nodes, Operator(cluster), leaves=operator == "down") as trial:
        yield trial
