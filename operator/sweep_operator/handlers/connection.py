"""How to reach the API server: in a pod by its service account, elsewhere by a named kubeconfig."""

from collections.abc import Callable
from typing import Any

import aiohttp
import kopf
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import load_incluster_config, load_kube_config

from sweep_operator.effects.hearing import Hearing
from sweep_operator.effects.metrics import Metrics

SWEEPS = "/sweeps"
"""What the paths of collections of Sweeps end with."""


async def configuration(kubeconfig: str | None) -> Configuration:
    """Load the connection's configuration.

    Args:
        kubeconfig: a file; None for the pod's own service account. Never the user's current
            context by default: an operator that runs where it wasn't meant to does harm.
    """
    found = Configuration()
    if kubeconfig is None:
        load_incluster_config(found)
    else:
        await load_kube_config(kubeconfig, client_configuration=found)
    return found


async def kopf_session(
    found: Configuration, hearing_of: Callable[[str], Hearing], metrics: Metrics
) -> kopf.AiohttpSession:
    """The same connection for kopf's own watch, listened to.

    kopf says nowhere how its watch fares. But the API server ends each watch within five minutes,
    and kopf opens the next one: so the answers to its requests tell.

    Args:
        found: the connection.
        hearing_of: where it is to be said what comes of requests to a path.
        metrics: counts lists and watches.
    """
    info = await _kopf_connection(found)
    ears = aiohttp.TraceConfig()

    async def asked(_: aiohttp.ClientSession, __: Any, request: Any) -> None:
        if request.url.path.endswith(SWEEPS):
            hearing_of(request.url.path).begin()

    async def answered(_: aiohttp.ClientSession, __: Any, request: Any) -> None:
        path, status = request.url.path, request.response.status
        watches = request.url.query.get("watch") == "true"
        if not path.endswith(SWEEPS):
            return
        if status >= 400:
            hearing_of(path).error(status)
            return
        hearing_of(path).word()
        if watches:
            metrics.watch_opened(SWEEPS.strip("/"))
        elif not request.url.query.get("continue"):
            metrics.listed(SWEEPS.strip("/"))

    async def failed(_: aiohttp.ClientSession, __: Any, request: Any) -> None:
        if request.url.path.endswith(SWEEPS):
            hearing_of(request.url.path).error(0)

    ears.on_request_start.append(asked)
    ears.on_request_end.append(answered)
    ears.on_request_exception.append(failed)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
        headers=info.as_http_headers(),
        trace_configs=[ears],
    )
    return kopf.AiohttpSession(server=info.server, aiohttp_session=session)


async def _kopf_connection(found: Configuration) -> kopf.ConnectionInfo:
    scheme, _, token = (await found.get_api_key_with_prefix("BearerToken") or "").partition(" ")
    return kopf.ConnectionInfo(
        server=found.host,
        ca_path=found.ssl_ca_cert,
        ca_data=found.ca_cert_data,
        insecure=not found.verify_ssl,
        scheme=scheme or None,
        token=token or None,
        certificate_path=found.cert_file,
        private_key_path=found.key_file,
    )
