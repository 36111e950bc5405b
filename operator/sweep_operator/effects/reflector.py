"""Keeps a sink up to date with one collection: list, watch, and list again when the watch is lost.

Objects go through as they come; keeping or cutting them down is the sink's business.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sweep_operator.effects.api import Api, ApiError
from sweep_operator.effects.hearing import Hearing
from sweep_operator.effects.metrics import Metrics

Json = Mapping[str, Any]

logger = logging.getLogger(__name__)

PAGE = "500"
WATCH_SECONDS = "290"
"""The server ends a watch after this; shorter than most load balancers' patience."""
LONGEST_PAUSE = 10.0

LONGEST_ASKED = 60.0
"""Seconds for which the server may ask to be left alone."""


class Sink(Protocol):
    """Takes in what a reflector sees."""

    def put(self, thing: Json) -> None:
        """Take in an object that is there, as it is now."""

    def drop(self, thing: Json) -> None:
        """Take in that an object is gone; `thing` is its last state."""

    def keep_only(self, names: set[tuple[str, str]], version: int) -> None:
        """Drop what a list at `version` doesn't hold; newer objects of one's own stay.

        Args:
            names: (namespace, name) of all that is there.
            version: the list's resourceVersion.
        """


class Reflector:
    """Lists and watches one collection for ever.

    Attributes:
        path: of the collection.
        resource: what it holds: jobs.
        hearing: when the server was last heard.
        synced: set once the first list is in the sink.
        version: the newest resourceVersion that the sink has seen.
    """

    def __init__(
        self,
        api: Api,
        path: str,
        sink: Sink,
        *,
        clock: Callable[[], float],
        label_selector: str = "",
        metrics: Metrics | None = None,
    ) -> None:
        self._api = api
        self._metrics = metrics or Metrics()
        self.path = path
        self.resource = path.rpartition("/")[2]
        self.hearing = Hearing(clock)
        self._sink = sink
        self._clock = clock
        self._params = {"labelSelector": label_selector} if label_selector else {}
        self.synced = asyncio.Event()
        self.version = 0

    async def run(self) -> None:
        """Reflect until cancelled."""
        pause = 0.0
        listed = False
        while True:
            began = self._clock()
            asked = 0.0
            self.hearing.begin()
            try:
                if not listed:
                    await self._list()
                    listed = True
                    self.synced.set()
                await self._watch()
            except ApiError as error:
                self.hearing.error(error.code)
                if error.code == 410:
                    listed = False
                asked = min(error.retry_after, LONGEST_ASKED)
                logger.warning("Watching %s: %s", self.path, error)
            # A watch that ends at once would otherwise be opened again and again.
            lasted = self._clock() - began
            pause = 0.0 if lasted > LONGEST_PAUSE else min(max(0.1, pause * 2), LONGEST_PAUSE)
            await asyncio.sleep(max(pause, asked))

    async def _list(self) -> None:
        names: set[tuple[str, str]] = set()
        params = dict(self._params, limit=PAGE)
        while True:
            page = await self._api.get(self.path, **params)
            self.hearing.word()
            for thing in page["items"]:
                names.add(_key(thing))
                self._sink.put(thing)
            token = page["metadata"].get("continue")
            if not token:
                break
            params["continue"] = token
        self.version = int(page["metadata"]["resourceVersion"])
        self._sink.keep_only(names, self.version)
        self._metrics.listed(self.resource)

    async def _watch(self) -> None:
        events = self._api.watch(
            self.path,
            **self._params,
            resourceVersion=str(self.version),
            allowWatchBookmarks="true",
            timeoutSeconds=WATCH_SECONDS,
        )
        self._metrics.watch_opened(self.resource)
        async with contextlib.aclosing(events):
            async for event in events:
                self.hearing.word()
                self._take(event)

    def _take(self, event: Json) -> None:
        kind, thing = event["type"], event["object"]
        if kind == "ERROR":
            raise ApiError(thing.get("code", 0), thing.get("reason", ""), thing.get("message", ""))
        if kind == "DELETED":
            self._sink.drop(thing)
        elif kind != "BOOKMARK":
            self._sink.put(thing)
        self.version = int(thing["metadata"]["resourceVersion"])


def _key(thing: Json) -> tuple[str, str]:
    metadata = thing["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
