"""How often it is told what happens again and again: at once at first, then rarely, and at last.

Of one reason on one sweep a few happenings are told as they come, and later one in five minutes:
the newest, as it tells of those before it. What is held back is never lost to what comes after it.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from typing import Any, NamedTuple

from sweep_operator.planning.story import Happening

Json = Mapping[str, Any]

EVERY = 300.0
"""Seconds after which one more is told of what happens all the time."""

BURST = 10
"""Of one reason on one sweep, told as they come; of a tally the first alone."""

MOST = 20_000
"""Sweeps' reasons remembered; the longest silent are forgotten first."""

Kind = tuple[str, str]
"""A Sweep's uid and a reason."""


class Told(NamedTuple):
    """What an Event is to say."""

    sweep: Json
    happening: Happening
    time: str
    """When it happened, however much later it is written."""


class Pace:
    """Decides what is told now and what is held back.

    Args:
        clock: monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: OrderedDict[Kind, tuple[float, float]] = OrderedDict()
        """How many may be told, and when that was so."""
        self._held: dict[str, dict[str, Told]] = {}
        """By a Sweep's uid and the reason, the newest of each."""
        self._dues: list[tuple[float, Kind]] = []
        """A heap; an entry without something held is out of date."""

    def take(self, told: Told) -> list[Told]:
        """Take in a happening; return what is to be told now, in order."""
        uid, happening = told.sweep["metadata"]["uid"], told.happening
        kind = uid, happening.reason
        wait = self._wait(kind, happening)
        if wait > 0.0:
            held = self._held.setdefault(uid, {})
            if happening.reason not in held:
                heappush(self._dues, (self._clock() + wait, kind))
            held[happening.reason] = told
            return []
        self._let_go(kind)
        if happening.tally:
            return [told]
        # The story is to be whole when its next chapter begins.
        held = self._held.get(uid, {})
        tallies = [each for each in held.values() if each.happening.tally]
        for each in tallies:
            self._let_go((uid, each.happening.reason))
        return [*tallies, told]

    def due(self) -> list[Told]:
        """What has been held back for long enough."""
        found: list[Told] = []
        while self._dues and self._dues[0][0] <= self._clock():
            uid, reason = kind = heappop(self._dues)[1]
            held = self._held.get(uid, {}).get(reason)
            if held is None:  # let go meanwhile
                continue
            wait = self._wait(kind, held.happening)
            if wait > 0.0:  # let go meanwhile, and held back anew
                heappush(self._dues, (self._clock() + wait, kind))
                continue
            self._let_go(kind)
            found.append(held)
        return found

    def _wait(self, kind: Kind, happening: Happening) -> float:
        """Seconds until one more of a kind may be told; where that is now, it counts as told."""
        now = self._clock()
        burst = 1.0 if happening.tally else float(BURST)
        level, since = self._buckets.pop(kind, (burst, now))
        level = min(burst, level + (now - since) / EVERY)
        may = level > 1.0 - 1e-6
        self._buckets[kind] = (level - 1.0 if may else level, now)
        while len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        return 0.0 if may else (1.0 - level) * EVERY

    def _let_go(self, kind: Kind) -> None:
        uid, reason = kind
        held = self._held.get(uid, {})
        held.pop(reason, None)
        if not held:
            self._held.pop(uid, None)
