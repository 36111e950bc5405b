"""The operator's process: kopf as the shell around the controller."""

import argparse
import asyncio
import logging
import os
import re
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import kopf
from aiohttp import web
from kubernetes.aio.client import Configuration

from sweep_operator.api.names import DNS_LABEL, GROUP, VERSION
from sweep_operator.effects.api import Api
from sweep_operator.effects.cache import key_of
from sweep_operator.effects.leadership import RENEW_EVERY
from sweep_operator.effects.metrics import Metrics
from sweep_operator.handlers.certificates import Certificates
from sweep_operator.handlers.connection import configuration, kopf_session
from sweep_operator.handlers.connections import PATIENCE, Connections
from sweep_operator.handlers.controller import Controller, Identity
from sweep_operator.handlers.discovery import sweeps_served
from sweep_operator.handlers.logs import FORMATS, LEVELS, set_up
from sweep_operator.handlers.probes import probes
from sweep_operator.handlers.reports import reports

logger = logging.getLogger(__name__)

MAX_NAMESPACE = 63
"""Characters of a namespace's name."""


def main() -> None:
    """Run the operator until it is told to end, or loses the leadership."""
    parser = argparse.ArgumentParser(prog="sweep-operator", description=main.__doc__)
    parser.add_argument("--kubeconfig", help="a file; without it the pod's service account")
    parser.add_argument("--namespace", help="of the Lease; default: POD_NAMESPACE or default")
    parser.add_argument("--health-port", type=int, default=8080, help="0 for no probes")
    parser.add_argument("--report-port", type=int, default=8081, help="0 to take no reports")
    parser.add_argument(
        "--report-url", help="by which programs reach it; default: REPORT_URL, or none"
    )
    parser.add_argument(
        "--watch-namespaces",
        type=_names,
        default=(),
        metavar="A,B",
        help="whose sweeps it runs; default: those of all",
    )
    parser.add_argument(
        "--report-tls",
        default=os.environ.get("REPORT_TLS", ""),
        help="a folder of tls.crt, tls.key and ca.crt; default: REPORT_TLS, or none for plain HTTP",
    )
    parser.add_argument("--log-format", choices=FORMATS, default="text", help="default: text")
    parser.add_argument("--log-level", choices=LEVELS, default="info", help="default: info")
    options = parser.parse_args()
    set_up(options.log_format, options.log_level)
    asyncio.run(
        run(
            options.kubeconfig,
            options.namespace,
            options.health_port,
            options.report_port,
            options.report_url,
            options.watch_namespaces,
            options.report_tls,
        )
    )


async def run(
    kubeconfig: str | None,
    namespace: str | None,
    health_port: int,
    report_port: int,
    report_url: str | None,
    namespaces: Sequence[str] = (),
    report_tls: str = "",
) -> None:
    """Run the operator in this event loop.

    Args:
        kubeconfig: a file; None for the pod's service account.
        namespace: of the Lease; None for the pod's own.
        health_port: of the probes, 0 for none.
        report_port: where programs' reports are taken, 0 for nowhere.
        report_url: by which programs reach that; None for REPORT_URL in the environment.
        namespaces: whose sweeps it runs; none for those of all.
        report_tls: a folder with the certificate for that; empty for plain HTTP.
    """
    host = os.environ.get("POD_IP", "127.0.0.1")
    address = f"[{host}]:{report_port}" if ":" in host else f"{host}:{report_port}"
    identity = Identity(
        name=f"{os.environ.get('POD_NAME', socket.gethostname())}_{secrets.token_hex(4)}",
        namespace=namespace or os.environ.get("POD_NAMESPACE", "default"),
        address=address if report_port else "",
    )
    connection = await configuration(kubeconfig)
    async with AsyncExitStack() as stack:
        metrics = Metrics()
        metrics.watch_process()
        api = await stack.enter_async_context(Api(connection, answered=metrics.answered))
        lease_api = await stack.enter_async_context(
            Api(connection, connections=2, timeout=RENEW_EVERY, answered=metrics.answered)
        )
        url = os.environ.get("REPORT_URL", "") if report_url is None else report_url
        name = urlsplit(url).hostname or ""
        certificates = Certificates(Path(report_tls), name) if report_tls else None
        controller = Controller(
            api,
            lease_api,
            identity,
            url if report_port else "",
            namespaces,
            report_ca=lambda: certificates.ca if certificates else "",
            metrics=metrics,
        )
        if health_port:
            await serve(stack, probes(controller), health_port)
        if report_port:
            # Shorter than the leader keeps a connection without a request.
            connector = aiohttp.TCPConnector(keepalive_timeout=PATIENCE / 2)
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            connections = Connections()
            application = reports(controller, session, certificates, connections)
            await serve_anybody(stack, application, report_port, connections, certificates)
        if namespaces:
            await sweeps_served(api, asyncio.sleep)
        stop = asyncio.Event()
        work = asyncio.create_task(controller.run(), name="controller")
        work.add_done_callback(lambda _: stop.set())
        try:
            await kopf.operator(
                registry=registry(controller, connection, work),
                settings=settings(namespaces),
                stop_flag=stop,
                standalone=True,
                clusterwide=not namespaces,
                namespaces=namespaces,
            )
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work


async def serve(stack: AsyncExitStack, application: web.Application, port: int) -> None:
    """Answer on a port until the stack is closed."""
    await web.TCPSite(await _runner(stack, application), port=port).start()


async def serve_anybody(
    stack: AsyncExitStack,
    application: web.Application,
    port: int,
    connections: Connections,
    certificates: Certificates | None,
    host: str | None = None,
) -> int:
    """Answer on a port whoever connects, within bounds, until the stack is closed; tell the port.

    Args:
        stack: whose end is the server's.
        application: with the middleware of `connections`.
        port: 0 for any.
        connections: counts them.
        certificates: None for plain HTTP.
        host: an address; None for all of this machine's.
    """
    runner = await _runner(stack, application)
    assert runner.server is not None, "it is set up"  # noqa: S101
    server = await asyncio.get_running_loop().create_server(
        connections.of(runner.server),
        host,
        port,
        ssl=certificates.server if certificates else None,
        ssl_handshake_timeout=PATIENCE if certificates else None,
    )
    stack.callback(server.close)
    if certificates:
        keeper = asyncio.create_task(certificates.keep(), name="certificates")
        stack.callback(keeper.cancel)
    return int(server.sockets[0].getsockname()[1])


async def _runner(stack: AsyncExitStack, application: web.Application) -> web.AppRunner:
    """An application that is ready to be served, until the stack is closed."""
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    return runner


def registry(
    controller: Controller, connection: Configuration, work: "asyncio.Task[None]"
) -> kopf.OperatorRegistry:
    """kopf's handlers: of events alone, as the others write on the user's object."""
    found = kopf.OperatorRegistry()

    @kopf.on.login(registry=found)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return await kopf_session(connection, controller.hearing_of_sweeps, controller.metrics)

    @kopf.on.cleanup(registry=found)
    async def give_up(**_: Any) -> None:
        # Before kopf waits for tasks that aren't its own: a successor waits for our Lease.
        work.cancel()
        await asyncio.wait([work])

    @kopf.on.event(GROUP, VERSION, "sweeps", registry=found)
    async def sweep_changed(event: Mapping[str, Any], **_: Any) -> None:
        sweep = dict(event["object"])
        if event["type"] == "DELETED":
            controller.cache.drop_sweep(key_of(sweep))
        else:
            controller.cache.put_sweep(sweep)

    return found


class Backoffs:
    """Seconds between kopf's tries of a request; without an end.

    With one, a watched namespace that is deleted, and the rights in it with it, would end kopf and
    so the operator for all others.
    """

    def __iter__(self) -> Iterator[float]:
        """From a second to half a minute."""
        yield from (1, 1, 2, 3, 5, 8, 13, 21)
        while True:
            yield 30


def settings(namespaces: Sequence[str] = ()) -> kopf.OperatorSettings:
    """kopf's settings: it watches Sweeps, and that is all it does."""
    found = kopf.OperatorSettings()
    found.posting.enabled = False
    found.watching.server_timeout = 290
    found.watching.client_timeout = 310
    if namespaces:
        # It has no right to look at CRDs and namespaces.
        found.scanning.disabled = True
        found.networking.error_backoffs = Backoffs()
    return found


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    for name in names:
        if len(name) > MAX_NAMESPACE or not re.fullmatch(DNS_LABEL, name):
            raise argparse.ArgumentTypeError(
                f"{name!r} is no namespace's name: write names with commas between them, as a,b"
            )
    return names


if __name__ == "__main__":
    main()
