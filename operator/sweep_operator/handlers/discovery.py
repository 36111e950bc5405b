"""Waits until the API server serves Sweeps.

Whoever may look at the whole cluster has kopf watch the CRDs. With rights in some namespaces alone
kopf looks once, as it starts: what isn't served by then never is.
"""

import logging
from collections.abc import Awaitable, Callable

from sweep_operator.api.names import API_VERSION, GROUP
from sweep_operator.effects.api import Api, ApiError

logger = logging.getLogger(__name__)

AGAIN = 2.0
"""Seconds."""


async def sweeps_served(api: Api, pause: Callable[[float], Awaitable[None]]) -> None:
    """Wait until kopf will find Sweeps: what it reads everybody who is known may read."""
    told = ""
    while True:
        try:
            groups = await api.get("/apis")
            resources = await api.get(f"/apis/{API_VERSION}")
        except ApiError as error:
            missing = "" if error.code == 404 else f" ({error})"
        else:
            listed = any(group["name"] == GROUP for group in groups["groups"])
            if listed and any(each["name"] == "sweeps" for each in resources["resources"]):
                return
            missing = ""
        sentence = f"Waiting for the CRDs: the API server doesn't serve {API_VERSION} yet{missing}"
        if sentence != told:
            logger.warning(sentence)
            told = sentence
        await pause(AGAIN)
