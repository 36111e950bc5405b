"""A queue of keys to work on: each key once, one worker a key, fair between namespaces.

A key added while it is worked on is worked on again afterwards, never at the same time: the rules
of client-go's workqueue.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple

FIRST_BACKOFF = 0.1
LONGEST_BACKOFF = 60.0

DROUGHT = 10.0
"""Seconds without a success after which it isn't the keys that fail: the server does."""


class Key(NamedTuple):
    """A Sweep to look at."""

    namespace: str
    uid: str


class WorkQueue:
    """Keys to work on, first come first served within a namespace, the namespaces in turn.

    Args:
        waited: is told for how many seconds each key that is taken has waited.
        most: keys of one namespace that are worked on at a time; None for any number.
    """

    def __init__(
        self, waited: Callable[[float], None] | None = None, most: int | None = None
    ) -> None:
        self._waited = waited
        self._most = most
        self._admitted: Counter[str] = Counter()
        """How many of a namespace's keys can be taken, or are worked on."""
        self._held: dict[str, deque[Key]] = {}
        """Those that are one too many for now, by namespace."""
        self._since: dict[Key, float] = {}
        self._waiting: OrderedDict[str, deque[Key]] = OrderedDict()
        self._dirty: set[Key] = set()
        self._processing: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        """How often in a row; whoever has waited longest for another try comes first."""
        self._succeeded = float("-inf")
        """When any key last did."""
        self._available = asyncio.Semaphore(0)

    def add(self, key: Key) -> None:
        """Have a key worked on as soon as a worker is free."""
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._processing:
            self._enqueue(key)

    def add_after(self, key: Key, delay: float) -> None:
        """Have a key worked on in `delay` seconds; the soonest of several such wishes counts."""
        loop = asyncio.get_running_loop()
        due = loop.time() + max(delay, 0.0)
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= due:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(due, self._ring, key)

    async def take(self) -> Key:
        """Wait for a key. `done` is to be called with it afterwards, whatever happened."""
        await self._available.acquire()
        namespace, keys = self._waiting.popitem(last=False)
        key = keys.popleft()
        if keys:
            self._waiting[namespace] = keys  # to the end: the other namespaces come first
        self._dirty.discard(key)
        self._processing.add(key)
        if self._waited is not None:
            self._waited(asyncio.get_running_loop().time() - self._since.pop(key))
        return key

    def done(self, key: Key) -> None:
        """Give a key back."""
        self._processing.discard(key)
        self._admitted[key.namespace] -= 1
        held = self._held.get(key.namespace)
        if held:
            self._admit(held.popleft())
        else:
            self._held.pop(key.namespace, None)
        if not self._admitted[key.namespace]:
            del self._admitted[key.namespace]
        if key in self._dirty:
            self._enqueue(key)

    def succeeded(self, key: Key) -> None:
        """Forget a key's failures; after a drought, those of all, which are tried at once."""
        self._failures.pop(key, None)
        if self._in_drought:
            for each in list(self._failures):
                self._failures[each] = 0
                self._hurry(each)
        self._succeeded = asyncio.get_running_loop().time()

    def failed(self, key: Key, least: float = 0.0) -> float:
        """Have a key worked on again after a while, each time a longer one; tell its seconds.

        Args:
            key: what was worked on.
            least: seconds that the server has asked for.
        """
        failures = self._failures.pop(key, 0)
        self._failures[key] = failures + 1
        delay = min(FIRST_BACKOFF * 2.0 ** min(failures, 16), LONGEST_BACKOFF)
        delay = max(delay, min(least, LONGEST_BACKOFF))
        self.add_after(key, delay)
        return delay

    def probe(self) -> None:
        """In a drought, try the key that has waited longest: so its end is soon found out."""
        if self._in_drought and self._failures:
            self._hurry(next(iter(self._failures)))

    @property
    def _in_drought(self) -> bool:
        return asyncio.get_running_loop().time() - self._succeeded > DROUGHT

    def _hurry(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
            self.add(key)

    def forget(self, key: Key) -> None:
        """Drop all that is known of a key that won't come again."""
        self._failures.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def __len__(self) -> int:
        return sum(map(len, (*self._waiting.values(), *self._held.values())))

    def _ring(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _enqueue(self, key: Key) -> None:
        if self._waited is not None:
            self._since[key] = asyncio.get_running_loop().time()
        if self._most is not None and self._admitted[key.namespace] >= self._most:
            self._held.setdefault(key.namespace, deque()).append(key)
        else:
            self._admit(key)

    def _admit(self, key: Key) -> None:
        self._admitted[key.namespace] += 1
        self._waiting.setdefault(key.namespace, deque()).append(key)
        self._available.release()
