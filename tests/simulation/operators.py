"""Operators as processes: the real controller, and kopf's part in few lines."""

import asyncio
from contextvars import copy_context

from prometheus_client.registry import Collector, CollectorRegistry
from tests.fakes.apiserver import EPOCH
from tests.fakes.virtual import PROCESS, Process, VirtualLoop
from tests.simulation.server import Server
from typing_extensions import override

from sweep_operator.api import paths
from sweep_operator.effects.api import ApiError
from sweep_operator.effects.cache import key_of
from sweep_operator.effects.leadership import LeadershipLostError
from sweep_operator.effects.metrics import Metrics
from sweep_operator.handlers.controller import Controller, Identity

WATCH_AGAIN = 1.0
"""Seconds until kopf opens a watch again."""


class Unread(CollectorRegistry):
    """Keeps nothing: many operators may count with the same metrics."""

    @override
    def register(self, collector: Collector) -> None:
        """Nobody asks."""


METRICS = Metrics(Unread())
"""Of all operators: to make them takes longer than all that is counted."""


class Operator(Process):
    """One process, from its start to its end.

    Attributes:
        ended: is done once nothing of it runs any more.
    """

    def __init__(self, server: Server, name: str, skew: float) -> None:
        super().__init__(name, skew)
        self._server = server
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._loop = loop
        self.controller = Controller(
            server,
            server,
            Identity(name, "system"),
            metrics=METRICS,
            monotonic=loop.time,
            wall=lambda: EPOCH + loop.time() + self.skew,
        )
        context = copy_context()
        context.run(PROCESS.set, self)
        self.ended = loop.create_task(self._run(), context=context)

    def kill(self) -> None:
        """SIGKILL: what is on the wire arrives, and that is all."""
        self.dead = True
        self.end()

    def end(self) -> None:
        """SIGTERM, or the end of all."""
        self._loop.wake(self)
        self.ended.cancel()

    def sleep(self) -> None:
        """SIGSTOP."""
        self.asleep = True

    def wake(self) -> None:
        """SIGCONT."""
        self._loop.wake(self)

    async def _run(self) -> None:
        watching = asyncio.create_task(self._watch_sweeps())
        try:
            await self.controller.run()
        except* LeadershipLostError:
            pass  # the process ends, and another is started
        finally:
            watching.cancel()

    async def _watch_sweeps(self) -> None:
        """List, watch, list again: what goes meanwhile is never told, as kopf doesn't either."""
        cache = self.controller.cache
        version = ""
        while True:
            try:
                if not version:
                    page = await self._server.get(paths.sweeps(None))
                    version = page["metadata"]["resourceVersion"]
                    for sweep in page["items"]:
                        cache.put_sweep(sweep)
                async for event in self._server.watch(paths.sweeps(None), resourceVersion=version):
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] == "DELETED":
                        cache.drop_sweep(key_of(event["object"]))
                    elif event["type"] != "BOOKMARK":
                        cache.put_sweep(event["object"])
            except ApiError as error:
                version = "" if error.code == 410 else version
            await asyncio.sleep(WATCH_AGAIN)
