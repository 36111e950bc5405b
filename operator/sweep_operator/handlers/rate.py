"""How many reports a pod may send."""

from collections import OrderedDict
from collections.abc import Callable

PER_SECOND = 200.0
BURST = 2_000.0
"""Reports, not requests: whoever has many sends them in arrays."""

MOST = 20_000
"""Senders remembered; the longest silent are forgotten first, and begin anew with a full bucket."""


class Rate:
    """A token bucket for each sender.

    Args:
        clock: monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, sender: str, count: int) -> bool:
        """Whether a sender may send so many now; if so, they are counted."""
        now = self._clock()
        level, since = self._buckets.pop(sender, (BURST, now))
        level = min(BURST, level + (now - since) * PER_SECOND)
        allowed = level >= count
        self._buckets[sender] = (level - count if allowed else level, now)
        while len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        return allowed
