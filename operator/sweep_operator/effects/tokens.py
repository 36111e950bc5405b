"""Whose pod a token is: asked of the API server, remembered for a minute at most."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from sweep_operator.effects.api import Api
from sweep_operator.planning.environment import AUDIENCE

REMEMBERED = 60.0
"""Seconds. A token dies with its pod, and this is how much later it is found out."""

MOST = 20_000
"""Answers remembered; those to good tokens apart, so that no flood of bad ones drives them out."""

AT_ONCE = 16
"""Questions under way at the same time: anybody can send anything."""

MOST_WAITING: Final = 500
"""Questions that wait for their turn."""

POD_NAME = "authentication.kubernetes.io/pod-name"
POD_UID = "authentication.kubernetes.io/pod-uid"
SERVICE_ACCOUNT = "system:serviceaccount:"


Answer = TypeVar("Answer")


class PodIdentity(NamedTuple):
    """The pod that a token is bound to."""

    namespace: str
    name: str
    uid: str


class BusyError(Exception):
    """Too many tokens that nobody knows are being asked about: this one is to come again."""


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
        self._waiting = 0
        self._good: OrderedDict[bytes, tuple[float, PodIdentity]] = OrderedDict()
        self._bad: OrderedDict[bytes, tuple[float, None]] = OrderedDict()

    async def pod_of(self, token: str) -> PodIdentity | None:
        """The pod of a token; None for one that isn't good.

        Raises:
            BusyError: too many are being asked about.
            ApiError: there is no answer.
        """
        digest = hashlib.sha256(token.encode(errors="replace")).digest()
        known = self._good.get(digest) or self._bad.get(digest)
        if known is not None and self._clock() < known[0]:
            return known[1]
        if self._waiting >= MOST_WAITING:
            raise BusyError
        self._waiting += 1
        try:
            async with self._asking:
                asked = self._clock()
                pod = await self._ask(token)
        finally:
            self._waiting -= 1
        self._good.pop(digest, None)
        if pod is None:
            _remember(self._bad, digest, (asked + REMEMBERED, None))
        else:
            _remember(self._good, digest, (asked + REMEMBERED, pod))
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


def _remember(answers: OrderedDict[bytes, Answer], digest: bytes, answer: Answer) -> None:
    answers[digest] = answer
    answers.move_to_end(digest)
    while len(answers) > MOST:
        answers.popitem(last=False)
