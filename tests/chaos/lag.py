"""Watches that come late, each kind of things by a time of its own: events in any order."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, ClassVar

from tests.integration.live_operator import TappedApi
from typing_extensions import override

Event = dict[str, Any]


class LateApi(TappedApi):
    """Hands each event on so many seconds after it came, and all of them in their order."""

    late: ClassVar[Mapping[str, float]] = {}
    """By the plural of what is watched."""

    @override
    async def watch(self, path: str, **params: str) -> AsyncGenerator[Event, None]:
        late = self.late.get(path.rpartition("/")[2], 0.0)
        clock = asyncio.get_running_loop().time
        coming: asyncio.Queue[tuple[float, Event | Exception | None]] = asyncio.Queue()

        async def listen() -> None:
            try:
                async with aclosing(super(LateApi, self).watch(path, **params)) as events:
                    async for event in events:
                        coming.put_nowait((clock() + late, event))
            except Exception as error:  # noqa: BLE001 (it is raised where it is waited for)
                coming.put_nowait((clock() + late, error))
            else:
                coming.put_nowait((clock() + late, None))

        listening = asyncio.create_task(listen())
        try:
            while True:
                due, event = await coming.get()
                await asyncio.sleep(max(0.0, due - clock()))
                if event is None:
                    return
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            listening.cancel()


def late_by(**seconds: float) -> type[LateApi]:
    """One whose watches are late by so much: sweepruns=2.0."""
    return type("LateApi", (LateApi,), {"late": seconds})
