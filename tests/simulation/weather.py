"""What goes wrong between the operators and the API server, and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import NamedTuple

from sweep_operator.effects.api import ApiError


class Kind(StrEnum):
    """Ways in which it goes wrong."""

    SLOW = "each request takes its time"
    REQUEST_LOST = "the connection breaks before a request arrives"
    ANSWER_LOST = "the connection breaks after a request took effect"
    LATE = "a request takes effect when its sender has given it up"
    THROTTLED = "429 with Retry-After"
    BROKEN = "500, before a request takes effect or after"
    OUTAGE = "nothing is answered"
    QUOTA = "Jobs are refused by a quota"
    WATCH_CUT = "watches end soon"
    WATCH_LAGS = "watches tell late"
    WATCH_STUTTERS = "watches tell some things twice"
    COMPACTED = "watches are refused with 410"


class Storm(NamedTuple):
    """One thing that goes wrong for a while.

    Attributes:
        kind: what.
        begins, ends: seconds since the start.
        rate: the share of requests, watches or events that it befalls.
    """

    kind: Kind
    begins: float
    ends: float
    rate: float


TIMEOUT = 20.0
LEASE_TIMEOUT = 4.0
"""Seconds after which effects.api gives a request up, and one about the Lease."""

LATEST = 6.0
"""Seconds beyond that after which nothing is on the wire any more."""


@dataclass
class Fate:
    """What becomes of one request.

    Attributes:
        there, back: seconds that it and its answer travel.
        waits: seconds before that, until there is a connection for it.
        refused: it is answered so, and has no effect.
        spoiled: it takes effect, and is answered so.
    """

    there: float
    back: float
    waits: float = 0.0
    refused: ApiError | None = None
    spoiled: ApiError | None = None


NO_ANSWER = ApiError(0, "NoAnswer", "connection reset by peer")
THROTTLED = ApiError(429, "TooManyRequests", "please try again later")
BROKEN = ApiError(500, "InternalError", "etcdserver: request timed out")
QUOTA = ApiError(403, "Forbidden", "exceeded quota: no-jobs, requested: count/jobs.batch=1")


class Weather:
    """Draws each request's and each watch's fate.

    Args:
        chance: of the network alone.
        storms: what goes wrong, when.
    """

    def __init__(self, chance: Random, storms: Sequence[Storm]) -> None:
        self._chance = chance
        self._storms = storms

    def fate(self, now: float, method: str, plural: str) -> Fate:
        """What becomes of a request that is sent now."""
        draw = self._chance.random
        fate = Fate(0.002 + 0.02 * draw() ** 4, 0.001 + 0.02 * draw() ** 4)
        for storm in self._storms:
            if storm.begins <= now < storm.ends and draw() < storm.rate:
                self._befall(fate, storm.kind, method, plural)
        return fate

    def _befall(self, fate: Fate, kind: Kind, method: str, plural: str) -> None:
        draw = self._chance.random
        limit = LEASE_TIMEOUT if plural == "leases" else TIMEOUT
        match kind:
            case Kind.SLOW:
                fate.waits += 2.0 * draw()
                fate.there += 2.0 * draw()
                fate.back += 2.0 * draw()
            case Kind.REQUEST_LOST:
                fate.refused = NO_ANSWER
            case Kind.ANSWER_LOST:
                fate.spoiled = NO_ANSWER
            case Kind.LATE if method not in ("GET", "WATCH"):
                fate.there += limit - 3.0 + draw() * LATEST
            case Kind.THROTTLED:
                fate.refused = THROTTLED
            case Kind.BROKEN if draw() < 0.5:
                fate.refused = BROKEN
            case Kind.BROKEN:
                fate.spoiled = BROKEN
            case Kind.OUTAGE:
                fate.refused = NO_ANSWER
                fate.there += limit * draw()
            case Kind.QUOTA if method == "POST" and plural == "jobs":
                fate.refused = QUOTA
            case _:
                pass

    def compacted(self, now: float) -> bool:
        """Whether a watch that is opened now is refused with 410."""
        return self._hits(now, Kind.COMPACTED)

    def lifetime(self, now: float) -> float:
        """Seconds until a watch that is opened now is cut."""
        longest = 4.0 if self._hits(now, Kind.WATCH_CUT) else 290.0
        return longest * self._chance.random()

    def lag(self, now: float) -> float:
        """Seconds that an event takes to a watch."""
        longest = 12.0 if self._hits(now, Kind.WATCH_LAGS) else 0.05
        return longest * self._chance.random() ** 2

    def stutters(self, now: float) -> bool:
        """Whether an event is told twice."""
        return self._hits(now, Kind.WATCH_STUTTERS)

    def _hits(self, now: float, kind: Kind) -> bool:
        return any(
            storm.kind is kind
            and storm.begins <= now < storm.ends
            and self._chance.random() < storm.rate
            for storm in self._storms
        )
