"""Cluster DNS: CoreDNS on the control plane behind the kube-dns Service.

It runs beside the API server, not as pods: it is there before any node is, and no image is needed.
"""

from __future__ import annotations

from typing import Any

from local_cluster import kubeconfig
from local_cluster.layout import ClusterLayout
from local_cluster.machine_init import MACHINE

_ETC = MACHINE / "etc"

# No cache: all answers come from memory, and who makes a Service anew wants its new address.
# No forward: there is no way out, so names outside the cluster fail at once.
_COREFILE = f"""\
.:53 {{
    errors
    health 127.0.0.1:8080
    ready :8181
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {_ETC}/coredns.kubeconfig
        pods insecure
    }}
}}
"""
READY_PORT = 8181


def coredns() -> list[str]:
    return ["coredns", "-conf", f"{_ETC}/Corefile"]


def write_files(cluster: ClusterLayout) -> None:
    etc = cluster.control_plane.folder / "etc"
    (etc / "Corefile").write_text(_COREFILE)
    kubeconfig.write(etc / "coredns.kubeconfig", kubeconfig.build(cluster, "coredns"))


def resources(cluster: ClusterLayout) -> list[dict[str, Any]]:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "system:coredns"}}
    service = {"name": "kube-dns", "namespace": "kube-system"}
    ports = [("dns", "UDP", 53), ("dns-tcp", "TCP", 53)]
    return [
        {
            **role,
            "kind": "ClusterRole",
            "rules": [
                {
                    "apiGroups": [""],
                    "resources": ["endpoints", "services", "pods", "namespaces"],
                    "verbs": ["list", "watch"],
                },
                {
                    "apiGroups": ["discovery.k8s.io"],
                    "resources": ["endpointslices"],
                    "verbs": ["list", "watch"],
                },
            ],
        },
        {
            **role,
            "kind": "ClusterRoleBinding",
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "system:coredns",
            },
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "system:coredns"}
            ],
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**service, "labels": {"k8s-app": "kube-dns"}},
            "spec": {
                "clusterIP": str(cluster.addresses.dns_service),
                "ports": [
                    {"name": name, "protocol": protocol, "port": port}
                    for name, protocol, port in ports
                ],
            },
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**service, "labels": {"kubernetes.io/service-name": "kube-dns"}},
            "addressType": "IPv4",
            "endpoints": [
                {
                    "addresses": [str(cluster.addresses.control_plane)],
                    "conditions": {"ready": True},
                }
            ],
            "ports": [
                {"name": name, "protocol": protocol, "port": port} for name, protocol, port in ports
            ],
        },
    ]
