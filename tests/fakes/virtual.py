"""An event loop whose time goes by only when nothing is left to do, and then at once.

Callbacks belong to processes, by their context: one that is asleep (SIGSTOP) runs none of its own
until it is woken, while time goes by for the others.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVar

from typing_extensions import override

T = TypeVar("T")


@dataclass(eq=False)
class Process:
    """What runs apart from the rest: it can be stopped, woken and killed.

    Attributes:
        name: for people.
        skew: seconds by which its wall clock is wrong.
        asleep: it runs nothing at the moment.
        dead: nothing that it sends arrives any more.
    """

    name: str
    skew: float = 0.0
    asleep: bool = False
    dead: bool = False
    missed: list[asyncio.Handle] = field(default_factory=list)


PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)
"""Whose code runs; None for the world's own."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Virtual time, in seconds from 0."""

    _ready: deque[asyncio.Handle]

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._order = count()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        """A heap; of those that are due at the same moment, the one that was set first is first."""

    @override
    def time(self) -> float:
        """Seconds since the simulation began."""
        return self._now

    @override
    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Set a timer."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heappush(self._timers, (when, next(self._order), timer))
        return timer

    def wake(self, process: Process) -> None:
        """Let a process go on (SIGCONT)."""
        process.asleep = False
        self._ready.extend(process.missed)
        process.missed.clear()

    def _run_once(self) -> None:
        ready, timers = self._ready, self._timers
        while timers and timers[0][2].cancelled():
            heappop(timers)
        if not ready:
            if not timers:
                raise AssertionError("everybody waits, and nothing will ever happen")
            self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            ready.append(heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle.cancelled():
                continue
            process = handle._context.get(PROCESS)  # type: ignore[attr-defined]
            if process is not None and process.asleep:
                process.missed.append(handle)
            else:
                handle._run()

    def _process_events(self, events: Any) -> None:
        """Nothing comes from outside."""

    def _write_to_self(self) -> None:
        """Nor does anything wait for it."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
