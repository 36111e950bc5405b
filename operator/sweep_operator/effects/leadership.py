"""One leader by a Lease, judged by the monotonic clock alone.

A leader may act until `deadline`: the moment it asked for its last renewal plus the Lease's
duration. Others take over only when they have seen no renewal for that long on a clock of their
own, so no two act at once, however wrong the wall clocks are: their times are written for people.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sweep_operator.api import paths
from sweep_operator.api.names import GROUP
from sweep_operator.effects.api import Api, ApiError, Json

logger = logging.getLogger(__name__)

LEASE_DURATION = 15.0
RENEW_EVERY = 4.0
RETRY_EVERY = 2.0
"""Seconds after which what failed is tried again: a renewal, too, has several tries."""
MARGIN = 2.0
"""Seconds before the deadline at which a leader stops acting: a request's time on the wire."""


ANNOTATION_ADDRESS = f"{GROUP}/address"
"""On the Lease: host and port at which its holder takes reports."""


class LeadershipLostError(Exception):
    """The Lease couldn't be renewed in time; the process ends and starts over as a follower."""


@dataclass(slots=True)
class _Seen:
    """Another's Lease as last seen to change, by this process's clock."""

    resource_version: str
    at: float


class Leadership:
    """Candidate for, then holder of, one Lease.

    Args:
        api: the API server, over connections that nothing else can fill.
        namespace: where the Lease is.
        name: its name.
        identity: of this process, unique.
        monotonic: a clock that never goes back, in seconds.
        wall: RFC 3339 time with microseconds, for people.
        address: where this process answers, for others to read in the Lease.
    """

    def __init__(
        self,
        api: Api,
        namespace: str,
        name: str,
        identity: str,
        *,
        monotonic: Callable[[], float],
        wall: Callable[[], str],
        address: str = "",
    ) -> None:
        self._address = address
        self._api = api
        self._collection = paths.leases(namespace)
        self._path = paths.leases(namespace, name)
        self._name = name
        self.identity = identity
        self._monotonic = monotonic
        self._wall = wall
        self._seen: _Seen | None = None
        self._leader: tuple[float, str] | None = None
        self._lease: dict[str, Any] | None = None
        self._deadline = float("-inf")

    @property
    def holds(self) -> bool:
        """Whether this process may act now."""
        return self._monotonic() < self._deadline - MARGIN

    async def acquire(self) -> None:
        """Wait until this process is the leader."""
        while True:
            try:
                if await self._try():
                    logger.info("%s is the leader", self.identity)
                    return
            except ApiError as error:
                logger.warning("Lease %s: %s", self._name, error)
            await asyncio.sleep(RETRY_EVERY)

    async def keep(self) -> None:
        """Renew for ever.

        Raises:
            LeadershipLostError: when another holds the Lease, or no renewal came through in time.
        """
        pause = RENEW_EVERY
        while True:
            await asyncio.sleep(pause)
            pause = RETRY_EVERY
            try:
                if not await self._renew():
                    raise LeadershipLostError(f"{self.identity} lost the Lease {self._name}")
                pause = RENEW_EVERY
            except ApiError as error:
                logger.warning("Renewing Lease %s: %s", self._name, error)
            if not self.holds:
                raise LeadershipLostError(
                    f"{self.identity} could not renew the Lease {self._name} in time"
                )

    async def leader_address(self) -> str:
        """Where the leader answers, by the Lease of a moment ago; empty where nobody says."""
        now = self._monotonic()
        if self._leader is None or now >= self._leader[0] + RETRY_EVERY:
            lease = await self._api.get(self._path)
            annotations = lease["metadata"].get("annotations") or {}
            held = bool(lease["spec"].get("holderIdentity"))
            self._leader = (now, annotations.get(ANNOTATION_ADDRESS, "") if held else "")
        return self._leader[1]

    async def release(self) -> None:
        """Give the Lease up, so that a successor needn't wait for its end."""
        if self._lease is None:
            return
        self._deadline = float("-inf")
        spec = dict(self._lease["spec"], holderIdentity="", leaseDurationSeconds=1)
        try:
            await self._api.replace(self._path, {**self._lease, "spec": spec})
        except ApiError as error:
            logger.warning("Releasing Lease %s: %s", self._name, error)
        self._lease = None

    async def _try(self) -> bool:
        asked = self._monotonic()
        try:
            lease = await self._api.get(self._path)
        except ApiError as error:
            if error.code != 404:
                raise
            body = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": self._metadata({"name": self._name}),
                "spec": self._spec(transitions=0),
            }
            return await self._write(asked, lambda: self._api.create(self._collection, body))
        if not self._expired(lease):
            return False
        transitions = lease["spec"].get("leaseTransitions", 0) + 1
        metadata = self._metadata(lease["metadata"])
        body = {**lease, "metadata": metadata, "spec": self._spec(transitions)}
        return await self._write(asked, lambda: self._api.replace(self._path, body))

    def _expired(self, lease: Json) -> bool:
        """Whether nobody holds the Lease, or its holder was silent for its whole duration.

        Where the holder is this process, the answer to its own write was lost.
        """
        if lease["spec"].get("holderIdentity", "") in ("", self.identity):
            return True
        version = lease["metadata"]["resourceVersion"]
        now = self._monotonic()
        if self._seen is None or self._seen.resource_version != version:
            self._seen = _Seen(version, now)
            return False
        return now - self._seen.at > float(lease["spec"].get("leaseDurationSeconds", 0))

    async def _renew(self) -> bool:
        if self._lease is None:
            return False
        spec = self._lease["spec"]
        body = {**self._lease, "spec": {**spec, "renewTime": self._wall()}}
        written = await self._write(self._monotonic(), lambda: self._api.replace(self._path, body))
        return written or await self._mine_after_all()

    async def _write(self, asked: float, write: Callable[[], Any]) -> bool:
        try:
            self._lease = await write()
        except ApiError as error:
            if error.code == 409:  # another was first
                return False
            raise
        self._deadline = asked + LEASE_DURATION
        return True

    async def _mine_after_all(self) -> bool:
        """A write whose answer was lost leaves us with an old version of a Lease that is ours.

        When it was written isn't known: the next renewal moves the deadline.
        """
        lease = await self._api.get(self._path)
        if lease["spec"].get("holderIdentity") != self.identity:
            return False
        self._lease = lease
        return True

    def _metadata(self, known: Json) -> dict[str, Any]:
        address = {ANNOTATION_ADDRESS: self._address}
        return {**known, "annotations": {**(known.get("annotations") or {}), **address}}

    def _spec(self, transitions: int) -> dict[str, Any]:
        now = self._wall()
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": int(LEASE_DURATION),
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": transitions,
        }
