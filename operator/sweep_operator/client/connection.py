"""Requests to the API server, by kubectl's own configuration, and what its answers mean."""

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlencode

import urllib3

from sweep_operator.api.names import GROUP, VERSION
from sweep_operator.client.errors import ClientError, NotFoundError, RefusedError
from sweep_operator.client.kubeconfig import Access, access
from sweep_operator.client.proxy import proxy_of
from sweep_operator.client.stream import StreamError, items

Json = Mapping[str, Any]

MERGE_PATCH: Final = "application/merge-patch+json"
PIECE: Final = 1 << 20
"""Bytes of a list that are taken at a time."""

CONNECT_TIMEOUT: Final = 5.0
ANSWER_TIMEOUT: Final = 60.0
"""Seconds."""

CONNECTIONS: Final = 8
"""That are kept open, at most: to a program with so many threads."""


class Connection:
    """A cluster, as one user sees it.

    Args:
        kubeconfig: a file; None for $KUBECONFIG or ~/.kube/config, or, in a pod without either,
            for its service account.
        context: one of the file's; None for the current one.
    """

    def __init__(self, kubeconfig: str | None = None, context: str | None = None) -> None:
        self._kubeconfig = kubeconfig
        self._context = context

    @cached_property
    def namespace(self) -> str:
        """The context's, or the pod's own; `default` where neither says one."""
        return self._access.namespace

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Read one object."""
        return self._sent("GET", path, None, query)

    def list(self, path: str, **query: str) -> Generator[dict[str, Any], None, str]:
        """Read a collection, object by object as it comes.

        It is asked for as a whole: the API server has it in memory, but reads each page after the
        first from its store, which takes ten times as long. What is kept for the server's own use,
        managedFields, is half of it, and left out.

        Returns:
            The collection's resourceVersion, to watch it from.
        """
        answer = self._answered("GET", path, None, query, compressed=True)
        others: dict[str, Any] = {}
        try:
            for each in items(iter(lambda: answer.read(PIECE), b""), others):
                each["metadata"].pop("managedFields", None)
                yield each
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        except StreamError as error:
            raise ClientError(f"{self._access.host}{path} answers with no list: {error}") from error
        finally:
            answer.close()
        version: str = others.get("metadata", {}).get("resourceVersion", "")
        return version

    def create(self, path: str, body: Json, **query: str) -> dict[str, Any]:
        """Create an object in the collection at `path`."""
        return self._sent("POST", path, body, query)

    def patch(self, path: str, body: Json, **query: str) -> dict[str, Any]:
        """Merge fields into an object."""
        return self._sent("PATCH", path, body, query, MERGE_PATCH)

    def delete(self, path: str, **query: str) -> dict[str, Any]:
        """Delete an object."""
        return self._sent("DELETE", path, None, query)

    def watch(self, path: str, timeout: float, **query: str) -> Iterator[dict[str, Any]]:
        """Objects of a collection as they change, for so many seconds; a deleted one too."""
        for kind, thing in self.events(path, timeout, **query):
            if kind != "BOOKMARK":
                yield thing

    def events(
        self, path: str, timeout: float, **query: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """The same with what has become of each: ADDED, MODIFIED, DELETED or BOOKMARK."""
        whole = str(max(int(timeout + 0.999), 1))
        query = {**query, "watch": "true", "timeoutSeconds": whole}
        answer = self._answered("GET", path, None, query, read=timeout + CONNECT_TIMEOUT)
        try:
            for line in _lines(answer.stream()):
                event = _event(line)
                if event["type"] == "ERROR":
                    raise ClientError(f"the watch has ended: {event['object'].get('message')}")
                yield event["type"], event["object"]
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        finally:
            answer.close()

    def lines(self, path: str, **query: str) -> Iterator[str]:
        """Text, line by line as it comes: a log, which may go on for as long as its program."""
        answer = self._answered("GET", path, None, query, read=None)
        try:
            for line in _lines(answer.stream()):
                yield line.decode(errors="replace")
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        finally:
            answer.close()

    @cached_property
    def _access(self) -> Access:
        return access(self._kubeconfig, self._context)

    @cached_property
    def _pool(self) -> urllib3.PoolManager:
        there = self._access
        settings: dict[str, Any] = {"maxsize": CONNECTIONS}
        if there.tls is not None:
            settings |= {"ssl_context": there.tls, "server_hostname": there.server_name}
            # Whoever has it unchecked has said so in the kubeconfig.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        proxy = there.proxy or proxy_of(there.host)
        return urllib3.ProxyManager(proxy, **settings) if proxy else urllib3.PoolManager(**settings)

    def _sent(
        self, method: str, path: str, body: Json | None, query: Json, kind: str = "application/json"
    ) -> dict[str, Any]:
        answer = self._answered(method, path, body, query, kind)
        try:
            found: dict[str, Any] = json.loads(answer.read())
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        finally:
            answer.release_conn()
        return found

    def _answered(
        self,
        method: str,
        path: str,
        body: Json | None,
        query: Json,
        kind: str = "application/json",
        read: float | None = ANSWER_TIMEOUT,
        *,
        compressed: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json", "User-Agent": "kubectl-sweep"}
        if compressed:
            headers["Accept-Encoding"] = "gzip"
        if body is not None:
            headers["Content-Type"] = kind
        if authorization := self._access.authorization():
            headers["Authorization"] = authorization
        try:
            answer: urllib3.BaseHTTPResponse = self._pool.request(
                method,
                f"{self._access.host}{path}?{urlencode(query)}",
                body=None if body is None else json.dumps(body),
                headers=headers,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=read),
                retries=False,
                preload_content=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        if answer.status >= 400:
            raise _problem(answer.status, answer.read(), path)
        return answer

    def _unreachable(self, error: Exception) -> ClientError:
        return ClientError(f"the cluster at {self._access.host} doesn't answer: {error}")


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Lines of what comes in pieces."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _event(line: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(line)
    except ValueError as error:
        raise ClientError("the watch has ended in the middle of a line") from error
    return found


def _problem(status: int, body: bytes, path: str) -> ClientError:
    """What an answer means that is none."""
    try:
        found = json.loads(body)
    except ValueError:
        found = {}
    message = found.get("message") or body.decode(errors="replace").strip()
    match status:
        case 404 if "details" not in found and f"/apis/{GROUP}/" in path:
            return ClientError(
                f"this cluster knows no Sweeps ({GROUP}/{VERSION}): install sweep-operator first"
            )
        case 404:
            return NotFoundError(message)
        case 401:
            return ClientError(f"the cluster doesn't know who you are: log in again ({message})")
        case 403 if found.get("reason") == "Forbidden" and not _causes(found):
            return ClientError(f"you may not do that here: {message}")
        case 409 | 422 | 400 | 403:
            return RefusedError("; ".join(_causes(found)) or message)
    return ClientError(f"the API server answers {status}: {message}")


def _causes(found: Json) -> Sequence[str]:
    """Each thing that is wrong with what was written, with its field."""
    causes = (found.get("details") or {}).get("causes") or ()
    return [f"{each.get('field', '')}: {each.get('message', '')}".strip(": ") for each in causes]
