"""The HTTP service by which programs report: docs/reporting.md."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web

from sweep_operator.effects.api import ApiError
from sweep_operator.effects.tokens import BusyError
from sweep_operator.handlers.certificates import Certificates
from sweep_operator.handlers.connections import Connections
from sweep_operator.handlers.controller import Controller
from sweep_operator.handlers.rate import Rate
from sweep_operator.planning.reports import ReportError, read_reports
from sweep_operator.reconcile.report import NoRunError, NotStoredError, OverError

logger = logging.getLogger(__name__)

PATH = "/v1/reports"
MAX_BODY = 256 * 1024

BODIES_AT_ONCE = 100
"""Bodies in memory at the same time: no flood is to cost more than 25 MiB."""

BODY_WITHIN = 10.0
"""Seconds for a body to come."""

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


NOT_STORED = "not stored: send it again"


def reports(
    controller: Controller,
    session: aiohttp.ClientSession,
    certificates: Certificates | None = None,
    connections: Connections | None = None,
) -> web.Application:
    """The HTTP application that takes reports, or hands them to the leader.

    Args:
        controller: its runs' cache, tokens and leadership.
        session: for requests to the leader.
        certificates: by which the leader is verified; None where it speaks no TLS.
        connections: those that the requests come on.
    """
    rate = Rate(time.monotonic)
    bodies = asyncio.Semaphore(BODIES_AT_ONCE)

    async def report(request: web.Request) -> web.Response:
        token = _token(request)
        if not controller.takes_reports:
            if FORWARDED in request.headers:
                raise RefusalError(503, NO_LEADER, retry=True)
            async with bodies:
                body = await _body(request)
                return await _forward(controller, session, certificates, request, body)
        # Whoever has no token costs no more than their headers.
        pod = await controller.tokens.pod_of(token)
        if pod is None:
            raise RefusalError(401, "the token isn't good (any more): read it again from its file")
        if controller.must_list(pod.namespace):
            raise RefusalError(503, "the runs here aren't known yet: send it again", retry=True)
        async with bodies:
            found = read_reports(await _body(request))
        if not rate.allows(pod.uid, len(found)):
            raise RefusalError(
                429, "too many reports: send several in an array, a second apart", retry=True
            )
        stop = await controller.reporter.take(pod, found)
        return web.json_response({"stop": stop})

    @web.middleware
    async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await handler(request)
        if not answer.headers.get(FORWARDED):
            controller.metrics.report_answered(answer.status)
        return answer

    middlewares = [connections.middleware()] if connections else []
    application = web.Application(
        client_max_size=MAX_BODY, middlewares=[*middlewares, counted, _in_words]
    )
    application.add_routes([web.post(PATH, report)])
    return application


def _token(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise RefusalError(401, "no token: send the header Authorization: Bearer TOKEN")
    return token.strip()


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_WITHIN):
            return await request.read()
    except TimeoutError as error:
        raise RefusalError(408, f"the body has not come within {BODY_WITHIN:g} s") from error
    except web.RequestPayloadError as error:
        raise RefusalError(400, "the body isn't what its headers say: send plain JSON") from error


async def _forward(
    controller: Controller,
    session: aiohttp.ClientSession,
    certificates: Certificates | None,
    request: web.Request,
    body: bytes,
) -> web.Response:
    address = await controller.leadership.leader_address()
    if not address or address == controller.identity.address:
        raise RefusalError(503, NO_LEADER, retry=True)
    headers = {"Authorization": request.headers["Authorization"], FORWARDED: "1"}
    url = f"{'https' if certificates else 'http'}://{address}{PATH}"
    # An address is in no certificate: the leader is who it says by the service's name.
    verified: dict[str, Any] = (
        {"ssl": certificates.client, "server_hostname": certificates.name} if certificates else {}
    )
    try:
        async with session.post(
            url, data=body, headers=headers, timeout=FORWARD_TIMEOUT, **verified
        ) as answer:
            kept = {key: answer.headers[key] for key in ("Retry-After",) if key in answer.headers}
            return web.Response(
                body=await answer.read(),
                status=answer.status,
                headers={**kept, FORWARDED: "1"},
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
    except BusyError:
        return _error(503, "too many new tokens: send it again", {"Retry-After": RETRY_AFTER})
    except NoRunError:
        return _error(403, "this token's pod is no run's")
    except OverError:
        return _error(410, "this attempt is over: its outcome is on record, or another has begun")
    except NotStoredError:
        return _error(503, NOT_STORED, {"Retry-After": RETRY_AFTER})
    except ApiError as error:
        logger.warning("It could not be asked whose report it is: %s", error)
        return _error(503, NOT_STORED, {"Retry-After": RETRY_AFTER})
    except web.HTTPException as error:
        return _error(error.status, f"{error.reason}: POST to {PATH}")


def _error(status: int, sentence: str, headers: dict[str, Any] | None = None) -> web.Response:
    return web.json_response({"error": sentence}, status=status, headers=headers)
