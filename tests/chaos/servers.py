"""The control plane of a local cluster, part by part: killed, started again, its disk filled."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import yaml
from tests.integration.conftest import ROOT

from local_cluster.api import Api as Administrator
from local_cluster.cluster import Clusters
from local_cluster.console import Console
from local_cluster.control_plane import etcd
from local_cluster.layout import Cache
from local_cluster.machine import Machine
from sweep_operator.effects.api import Api, ApiError

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAMES = ("sweeps.sweep-operator.io", "sweepruns.sweep-operator.io")

ASK_ETCD = """
import sys, urllib.request
body, head = sys.argv[2].encode(), {"Content-Type": "application/json"}
asked = urllib.request.Request("http://127.0.0.1:2379/v3/" + sys.argv[1], body, head)
sys.stdout.write(urllib.request.urlopen(asked, timeout=60).read().decode())
"""
"""Run in the machine, as etcd listens nowhere else. Its own tool isn't part of a cluster."""

ROOM = 6 * 1024 * 1024
"""Bytes that are left to etcd before its disk is full."""
PIECE = 700_000
"""Bytes that a filler takes."""


class ControlPlane:
    """The parts of a cluster's first machine.

    Args:
        cluster: its name.
    """

    def __init__(self, cluster: str) -> None:
        self._layout = Clusters(Cache.of(os.environ), Console()).find(cluster)
        self._machine = Machine(self._layout.control_plane)

    def kill(self, component: str) -> None:
        """Kill one, without a word."""
        for status in self._machine.components():
            if status.name == component and status.pid is not None:
                os.kill(status.pid, signal.SIGKILL)

    def start(self, component: str) -> None:
        """Start one anew."""
        self._machine.restart(component)

    async def whole(self, within: float = 90) -> None:
        """Start what is dead, and wait until the API server is ready."""
        await until(lambda: asyncio.to_thread(self._ready), within)
        for status in self._machine.components():
            if not status.running:
                self.start(status.name)
        # Once an API server has gone, KWOK's watch of pods tells it nothing any more.
        self.start("kwok")

    def _ready(self) -> bool:
        """Whether the API server is; a part that another's death has killed is started anew."""
        for status in self._machine.components():
            if not status.running and status.name in ("etcd", "kube-apiserver"):
                self.start(status.name)
        with suppress(OSError):
            return Administrator(self._layout).ready()
        return False

    async def strike(self, component: str, seconds: float) -> None:
        """Have a part be dead for some time."""
        self.kill(component)
        await asyncio.sleep(seconds)
        self.start(component)
        await self.whole()

    def ask_etcd(self, what: str, **body: Any) -> dict[str, Any]:
        """Ask etcd itself, by its gateway of JSON."""
        python = [sys.executable, "-IS", "-c", ASK_ETCD]
        done = self._machine.execute([*python, what, json.dumps(body)])
        assert done.returncode == 0, done.stderr.decode()
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    @asynccontextmanager
    async def full_disk(self, api: Api, namespace: str) -> AsyncIterator[None]:
        """Have etcd be out of space: it takes no write until somebody has cleared up."""
        taken = int(self.ask_etcd("maintenance/status")["dbSize"])
        self._machine.run({"etcd": [*etcd(), f"--quota-backend-bytes={taken + ROOM}"]})
        await self.whole()
        try:
            names = await self._fill(api, namespace)
            yield
            for name in names:
                await api.delete(f"/api/v1/namespaces/{namespace}/configmaps/{name}", {})
        finally:
            await asyncio.to_thread(self._clear_up)
            self._machine.run({"etcd": etcd()})
            await self.whole()

    async def _fill(self, api: Api, namespace: str) -> Sequence[str]:
        """Write until nothing more goes in."""
        names: list[str] = []
        while True:
            name = f"filler-{len(names)}"
            body = {"metadata": {"name": name}, "data": {"some": os.urandom(PIECE // 2).hex()}}
            try:
                await api.create(f"/api/v1/namespaces/{namespace}/configmaps", body)
            except ApiError as error:
                if "space exceeded" in error.message:
                    return names
                raise
            names.append(name)

    def _clear_up(self) -> None:
        """What etcd's manual says is to be done."""
        revision = self.ask_etcd("maintenance/status")["header"]["revision"]
        with suppress(AssertionError):  # the API server has compacted meanwhile
            self.ask_etcd("kv/compaction", revision=revision, physical=True)
        self.ask_etcd("maintenance/defragment")
        for alarm in self.ask_etcd("maintenance/alarm").get("alarms", ()):
            self.ask_etcd("maintenance/alarm", action="DEACTIVATE", **alarm)


async def delete_crds(api: Api, within: float = 60) -> None:
    """Delete the CRDs, and all Sweeps and SweepRuns with them; wait until they are gone."""
    for name in NAMES:
        await api.delete(f"{CRDS}/{name}", {})

    async def are_gone() -> bool:
        return not any([await _there(api, name) for name in NAMES])

    await until(are_gone, within)


async def restore_crds(api: Api, within: float = 60) -> None:
    """Make the CRDs, and wait until they are served."""
    for file in sorted((ROOT / "crds").glob("*.yaml")):
        with suppress(ApiError):  # it is there
            await api.create(CRDS, yaml.safe_load(file.read_text()))

    async def are_served() -> bool:
        return all([_established(await _there(api, name)) for name in NAMES])

    await until(are_served, within)


async def until(true: Callable[[], Awaitable[bool]], within: float) -> None:
    """Ask until something is true; TimeoutError after so many seconds."""
    async with asyncio.timeout(within):
        while not await true():  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.2)


async def _there(api: Api, name: str) -> dict[str, Any] | None:
    try:
        return await api.get(f"{CRDS}/{name}")
    except ApiError as error:
        if error.code == 404:
            return None
        raise


def _established(crd: dict[str, Any] | None) -> bool:
    conditions = ((crd or {}).get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)
