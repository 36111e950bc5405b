"""An API server that speaks HTTP and has one Sweep and its runs, which a test changes by hand."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlparse

from sweep_operator.api.names import LABEL_SWEEP_UID

Json = dict[str, Any]


class Event(NamedTuple):
    """One write, as a watch tells of it."""

    version: int
    plural: str
    kind: str
    thing: Json


class WatchedServer(ThreadingHTTPServer):
    """It, on a port of this machine's own."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[tuple[str, str], Json] = {}
        self.log: list[Event] = []
        self.asked: list[str] = []
        """Paths of lists, one for each request; watches have ` watch` behind theirs."""
        self.news = Condition()
        self.compacted = 0
        """Watches from before this version are too old."""
        self.down = False
        self._cuts = 0

    def handle_error(self, *_: object) -> None:
        """Of no interest: the client has gone."""

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def version(self) -> int:
        """Of the last write."""
        return self.log[-1].version if self.log else 1

    def put(self, *things: Json) -> None:
        """Write a Sweep or runs."""
        for thing in things:
            plural = f"{thing['kind'].lower()}s"
            key = plural, thing["metadata"]["name"]
            self._tell(plural, "MODIFIED" if key in self.objects else "ADDED", thing)
            self.objects[key] = self.log[-1].thing

    def drop(self, *things: Json) -> None:
        """Delete them."""
        for thing in things:
            plural = f"{thing['kind'].lower()}s"
            del self.objects[plural, thing["metadata"]["name"]]
            self._tell(plural, "DELETED", thing)

    def cut(self, *, down: bool = False, forget: bool = False) -> None:
        """End all watches; be down from now on, or have forgotten what was before now."""
        with self.news:
            self.down = down
            self.compacted = self.version if forget else self.compacted
            self._cuts += 1
            self.news.notify_all()

    def _tell(self, plural: str, kind: str, thing: Json) -> None:
        with self.news:
            version = self.version + 1
            metadata = thing["metadata"] | {"resourceVersion": str(version)}
            self.log.append(Event(version, plural, kind, thing | {"metadata": metadata}))
            self.news.notify_all()

    def events(self, plural: str, since: int) -> Iterator[Json]:
        """What a watch tells, until it is cut."""
        cuts = self._cuts
        if since < self.compacted:
            yield {"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}}
            return
        while True:
            with self.news:
                while self.version <= since and cuts == self._cuts:
                    self.news.wait()
                if cuts != self._cuts:
                    return
                fresh = [each for each in self.log if each.version > since]
                since = self.version
            for each in fresh:
                if each.plural == plural:
                    yield {"type": each.kind, "object": each.thing}


class Handler(BaseHTTPRequestHandler):
    server: WatchedServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlparse(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        plural, _, name = url.path.partition("/namespaces/")[2].partition("/")[2].partition("/")
        watch = query.get("watch") == "true"
        if not name:
            self.server.asked.append(f"{plural}{' watch' if watch else ''}")
        if self.server.down:
            self._answer(503, {"message": "down for now"})
        elif name:
            found = self.server.objects.get((plural, name))
            missing = {"message": f"{name} not found", "details": {"name": name}}
            self._answer(404 if found is None else 200, missing if found is None else found)
        elif watch:
            self._stream(plural, int(query["resourceVersion"]), query)
        else:
            chosen = [each for (of, _), each in self.server.objects.items() if of == plural]
            items = [each for each in chosen if _selected(each, query)]
            at = {"resourceVersion": str(self.server.version)}
            self._answer(200, {"metadata": at, "items": items})

    def _answer(self, code: int, body: Json) -> None:
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _stream(self, plural: str, since: int, query: dict[str, str]) -> None:
        """Each event as a chunk of its own, as an API server sends them."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in self.server.events(plural, since):
            if event["type"] == "ERROR" or _selected(event["object"], query):
                self._chunk(json.dumps(event).encode() + b"\n")
        self._chunk(b"")

    def _chunk(self, text: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(text), text))
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


def _selected(thing: Json, query: dict[str, str]) -> bool:
    metadata = thing["metadata"]
    labels = f"{LABEL_SWEEP_UID}={metadata.get('labels', {}).get(LABEL_SWEEP_UID)}"
    name = f"metadata.name={metadata['name']}"
    return query.get("labelSelector", labels) == labels and query.get("fieldSelector", name) == name


@contextmanager
def watched_server() -> Iterator[WatchedServer]:
    """One that answers."""
    with WatchedServer() as found:
        Thread(target=found.serve_forever, args=(0.02,), daemon=True).start()
        yield found
        found.cut()
        found.shutdown()
