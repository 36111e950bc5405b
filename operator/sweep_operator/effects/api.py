"""One small client of the API server: plain JSON in and out over one session.

The kubernetes package gives configuration and authentication; its model objects stay out of the hot
path, where they cost more than all else the operator does (docs/adr/0003).
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Self

import aiohttp
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from typing_extensions import override

Json = Mapping[str, Any]

REQUEST_TIMEOUT = 20.0
"""Seconds for a request that isn't a watch."""

WATCH_SILENCE = 150.0
"""Seconds without a byte after which a watch is dead: bookmarks come about each minute."""

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"


UNAVAILABLE = frozenset({0, 429, 503, 504})
"""No answer; too many requests; not ready; nobody behind the proxy has answered."""

Answered = Callable[[str, str, int, float], None]
"""Is told each request's method and path, the answer's code (0 for none) and its seconds."""


class ApiError(Exception):
    """The API server refused a request, or no answer came (code 0).

    `retry_after` is for how many seconds it asks to be left alone.
    """

    def __init__(self, code: int, reason: str, message: str, retry_after: float = 0.0) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.retry_after = retry_after

    @property
    def says_unavailable(self) -> bool:
        """Whether any other request would fare the same at the moment."""
        return self.code in UNAVAILABLE


class NotSentError(ApiError):
    """A request wasn't sent: what allowed it no longer held when there was a connection for it."""

    def __init__(self) -> None:
        super().__init__(0, "NotSent", "what allowed the request no longer holds")


_allows: ContextVar[Callable[[], bool]] = ContextVar("allows", default=lambda: True)


@contextmanager
def sent_only_if(allows: Callable[[], bool]) -> Iterator[None]:
    """Ask once more right before each request inside the `with` is sent; NotSentError if not.

    Between a decision and its request there may be a wait for a connection, or a machine's sleep.
    """
    token = _allows.set(allows)
    try:
        yield
    finally:
        _allows.reset(token)


def check_allowed() -> None:
    """Raise NotSentError where what allowed a request no longer holds."""
    if not _allows.get()():
        raise NotSentError


class _Request(aiohttp.ClientRequest):
    """A request that has a connection, and is still wanted then."""

    @override
    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        check_allowed()
        return await super().send(conn)

    @override
    async def write_bytes(self, writer: Any, conn: Any, content_length: int | None = None) -> None:
        # Headers wait for their body, and before Python 3.12 the body for another turn of the loop.
        try:
            check_allowed()
        except NotSentError as error:
            conn.protocol.set_exception(error)  # whoever waits for the answer is told
            conn.close()
        else:
            await super().write_bytes(writer, conn, content_length)


class Api:
    """Requests to one API server.

    Use as an async context manager. Every method raises ApiError for an answer of 400 or more and
    for no answer at all; a write without an answer may have taken effect.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        connections: int = 64,
        timeout: float = REQUEST_TIMEOUT,
        answered: Answered | None = None,
    ) -> None:
        self._answered = answered
        self._configuration = configuration
        self._host = configuration.host.rstrip("/")
        self._connections = connections
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        tls = RESTClientObject(self._configuration).ssl_context
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=self._connections, keepalive_timeout=60),
            headers={"User-Agent": "sweep-operator", "Accept": "application/json"},
            request_class=_Request,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, **params: str) -> dict[str, Any]:
        """Read one object, or a list."""
        return _parsed(await self._request("GET", path, params=params))

    async def text(self, path: str, **params: str) -> str:
        """Read what isn't JSON: a log."""
        answer = await self._request("GET", path, params=params)
        return answer.decode(errors="replace")

    async def create(self, path: str, body: Json) -> dict[str, Any]:
        """Create an object in the collection at `path`."""
        return _parsed(await self._request("POST", path, body))

    async def replace(self, path: str, body: Json) -> dict[str, Any]:
        """Write an object as a whole; with a resourceVersion only if it is still that one."""
        return _parsed(await self._request("PUT", path, body))

    async def patch(
        self, path: str, body: Json, *, content_type: str = MERGE_PATCH
    ) -> dict[str, Any]:
        """Merge `body` into an object; with a resourceVersion only if it is still that one.

        A strategic merge, which only Kubernetes' own kinds know, merges lists by their keys too.
        """
        return _parsed(await self._request("PATCH", path, body, content_type=content_type))

    async def replace_in(self, path: str, field: str, value: Json, version: str) -> dict[str, Any]:
        """Replace one field of an object as a whole; ApiError 422 if it was written since.

        Args:
            path: the object's, or that of one of its subresources.
            field: a JSON pointer.
            value: what to put there.
            version: the object's resourceVersion, of which no two objects have the same.
        """
        operations: list[Json] = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": version},
            {"op": "add", "path": field, "value": value},
        ]
        answer = await self._request("PATCH", path, operations, content_type=JSON_PATCH)
        return _parsed(answer)

    async def delete(self, path: str, options: Json, **params: str) -> dict[str, Any]:
        """Delete an object, or, by a collection's path, all of it that selectors choose."""
        return _parsed(await self._request("DELETE", path, options, params=params))

    async def watch(self, path: str, **params: str) -> AsyncGenerator[dict[str, Any], None]:
        """Yield watch events until the server ends the watch."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=WATCH_SILENCE)
        code = 0
        try:
            async with self._open().get(
                self._host + path,
                params={"watch": "true", **params},
                headers=await self._authorization(),
                timeout=timeout,
            ) as response:
                code = response.status
                self._tell("WATCH", path, code, 0.0)
                if response.status >= 400:
                    raise _error(response, await response.read())
                buffer = b""
                async for chunk in response.content.iter_any():
                    *lines, buffer = (buffer + chunk).split(b"\n")
                    for line in lines:
                        if line:
                            yield _parsed(line)
        except (aiohttp.ClientError, TimeoutError) as error:
            if not code:
                self._tell("WATCH", path, code, 0.0)
            raise ApiError(0, "NoAnswer", _words(error)) from error

    async def _request(
        self,
        method: str,
        path: str,
        body: Json | Sequence[Json] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        headers = await self._authorization()
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = content_type
        clock = asyncio.get_running_loop().time
        began = clock()
        code = 0
        try:
            async with asyncio.timeout(self._timeout):
                async with self._open().request(
                    method, self._host + path, data=data, params=params, headers=headers
                ) as response:
                    answer = await response.read()
                    code = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiError(0, "NoAnswer", _words(error)) from error
        finally:
            self._tell(method, path, code, clock() - began)
        if response.status >= 400:
            raise _error(response, answer)
        return answer

    def _tell(self, method: str, path: str, code: int, seconds: float) -> None:
        if self._answered is not None:
            self._answered(method, path, code, seconds)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("Api is used outside its context")
        return self._session

    async def _authorization(self) -> dict[str, str]:
        # Asked for at each request: the kubernetes package reads a rotated token again by itself.
        settings: Mapping[str, Any] = await self._configuration.auth_settings()
        return {entry["key"]: entry["value"] for entry in settings.values() if entry["value"]}


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:  # cut off, or a proxy's own page
        raise ApiError(0, "NotJSON", text[:200].decode(errors="replace")) from error
    if not isinstance(found, dict):
        raise ApiError(0, "NotAnObject", text[:200].decode(errors="replace"))
    return found


def _error(response: aiohttp.ClientResponse, answer: bytes) -> ApiError:
    code = response.status
    written = response.headers.get("Retry-After", "")
    wait = float(written) if re.fullmatch("[0-9]{1,9}", written) else 0.0  # not a date's: no need
    try:
        status = json.loads(answer)
        return ApiError(code, status.get("reason", ""), status.get("message", ""), wait)
    except (ValueError, AttributeError):
        return ApiError(code, "", answer[:500].decode(errors="replace"), wait)


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
