"""The operator in the test's own process: each request seen, and killed at any write.

Everything but kopf, whose part (Sweep events into the cache) a reflector of the operator's own
takes, for one namespace alone: the Sweeps of other tests are none of this operator's business.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from enum import StrEnum
from typing import Any, Self

from kubernetes.aio.client import Configuration
from tests.fakes.kopf import SweepSink
from tests.integration.journal import Call, Journal
from typing_extensions import override

from sweep_operator.api import paths
from sweep_operator.effects.api import Api, ApiError, Json
from sweep_operator.effects.observe import resource_version
from sweep_operator.effects.reflector import Reflector
from sweep_operator.effects.workqueue import Key
from sweep_operator.handlers.controller import Controller, Identity

NAME = "operator"
"""Of each operator: to the Lease a successor is the same process, and needn't wait for its end."""


class Moment(StrEnum):
    """When a process dies that is about to write."""

    BEFORE = "before it is sent"
    AFTER = "after it took effect, before the answer is seen"


class Fuse:
    """Kills its operator at one of its writes: from then on nothing is sent or answered."""

    def __init__(self) -> None:
        self.blown = asyncio.Event()
        self.writes: list[Call] = []
        """Since it was lit."""
        self._at: int | None = None
        self._moment = Moment.BEFORE
        self._last: Call | None = None

    def light(self, at: int, moment: Moment = Moment.BEFORE) -> None:
        """Have the operator die at the write of this number from now; 0 to count them only."""
        self._at, self._moment = at, moment

    async def before(self, call: Call) -> None:
        """Pass a request on, if the operator lives to send it."""
        await self._stop_the_dead(call)
        if self._at is None or not call.writes:
            return
        self.writes.append(call)
        if len(self.writes) == self._at:
            self._last = call
            if self._moment is Moment.BEFORE:
                self.blown.set()
                await self._stop_the_dead(call)

    async def after(self, call: Call) -> None:
        """Pass an answer on, if the operator lives to see it."""
        if call is self._last:
            self.blown.set()
        await self._stop_the_dead(call)

    async def _stop_the_dead(self, call: Call) -> None:
        if not self.blown.is_set():
            return
        if "/leases" in call.path:  # given up in a `finally` that no kill -9 runs
            raise ApiError(0, "Dead", "the operator was killed")
        await asyncio.Future()


class TappedApi(Api):
    """Takes down each request and its answer, and stops them when the operator is dead."""

    def __init__(
        self, configuration: Configuration, journal: Journal, fuse: Fuse, **options: Any
    ) -> None:
        super().__init__(configuration, **options)
        self._journal = journal
        self._fuse = fuse

    @override
    async def _request(
        self, method: str, path: str, body: Json | Sequence[Json] | None = None, **options: Any
    ) -> bytes:
        call = Call(method, path, body)
        await self._fuse.before(call)
        self._journal.sent(call)
        try:
            answer = await super()._request(method, path, body, **options)
        except ApiError as error:
            await self._take_down(call, error.code)
            raise
        await self._take_down(call, 200)
        return answer

    async def _take_down(self, call: Call, code: int) -> None:
        await self._fuse.after(call)
        self._journal.answered(call, code)


class _NotedSweeps(dict[Key, dict[str, Any]]):
    """The cache's Sweeps; takes down each state that it receives."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    @override
    def __setitem__(self, key: Key, sweep: dict[str, Any]) -> None:
        self._journal.received(sweep)
        super().__setitem__(key, sweep)


class _SweepSink(SweepSink):
    """Tells of deletions that a broken watch has missed, too."""

    @override
    def keep_only(self, names: set[tuple[str, str]], version: int) -> None:
        for key, sweep in list(self.cache.sweeps.items()):
            name = (key.namespace, sweep["metadata"]["name"])
            if name not in names and resource_version(sweep) <= version:
                self.cache.drop_sweep(key)


class Operator:
    """An operator for the Sweeps of one namespace. Use as an async context manager.

    Args:
        configuration: of its connection.
        namespace: whose Sweeps it runs.
        journal: what it does is taken down in; None for a new one.
        make_api: what makes its clients.
    """

    def __init__(
        self,
        configuration: Configuration,
        namespace: str,
        journal: Journal | None = None,
        make_api: type[TappedApi] = TappedApi,
    ) -> None:
        self._make_api = make_api
        self._configuration = configuration
        self._namespace = namespace
        self.journal = Journal() if journal is None else journal
        self.fuse = Fuse()
        self._stack = AsyncExitStack()
        self._work: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        api, lease_api = [
            await self._stack.enter_async_context(
                self._make_api(
                    self._configuration, self.journal, self.fuse, connections=connections
                )
            )
            for connections in (64, 2)
        ]
        controller = Controller(api, lease_api, Identity(NAME, self._namespace))
        controller.cache.sweeps = _NotedSweeps(self.journal)
        sweeps = Reflector(
            api, paths.sweeps(self._namespace), _SweepSink(controller.cache), clock=time.monotonic
        )
        self._work = asyncio.create_task(self._run(controller, sweeps))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.fuse.blown.set()
        assert self._work is not None
        try:
            await self._work
        finally:
            await self._stack.aclose()

    async def died(self) -> None:
        """Wait until nothing of it runs any more."""
        assert self._work is not None
        await asyncio.shield(self._work)

    async def _run(self, controller: Controller, sweeps: Reflector) -> None:
        tasks = [asyncio.create_task(controller.run()), asyncio.create_task(sweeps.run())]
        death = asyncio.create_task(self.fuse.blown.wait())
        await asyncio.wait([*tasks, death], return_when=asyncio.FIRST_COMPLETED)
        failures = [task.exception() for task in tasks if task.done()]
        for task in (*tasks, death):
            task.cancel()
        await asyncio.wait([*tasks, death])
        for failure in failures:
            raise failure or AssertionError("a part of the operator ended by itself")
