"""The HTTP service by which programs report: docs/reporting.md."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web

from sweep_operator.effects.api import ApiError
from sweep_operator.handlers.controller import Controller
from sweep_operator.handlers.rate import Rate
from sweep_operator.planning.reports import ReportError, read_reports
from sweep_operator.reconcile.report import NoRunError, OverError

logger = logging.getLogger(__name__)

PATH = "/v1/reports"
MAX_BODY = 256 * 1024

RETRY_AFTER = "1"
"""Seconds after which what failed for now may be sent again."""

FORWARDED = "Sweep-Forwarded"
"""Marks what comes from another operator: it goes no further."""

FORWARD_TIMEOUT = aiohttp.ClientTimeout(total=8)
"""Less than clients wait."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RefusalError(Exception):
    """A request that isn't done; the sentence says why and what to do."""

    def __init__(self, status: int, sentence: str, *, retry: bool = False) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = {"Retry-After": RETRY_AFTER} if retry else {}


NO_LEADER = "no operator leads right now: send it again"


def reports(controller: Controller, session: aiohttp.ClientSession) -> web.Application:
    """The HTTP application that takes reports, or hands them to the leader.

    Args:
        controller: its runs' cache, tokens and leadership.
        session: for requests to the leader.
    """
    rate = Rate(time.monotonic)

    async def report(request: web.Request) -> web.Response:
        token = _token(request)
        body = await request.read()
        if not controller.takes_reports:
            if FORWARDED in request.headers:
                raise RefusalError(503, NO_LEADER, retry=True)
            return await _forward(controller, session, request, body)
        pod = await controller.tokens.pod_of(token)
        if pod is None:
            raise RefusalError(401, "the token isn't good (any more): read it again from its file")
        if controller.must_list(pod.namespace):
            raise RefusalError(503, "the runs here aren't known yet: send it again", retry=True)
        found = read_reports(body)
        if not rate.allows(pod.uid, len(found)):
            raise RefusalError(
                429, "too many reports: send several in an array, a second apart", retry=True
            )
        stop = await controller.reporter.take(pod, found)
        return web.json_response({"stop": stop})

    application = web.Application(client_max_size=MAX_BODY, middlewares=[_in_words])
    application.add_routes([web.post(PATH, report)])
    return application


def _token(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise RefusalError(401, "no token: send the header Authorization: Bearer TOKEN")
    return token.strip()


async def _forward(
    controller: Controller, session: aiohttp.ClientSession, request: web.Request, body: bytes
) -> web.Response:
    address = await controller.leadership.leader_address()
    if not address or address == controller.identity.address:
        raise RefusalError(503, NO_LEADER, retry=True)
    headers = {"Authorization": request.headers["Authorization"], FORWARDED: "1"}
    url = f"http://{address}{PATH}"
    try:
        async with session.post(url, data=body, headers=headers, timeout=FORWARD_TIMEOUT) as answer:
            kept = {key: answer.headers[key] for key in ("Retry-After",) if key in answer.headers}
            return web.Response(
                body=await answer.read(),
                status=answer.status,
                headers=kept,
                content_type="application/json",
            )
    except (aiohttp.ClientError, TimeoutError) as error:
        raise RefusalError(503, NO_LEADER, retry=True) from error


@web.middleware
async def _in_words(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer whatever goes wrong with a sentence."""
    try:
        return await handler(request)
    except RefusalError as refusal:
        return _error(refusal.status, str(refusal), refusal.headers)
    except ReportError as error:
        return _error(400, str(error))
    except web.HTTPRequestEntityTooLarge:
        return _error(413, f"more than {MAX_BODY} bytes: send fewer reports at a time")
    except NoRunError:
        return _error(403, "this token's pod is no run's")
    except OverError:
        return _error(410, "this attempt is over: its outcome is on record, or another has begun")
    except ApiError as error:
        logger.warning("A report could not be stored: %s", error)
        return _error(503, "not stored: send it again", {"Retry-After": RETRY_AFTER})
    except web.HTTPException as error:
        return _error(error.status, f"{error.reason}: POST to {PATH}")


def _error(status: int, sentence: str, headers: dict[str, Any] | None = None) -> web.Response:
    return web.json_response({"error": sentence}, status=status, headers=headers)
