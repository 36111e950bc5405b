"""An API server across a network: requests travel, get lost or come late, and watches lag.

What it keeps and how it answers is tests.fakes.apiserver's; here is what lies between. Objects are
handed out as they are: nobody changes one, each write makes another.
"""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from contextvars import Context
from operator import attrgetter
from typing import Any

from tests.fakes.apiserver import EPOCH, GONE, ApiServer, Call, Event, _selected
from tests.fakes.virtual import PROCESS, Process
from tests.simulation.weather import LEASE_TIMEOUT, NO_ANSWER, TIMEOUT, Weather
from typing_extensions import override

from sweep_operator.effects.api import ApiError, check_allowed

BOOKMARK_EVERY = 60.0
"""Seconds without an event after which a watch tells how far it has come."""

UNWATCHED = ("leases", "events")

Json = dict[str, Any]


class Server(ApiServer):
    """The API server as operators reach it.

    Attributes:
        sent: is told of each request when it leaves its sender.
        acting: the request that takes effect at the moment; None while the world itself writes.
        happened: is told of each write, whoever's.
        told_to_go: is told of each pod that is deleted, and its grace period in seconds.
        known: (process, uid): which process has been told of what, by a watch or an answer.
    """

    def __init__(self, weather: Weather) -> None:
        self._loop = asyncio.get_running_loop()
        super().__init__(clock=lambda: EPOCH + self._loop.time())
        self.weather = weather
        self.sent: Callable[[Process, Call], None] = lambda _process, _call: None
        self.acting: Call | None = None
        self.known: set[tuple[str, str]] = set()
        self._waiting: dict[str, list[asyncio.Future[bool]]] = defaultdict(list)
        """By plural: who wants to hear of the next write."""
        self.happened: Callable[[Event], None] = lambda _event: None
        self.told_to_go: Callable[[Json, float | None], None] = lambda _pod, _grace: None

    def later(
        self, delay: float, act: Callable[..., object], *arguments: object
    ) -> asyncio.TimerHandle:
        """Have something happen in the world, whoever's code runs now."""
        return self._loop.call_later(delay, act, *arguments, context=Context())

    @override
    async def _answer(self, call: Call, act: Callable[[], Json]) -> Json:
        process = PROCESS.get()
        assert process is not None
        if process.dead:
            raise _anew(NO_ANSWER)
        now = self._loop.time
        limit = LEASE_TIMEOUT if call.plural == "leases" else TIMEOUT
        given_up = now() + limit
        fate = self.weather.fate(now(), call.method, call.plural)
        if fate.waits:
            await asyncio.sleep(fate.waits)
        check_allowed()
        self.sent(process, call)
        answer: asyncio.Future[Json] = self._loop.create_future()

        def arrive() -> None:
            self.calls.append(call)
            found: Json | ApiError
            self.acting = call
            try:
                found = fate.refused or act()
                if fate.spoiled and not fate.refused:
                    found = fate.spoiled
            except ApiError as error:
                found = error
            finally:
                self.acting = None
            self.later(fate.back, _settle, answer, found)

        self.later(fate.there, arrive)
        if now() + fate.there + fate.back > given_up:
            self.later(given_up - now(), _settle, answer, ApiError(0, "NoAnswer", "timed out"))
        found = await answer
        if call.method == "POST":
            self.known.add((process.name, found["metadata"]["uid"]))
        return found

    @override
    async def watch(self, path: str, **params: str) -> AsyncGenerator[Json, None]:
        call = self._call("WATCH", path, params)
        process = PROCESS.get()
        assert process is not None
        await self._answer(call, dict)
        weather, now = self.weather, self._loop.time
        if weather.compacted(now()):
            raise _anew(GONE)
        ends = now() + weather.lifetime(now())
        position = bisect_right(self.log, int(params["resourceVersion"]), key=attrgetter("version"))
        while now() < ends:
            while position < len(self.log):
                event = self.log[position]
                position += 1
                if event.plural == call.plural and _selected(event.thing, params):
                    await asyncio.sleep(weather.lag(now()))
                    self.known.add((process.name, event.thing["metadata"]["uid"]))
                    for _ in range(2 if weather.stutters(now()) else 1):
                        yield {"type": event.type, "object": event.thing}
            if not await self._next_write(call.plural, min(BOOKMARK_EVERY, ends - now())):
                # All that a watch is told by now; what has just come is told next.
                version = {"resourceVersion": self._version_at(position)}
                yield {"type": "BOOKMARK", "object": {"metadata": version}}

    async def _next_write(self, plural: str, patience: float) -> bool:
        """Wait for the next write of a kind; tell whether there was one within `patience`."""
        news: asyncio.Future[bool] = self._loop.create_future()
        self._waiting[plural].append(news)
        end = self.later(patience, _settle, news, False)
        found = await news
        end.cancel()
        return found

    def _version_at(self, position: int) -> str:
        return str(self.log[position].version - 1 if position < len(self.log) else self.version)

    @override
    def _delete(self, call: Call, params: Any) -> Json:
        if call.plural != "pods":
            return super()._delete(call, params)
        pods = [self._find(call)] if call.name else self._get(call, params)["items"]
        for pod in pods:
            self.told_to_go(pod, call.body.get("gracePeriodSeconds"))
        return {"status": "Success"}

    @override
    def _publish(self, event: Event) -> None:
        if event.plural not in UNWATCHED:
            self.log.append(event)
            for news in self._waiting.pop(event.plural, ()):
                _settle(news, True)
        self.happened(event)


def _settle(future: asyncio.Future[Any], found: Any) -> None:
    """Hand over what a future waits for, unless it does no more."""
    if future.done():
        return
    if isinstance(found, ApiError):
        future.set_exception(_anew(found))
    else:
        future.set_result(found)


def _anew(error: ApiError) -> ApiError:
    """One for each who is told: its traceback keeps all that it goes through, whole simulations."""
    return ApiError(error.code, error.reason, error.message, error.retry_after)
