"""A real API server with KWOK nodes, for operators that run in the tests' own process."""

import asyncio
import json
import secrets
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.client import Configuration
from tests.integration.hands import Hands
from tests.integration.view import View

from sweep_operator.effects.api import Api
from sweep_operator.handlers.connection import configuration

ROOT = Path(__file__).parents[2]
KWOK_NODES = 4
SYSTEM = "--namespace=sweep-system"
DEPLOYED = (SYSTEM, "deployment/sweep-operator")
PODS = "app.kubernetes.io/name=sweep-operator"


@dataclass(frozen=True)
class Place:
    """A namespace of a test's own."""

    namespace: str
    connection: Configuration
    api: Api
    view: View
    hands: Hands


Places = Callable[[], AbstractAsyncContextManager[Place]]


@pytest.fixture(scope="module")
def places(kind_cluster: Any, request: pytest.FixtureRequest) -> Iterator[Places]:
    """Gives namespaces in a cluster that has CRDs, KWOK nodes, and no operator of its own."""
    kubectl = kind_cluster.kubectl
    kubectl("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
    for crd in ("crd/sweeps.sweep-operator.io", "crd/sweepruns.sweep-operator.io"):
        # kubectl fails to wait for a condition of a CRD so new that it has none at all.
        kubectl("wait", "--for=jsonpath={.status.acceptedNames.kind}", crd)
        kubectl("wait", "--for=condition=Established", crd)
    cluster = request.config.getoption("cluster_name")
    subprocess.run(
        [ROOT / "dev/cluster", "kwok", f"--name={cluster}", f"--nodes={KWOK_NODES}"], check=True
    )
    kubeconfig = str(kind_cluster.kubeconfig_path)

    @asynccontextmanager
    async def place() -> AsyncIterator[Place]:
        connection = await configuration(kubeconfig)
        namespace = f"states-{secrets.token_hex(4)}"
        async with Api(connection) as api:
            metadata = {"metadata": {"name": namespace}}
            await api.create("/api/v1/namespaces", metadata)
            try:
                async with View(api, namespace) as view:
                    yield Place(namespace, connection, api, view, Hands(api, namespace))
            finally:
                await asyncio.shield(api.delete(f"/api/v1/namespaces/{namespace}", {}))

    replicas = deployed_replicas(kubectl)
    try:
        if replicas:
            kubectl("scale", *DEPLOYED, "--replicas=0")
            kubectl("wait", SYSTEM, f"--selector={PODS}", "pods", "--for=delete", "--timeout=60s")
        yield place
    finally:
        if replicas:
            kubectl("scale", *DEPLOYED, f"--replicas={replicas}")


def deployed_replicas(kubectl: Callable[..., str]) -> int:
    """How many operators are deployed, which would do the tests' work."""
    with suppress(subprocess.CalledProcessError):
        found = json.loads(kubectl("get", *DEPLOYED, "--ignore-not-found", "-o", "json") or "{}")
        return int(found.get("spec", {}).get("replicas", 0))
    return 0
