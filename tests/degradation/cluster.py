"""A cluster in virtual time: the real Controller, a server with latency, nodes that run Jobs."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from tests.fakes import virtual
from tests.fakes.apiserver import EPOCH, ApiServer, Call, Fault
from tests.fakes.kopf import SweepSink
from tests.fakes.world import sweep
from typing_extensions import override

from sweep_operator.api import paths
from sweep_operator.effects.api import ApiError
from sweep_operator.effects.leadership import LeadershipLostError
from sweep_operator.effects.reflector import Reflector
from sweep_operator.handlers.controller import Controller, Identity
from sweep_operator.planning.times import timestamp

T = TypeVar("T")

CONNECTIONS = 64
"""As effects.api.Api has them."""

STAGE = 1.0
"""Seconds in which a Job gets its pod, the pod starts, and the pod ends."""


class Server(ApiServer):
    """Takes so many requests at a time, and each its time."""

    def __init__(self, latency: float) -> None:
        super().__init__(clock=now, latency=lambda: latency / 2)
        self._connections = asyncio.Semaphore(CONNECTIONS)
        self.times: list[float] = []
        """When each request was made."""

    @override
    async def _answer(self, call: Call, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        self.times.append(asyncio.get_running_loop().time())
        if call.plural == "leases":  # over connections of their own
            return await super()._answer(call, act)
        async with self._connections:
            return await super()._answer(call, act)

    def refuse(self, error: Callable[[], ApiError], *, lease: bool = False) -> Fault:
        """Refuse everything, with the Lease or without, until it is mended."""

        def hits(call: Call) -> bool:
            return lease or call.plural != "leases"

        fault = Fault(hits, error, times=None)
        self.faults.append(fault)
        return fault

    def mend(self, fault: Fault) -> None:
        """Answer again."""
        self.faults.remove(fault)


class Cluster:
    """A server and an operator.

    Attributes:
        server: what the operator asks.
        controller: the operator; another one after it has lost its Lease.
        starts: how often it was started.
        endless: names of sweeps whose programs never end.
    """

    def __init__(self, latency: float) -> None:
        self.server = Server(latency)
        self.starts = 0
        self.endless: set[str] = set()
        self.controller = self._start()

    def _start(self) -> Controller:
        self.starts += 1
        clock = asyncio.get_running_loop().time
        identity = Identity(f"operator-{self.starts}", "system")
        return Controller(self.server, self.server, identity, monotonic=clock, wall=now)

    async def operate(self) -> None:
        """Run the operator, and start it anew when it ends, as the kubelet does."""
        while True:
            sweeps = Reflector(
                self.server,
                paths.sweeps(None),
                SweepSink(self.controller.cache),
                clock=asyncio.get_running_loop().time,
            )
            watching = asyncio.create_task(sweeps.run())
            try:
                await self.controller.run()
            except ExceptionGroup as group:
                if group.split(LeadershipLostError)[1] is not None:
                    raise
            finally:
                watching.cancel()
            self.controller = self._start()

    def apply(self, name: str, namespace: str = "lab", **spec: Any) -> None:
        """Create a Sweep."""
        made = sweep(name, **{"runCap": None, "parallelism": 2, **spec})
        made["spec"] = {key: value for key, value in made["spec"].items() if value is not None}
        made["metadata"]["namespace"] = namespace
        self.server.put("sweeps", made)

    def finished(self, name: str, namespace: str = "lab") -> int:
        """How many of a sweep's runs are recorded as Finished."""
        return sum(
            run["status"].get("phase") == "Finished"
            for (plural, where, _), run in self.server.objects.items()
            if plural == "sweepruns" and where == namespace and run["spec"]["sweep"] == name
        )

    async def nodes(self) -> None:
        """Move each Job on, again and again."""
        while True:
            await asyncio.sleep(STAGE)
            for key in [key for key in self.server.objects if key[0] == "jobs"]:
                self._step(*key[1:])

    def _step(self, namespace: str, name: str) -> None:
        job = self.server.objects.get(("jobs", namespace, name))
        if job is None or job.get("status", {}).get("conditions"):
            return
        pod = self.server.objects.get(("pods", namespace, f"{name}-pod"))
        stamp = timestamp(now())
        if pod is None:
            metadata = job["metadata"]
            labels = metadata["labels"] | {"batch.kubernetes.io/job-name": name}
            made = {
                "metadata": {"name": f"{name}-pod", "namespace": namespace, "labels": labels,
                             "ownerReferences": [{"kind": "Job", "uid": metadata["uid"]}]},
                "spec": {"containers": [{"name": "main"}], "nodeName": "node"},
                "status": {"phase": "Pending"},
            }  # fmt: skip
            self.server.put("pods", made)
        elif pod["status"]["phase"] == "Pending":
            self._tell(pod, "Running", {"running": {"startedAt": stamp}})
        elif sweep_of(job) not in self.endless:
            ended = {"exitCode": 0, "startedAt": stamp, "finishedAt": stamp,
                     "message": json.dumps({"loss": 1.0})}  # fmt: skip
            self._tell(pod, "Succeeded", {"terminated": ended})
            condition = {"type": "Complete", "status": "True", "lastTransitionTime": stamp}
            self.server.put("jobs", {**job, "status": {"conditions": [condition]}})

    def _tell(self, pod: Mapping[str, Any], phase: str, state: Mapping[str, Any]) -> None:
        statuses = [{"name": "main", "state": state}]
        self.server.put("pods", {**pod, "status": {"phase": phase, "containerStatuses": statuses}})


def sweep_of(job: Mapping[str, Any]) -> str:
    """The name of the sweep that a Job is of."""
    return str(job["metadata"]["name"]).rsplit("-", 2)[0]


def now() -> float:
    """Seconds since the epoch, in virtual time."""
    return EPOCH + asyncio.get_running_loop().time()


@asynccontextmanager
async def running(latency: float = 0.01) -> AsyncGenerator[Cluster, None]:
    """A cluster at work."""
    cluster = Cluster(latency)
    tasks = [asyncio.create_task(work) for work in (cluster.operate(), cluster.nodes())]
    try:
        yield cluster
        for task in tasks:
            assert not task.done(), task
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError, ExceptionGroup):
                await task


def lived(check: Callable[[], Awaitable[T]]) -> T:
    """What comes of a check in virtual time."""

    async def main() -> T:
        return await check()

    return virtual.run(main())
