"""Events on a Sweep that tell its story to `kubectl describe`.

Written in the background: an Event that can't be written is counted and lost, never waited for.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from typing import Any

from sweep_operator.api import paths
from sweep_operator.api.names import API_VERSION
from sweep_operator.effects.api import Api, ApiError, Json
from sweep_operator.effects.metrics import Metrics
from sweep_operator.effects.pace import Pace, Told
from sweep_operator.planning.story import Happening

logger = logging.getLogger(__name__)

QUEUE_LENGTH = 1000
REPORTER = "sweep-operator.io/sweep-operator"
MAX_NOTE = 1024
"""Bytes."""

LOOK_EVERY = 5.0
"""Seconds between looks at what is held back."""


class Recorder:
    """Writes Events one after the other.

    Args:
        api: the API server.
        instance: of the operator.
        now: the time as Events have it.
        clock: monotonic, in seconds.
        metrics: counts what is lost.
    """

    def __init__(
        self,
        api: Api,
        instance: str,
        now: Callable[[], str],
        clock: Callable[[], float],
        metrics: Metrics | None = None,
    ) -> None:
        self._api = api
        self._instance = instance
        self._now = now
        self._pace = Pace(clock)
        self._metrics = metrics or Metrics()
        self._queue: asyncio.Queue[Told] = asyncio.Queue(QUEUE_LENGTH)

    def tell(self, sweep: Json, happening: Happening) -> None:
        """Have an Event written on a Sweep: now, or later if the like of it was told too often."""
        level = logging.DEBUG if happening.tally else logging.INFO
        logger.log(level, "%s: %s", happening.reason, happening.note)
        self._enqueue(self._pace.take(Told(sweep, happening, self._now())))

    async def run(self) -> None:
        """Write what is told until cancelled."""
        while True:
            self._enqueue(self._pace.due())
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    told = await self._queue.get()
                await self._write(told)

    def _enqueue(self, told: list[Told]) -> None:
        for each in told:
            try:
                self._queue.put_nowait(each)
            except asyncio.QueueFull:
                self._metrics.event_lost()
                logger.warning("Too many Events at once; lost: %s", each.happening.note)

    async def _write(self, told: Told) -> None:
        namespace = told.sweep["metadata"]["namespace"]
        try:
            await self._api.create(paths.events(namespace), self._event(told))
        except ApiError as error:
            if error.code in (404, 409):  # the namespace is gone; told already
                return
            self._metrics.event_lost()
            if error.code != 403:  # the namespace ends
                logger.warning("Event %s: %s", told.happening.reason, error)

    def _event(self, told: Told) -> dict[str, Any]:
        metadata, happening = told.sweep["metadata"], told.happening
        said = f"{metadata['uid']}{happening.reason}{happening.note}{told.time}"
        unique = blake2b(said.encode(), digest_size=8).hexdigest()
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": f"{metadata['name']}.{unique}",
                "namespace": metadata["namespace"],
            },
            "eventTime": told.time,
            "reportingController": REPORTER,
            "reportingInstance": self._instance,
            "action": happening.reason,
            "reason": happening.reason,
            "type": "Warning" if happening.warning else "Normal",
            "note": happening.note.encode()[:MAX_NOTE].decode(errors="ignore"),
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": "Sweep",
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
            },
        }
