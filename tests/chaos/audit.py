"""Who asked the API server for what, and when: by its own audit log, in which each user is named.

Each operator has a token of its own, whose number is on each of its requests there.
"""

import base64
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from tests.chaos.account import with_token

from local_cluster.cluster import Clusters
from local_cluster.console import Console
from local_cluster.control_plane import AUDIT_LOG
from local_cluster.layout import Cache
from sweep_operator.effects.api import Api, ApiError

NAMESPACE, NAME = "sweep-system", "chaos"
"""The service account; the audit log is of those in this namespace."""

ACCOUNTS = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
NUMBER = "authentication.kubernetes.io/credential-id"

VALID_FOR = 7200


class Creation(NamedTuple):
    """A request to make something."""

    at: float
    """When it came in, in seconds since the epoch."""
    token: str
    """The number of whose token."""
    resource: str
    name: str
    code: int
    """Of the answer."""


class Audit:
    """The log from now on, through its rotations."""

    def __init__(self, log: Path) -> None:
        self._path = log
        self._file = log.open("rb")
        self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Read no more."""
        self._file.close()

    def creations(self) -> Iterator[Creation]:
        """Those that have come in since this was last asked."""
        while True:
            rotated = not os.path.samestat(self._path.stat(), os.fstat(self._file.fileno()))
            yield from self._read()
            if not rotated:
                return
            self._file.close()
            self._file = self._path.open("rb")

    def _read(self) -> Iterator[Creation]:
        while line := self._file.readline():
            if not line.endswith(b"\n"):  # the rest is still being written
                self._file.seek(-len(line), os.SEEK_CUR)
                return
            event = json.loads(line)
            if event["verb"] == "create" and "objectRef" in event:
                about = event["objectRef"]
                yield Creation(
                    datetime.fromisoformat(event["requestReceivedTimestamp"]).timestamp(),
                    event["user"].get("extra", {}).get(NUMBER, [""])[0],
                    about["resource"],
                    about.get("name", ""),
                    event["responseStatus"]["code"],
                )


def audit_log(cluster: str) -> Path:
    """Where a local cluster's API server writes it."""
    layout = Clusters(Cache.of(os.environ), Console()).find(cluster)
    return layout.control_plane.folder / "log" / AUDIT_LOG


class Tokens:
    """Makes users that the audit log tells apart. Each may do everything.

    Args:
        api: the API server.
        kubeconfig: of somebody who may make them.
        folder: for the kubeconfigs made.
    """

    def __init__(self, api: Api, kubeconfig: Path, folder: Path) -> None:
        self._api = api
        self._kubeconfig = kubeconfig
        self._folder = folder

    async def prepare(self) -> None:
        """Make their service account."""
        subject = {"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole"}
        binding = {"subjects": [subject], "roleRef": {**role, "name": "cluster-admin"}}
        for path, name, rest in (
            ("/api/v1/namespaces", NAMESPACE, {}),
            (ACCOUNTS, NAME, {}),
            (BINDINGS, NAME, binding),
        ):
            try:
                await self._api.create(path, {"metadata": {"name": name}, **rest})
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise

    async def give_up(self) -> None:
        """Take their rights away, and with the account all tokens."""
        for path in (BINDINGS, ACCOUNTS):
            with suppress(ApiError):
                await self._api.delete(f"{path}/{NAME}", {})

    async def kubeconfig(self) -> tuple[str, str]:
        """Make a user; tell their kubeconfig, and the number of their token."""
        wanted = {"spec": {"audiences": [], "expirationSeconds": VALID_FOR}}
        made = await self._api.create(f"{ACCOUNTS}/{NAME}/token", wanted)
        token = made["status"]["token"]
        number = f"JTI={_claims(token)['jti']}"
        file = self._folder / f"{number.removeprefix('JTI=')}.kubeconfig"
        return str(with_token(self._kubeconfig, token, file)), number


def _claims(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims
