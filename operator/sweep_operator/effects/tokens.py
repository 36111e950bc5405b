"""Whose pod a token is: asked of the API server, remembered for a minute at most."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from sweep_operator.effects.api import Api
from sweep_operator.planning.environment import AUDIENCE

REMEMBERED = 60.0
"""Seconds. A token dies with its pod, and this is how much later it is found out."""

MOST = 20_000
"""Answers remembered."""

AT_ONCE = 16
"""Questions under way at the same time: anybody can send anything."""

POD_NAME = "authentication.kubernetes.io/pod-name"
POD_UID = "authentication.kubernetes.io/pod-uid"
SERVICE_ACCOUNT = "system:serviceaccount:"


class PodIdentity(NamedTuple):
    """The pod that a token is bound to."""

    namespace: str
    name: str
    uid: str


class Tokens:
    """Tells the pods of tokens that were made for the operator's audience.

    Args:
        api: the API server.
        clock: monotonic, in seconds.
    """

    def __init__(self, api: Api, clock: Callable[[], float]) -> None:
        self._api = api
        self._clock = clock
        self._asking = asyncio.Semaphore(AT_ONCE)
        self._answers: OrderedDict[bytes, tuple[float, PodIdentity | None]] = OrderedDict()

    async def pod_of(self, token: str) -> PodIdentity | None:
        """The pod of a token; None for one that isn't good. ApiError where there is no answer."""
        digest = hashlib.sha256(token.encode()).digest()
        known = self._answers.get(digest)
        if known is not None and self._clock() < known[0]:
            return known[1]
        async with self._asking:
            asked = self._clock()
            pod = await self._ask(token)
        self._answers[digest] = (asked + REMEMBERED, pod)
        self._answers.move_to_end(digest)
        while len(self._answers) > MOST:
            self._answers.popitem(last=False)
        return pod

    async def _ask(self, token: str) -> PodIdentity | None:
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [AUDIENCE]},
        }
        answer = await self._api.create("/apis/authentication.k8s.io/v1/tokenreviews", review)
        status = answer.get("status") or {}
        # An API server that doesn't know audiences says nothing of them: then it is no answer.
        if not status.get("authenticated") or AUDIENCE not in (status.get("audiences") or ()):
            return None
        user = status.get("user") or {}
        username, extra = user.get("username", ""), user.get("extra") or {}
        names, uids = extra.get(POD_NAME), extra.get(POD_UID)
        if not username.startswith(SERVICE_ACCOUNT) or not names or not uids:
            return None
        namespace = username.removeprefix(SERVICE_ACCOUNT).partition(":")[0]
        return PodIdentity(namespace, names[0], uids[0])
