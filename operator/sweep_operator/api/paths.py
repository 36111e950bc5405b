"""Paths of the API server. A namespace of None means all of them."""

from typing import Final
from urllib.parse import quote

from sweep_operator.api.names import API_VERSION

NAMESPACES: Final = "/api/v1/namespaces"


def sweeps(namespace: str | None, name: str = "") -> str:
    """Sweeps, or one of them."""
    return _path(f"/apis/{API_VERSION}", namespace, "sweeps", name)


def sweepruns(namespace: str | None, name: str = "") -> str:
    """SweepRuns, or one of them."""
    return _path(f"/apis/{API_VERSION}", namespace, "sweepruns", name)


def jobs(namespace: str | None, name: str = "") -> str:
    """Jobs, or one of them."""
    return _path("/apis/batch/v1", namespace, "jobs", name)


def pods(namespace: str | None, name: str = "") -> str:
    """Pods, or one of them."""
    return _path("/api/v1", namespace, "pods", name)


def nodes(name: str) -> str:
    """A node."""
    return _path("/api/v1", None, "nodes", name)


def core_events(namespace: str | None) -> str:
    """Events as controllers write them about a Job."""
    return _path("/api/v1", namespace, "events", "")


def events(namespace: str | None, name: str = "") -> str:
    """Events that the operator writes, or one of them."""
    return _path("/apis/events.k8s.io/v1", namespace, "events", name)


def leases(namespace: str | None, name: str = "") -> str:
    """Leases, or one of them."""
    return _path("/apis/coordination.k8s.io/v1", namespace, "leases", name)


def _path(group: str, namespace: str | None, plural: str, name: str) -> str:
    # No name leads elsewhere, whatever is in it.
    scope = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"{group}{scope}/{plural}" + (f"/{quote(name, safe='')}" if name else "")
