"""The little of the Kubernetes API that making a cluster takes: get, apply, is it ready."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any

from local_cluster.errors import ClusterError
from local_cluster.layout import ClusterLayout

_MANAGER = "local-cluster"

# Where the kinds that are applied here live: (API root, plural).
_RESOURCES = {
    "ClusterRole": ("/apis/rbac.authorization.k8s.io/v1", "clusterroles"),
    "ClusterRoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "clusterrolebindings"),
    "EndpointSlice": ("/apis/discovery.k8s.io/v1", "endpointslices"),
    "Node": ("/api/v1", "nodes"),
    "Service": ("/api/v1", "services"),
}


class Api:
    """The API server as the cluster's administrator sees it."""

    def __init__(self, cluster: ClusterLayout) -> None:
        self._address = str(cluster.addresses.control_plane)
        self._tls = ssl.create_default_context(cafile=str(cluster.pki / "ca.crt"))
        self._tls.load_cert_chain(cluster.pki / "admin.crt", cluster.pki / "admin.key")

    def _request(
        self, method: str, path: str, body: Any = None, kind: str = ""
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection(self._address, 6443, context=self._tls, timeout=10)
        try:
            headers = {"Content-Type": kind} if kind else {}
            connection.request(
                method, path, json.dumps(body) if body is not None else None, headers
            )
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def ready(self) -> bool:
        """Whether all start-up hooks are done; one makes the RBAC roles that the others need."""
        status, _ = self._request("GET", "/readyz")
        return status == 200

    def get(self, path: str) -> dict[str, Any]:
        return self._answer("GET", path, *self._request("GET", path))

    def apply(self, resource: dict[str, Any]) -> None:
        root, plural = _RESOURCES[resource["kind"]]
        metadata = resource["metadata"]
        namespace = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
        path = f"{root}{namespace}/{plural}/{metadata['name']}?fieldManager={_MANAGER}&force=true"
        kind = "application/apply-patch+yaml"
        self._answer("PATCH", path, *self._request("PATCH", path, resource, kind))

    def ready_nodes(self) -> set[str]:
        nodes = self.get("/api/v1/nodes")["items"]
        return {
            node["metadata"]["name"]
            for node in nodes
            for condition in node["status"].get("conditions", [])
            if condition["type"] == "Ready" and condition["status"] == "True"
        }

    @staticmethod
    def _answer(method: str, path: str, status: int, body: bytes) -> dict[str, Any]:
        if status >= 300:
            raise ClusterError(
                f"the API server answered {status} to {method} {path}: {body.decode()}"
            )
        answer: dict[str, Any] = json.loads(body)
        return answer
