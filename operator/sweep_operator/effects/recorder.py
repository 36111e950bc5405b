"""Events on a Sweep that tell its story to `kubectl describe`.

Written in the background: an Event that can't be written is logged and lost, never waited for.
"""

import asyncio
import logging
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from sweep_operator.api import paths
from sweep_operator.api.names import API_VERSION
from sweep_operator.effects.api import Api, ApiError, Json
from sweep_operator.planning.story import Happening

logger = logging.getLogger(__name__)

QUEUE_LENGTH = 1000
REPORTER = "sweep-operator.io/sweep-operator"
MAX_NOTE = 1024
"""Bytes."""


class Recorder:
    """Writes Events one after the other."""

    def __init__(self, api: Api, instance: str, now: Callable[[], str]) -> None:
        self._api = api
        self._instance = instance
        self._now = now
        self._queue: asyncio.Queue[tuple[Json, Happening]] = asyncio.Queue(QUEUE_LENGTH)

    def tell(self, sweep: Json, happening: Happening) -> None:
        """Have an Event written on a Sweep."""
        try:
            self._queue.put_nowait((sweep, happening))
        except asyncio.QueueFull:
            logger.warning("Too many Events at once; lost: %s", happening.note)

    async def run(self) -> None:
        """Write what is told until cancelled."""
        while True:
            sweep, happening = await self._queue.get()
            event = self._event(sweep["metadata"], happening)
            try:
                await self._api.create(paths.events(sweep["metadata"]["namespace"]), event)
            except ApiError as error:
                if error.code not in (403, 404, 409):  # the namespace ends or is gone; told already
                    logger.warning("Event %s: %s", happening.reason, error)

    def _event(self, metadata: Json, happening: Happening) -> dict[str, Any]:
        now = self._now()
        told = f"{metadata['uid']}{happening.reason}{happening.note}{now}"
        unique = blake2b(told.encode(), digest_size=8).hexdigest()
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": f"{metadata['name']}.{unique}",
                "namespace": metadata["namespace"],
            },
            "eventTime": now,
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
