"""A test's own watches: they begin and end together."""

import asyncio
import time
from collections.abc import Mapping
from typing import Self

from sweep_operator.effects.api import Api
from sweep_operator.effects.reflector import Reflector, Sink


class Watches:
    """Runs reflectors. Use as an async context manager: on entering, all have listed.

    Args:
        api: straight to the API server.
        sinks: what takes in what is seen, by the path of the collection.
    """

    def __init__(self, api: Api, sinks: Mapping[str, Sink]) -> None:
        self._reflectors = [
            Reflector(api, path, sink, clock=time.monotonic) for path, sink in sinks.items()
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(each.run()) for each in self._reflectors]
        for reflector in self._reflectors:
            await reflector.synced.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
