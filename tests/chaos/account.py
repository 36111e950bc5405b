"""A service account with the operator's own rights, no more: an administrator is never refused.

Right after its start an API server knows no roles yet, and refuses everybody but administrators.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from tests.integration.conftest import ROOT

from sweep_operator.effects.api import Api, ApiError

ROLES = "/apis/rbac.authorization.k8s.io/v1"
NAME = "operator"
HOURS = 6


@asynccontextmanager
async def account(api: Api, namespace: str) -> AsyncIterator[str]:
    """Make an account in a namespace that has its Lease there; give its token."""
    group = "rbac.authorization.k8s.io"
    subjects = [{"kind": "ServiceAccount", "name": NAME, "namespace": namespace}]
    here = f"/namespaces/{namespace}"
    rules = _rules()
    await api.create(f"/api/v1{here}/serviceaccounts", {"metadata": {"name": NAME}})
    await api.create(f"{ROLES}{here}/roles", {"metadata": {"name": NAME}, "rules": rules["Role"]})
    bound = {
        "metadata": {"name": NAME},
        "subjects": subjects,
        "roleRef": {"apiGroup": group, "kind": "Role", "name": NAME},
    }
    await api.create(f"{ROLES}{here}/rolebindings", bound)
    role = {"metadata": {"name": namespace}, "rules": rules["ClusterRole"]}
    await api.create(f"{ROLES}/clusterroles", role)
    bound = {
        "metadata": {"name": namespace},
        "subjects": subjects,
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": namespace},
    }
    await api.create(f"{ROLES}/clusterrolebindings", bound)
    try:
        asked = {"spec": {"expirationSeconds": HOURS * 3600}}
        made = await api.create(f"/api/v1{here}/serviceaccounts/{NAME}/token", asked)
        yield made["status"]["token"]
    finally:
        for kind in ("clusterrolebindings", "clusterroles"):
            with suppress(ApiError):
                await api.delete(f"{ROLES}/{kind}/{namespace}", {})


def _rules() -> dict[str, Any]:
    """Of the manifests: those for the cluster, and those for the Lease's namespace."""
    found = {}
    for thing in yaml.safe_load_all((ROOT / "manifests/install.yaml").read_text()):
        names = ("sweep-operator", "sweep-operator-lease")
        if thing["kind"] in ("ClusterRole", "Role") and thing["metadata"]["name"] in names:
            found[thing["kind"]] = thing["rules"]
    return found


def server_of(kubeconfig: Path) -> tuple[str, int]:
    """Host and port of the API server that a kubeconfig names."""
    config = yaml.safe_load(kubeconfig.read_text())
    url = urlsplit(config["clusters"][0]["cluster"]["server"])
    assert url.hostname is not None
    return url.hostname, url.port or 443


def with_token(kubeconfig: Path, token: str, target: Path, address: str = "") -> Path:
    """Write a kubeconfig with a token's rights; tell where it is.

    Args:
        kubeconfig: somebody else's.
        token: the rights.
        target: the file to write.
        address: of another way to the same API server.
    """
    config = yaml.safe_load(kubeconfig.read_text())
    for cluster in config["clusters"]:
        cluster["cluster"]["server"] = address or cluster["cluster"]["server"]
    for user in config["users"]:
        user["user"] = {"token": token}
    target.write_text(yaml.safe_dump(config))
    return target
