"""A real HTTP server that takes reports as docs/reporting.md says, and fails as a test wants.

Requests are read, and numbered, by the operator's own functions.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from sweep_operator.planning.reports import Numbered, ReportError, numbered, read_reports

LARGEST_BODY = 256 * 1024
TOKEN = "of-this-pod"


class Fault(NamedTuple):
    """What the server does to one request instead of what is right."""

    status: int = 0
    """With which it answers; 0: not at all, it hangs up."""
    headers: Mapping[str, str] = MappingProxyType({})
    stored: bool = False
    """Whether it takes the reports nevertheless: the answer was lost."""
    until: threading.Event | None = None
    """Before which it does nothing."""
    body: bytes = b'{"error": "as the test wants"}'


@dataclass
class Service:
    """What the server was told; any thread may look."""

    folder: Path
    token: str = TOKEN
    stop: bool = False
    largest_body: int = LARGEST_BODY
    faults: deque[Fault] = field(default_factory=deque)
    """One for each of the next requests."""
    bodies: list[bytes] = field(default_factory=list)
    """Of all requests, refused ones too."""
    stored: list[Numbered] = field(default_factory=list)
    streams: dict[str, int] = field(default_factory=dict)
    """The last number of each process."""
    preempting: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)
    url: str = ""

    @property
    def token_file(self) -> Path:
        return self.folder / "token"

    @property
    def env(self) -> dict[str, str]:
        """What the operator puts into the program's environment."""
        return {
            "SWEEP_PARAMETERS": '{"epochs": 3, "learning_rate": 0.1, "optimizer": {"lr": 0.2}}',
            "SWEEP_NAME": "digits",
            "SWEEP_NAMESPACE": "ml",
            "SWEEP_RUN_ID": "digits-7",
            "SWEEP_RUN_NUMBER": "7",
            "SWEEP_ATTEMPT": "2",
            "SWEEP_REPORT_URL": self.url,
            "SWEEP_TOKEN_FILE": str(self.token_file),
            "SWEEP_TERMINATION_LOG": str(self.folder / "termination-log"),
        }

    def told(self, metric: str) -> list[float]:
        """All values of a metric on record, in order."""
        return [report.metrics[metric] for report in self.stored if metric in report.metrics]

    @property
    def sequences(self) -> list[list[int]]:
        """Of each request, in order."""
        return [[report["sequence"] for report in json.loads(body)] for body in self.bodies]

    @property
    def result(self) -> dict[str, float]:
        """The final metrics."""
        return {k: v for report in self.stored if report.final for k, v in report.metrics.items()}

    def wait(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait until a condition holds that a request may make true."""
        with self.changed:
            assert self.changed.wait_for(condition, seconds), "it never came to that"

    def answer(self, bearer: str, body: bytes) -> Fault:
        """What the protocol says."""
        with self.changed:
            self.bodies.append(body)
            fault = self.faults.popleft() if self.faults else None
            self.changed.notify_all()
        if fault and fault.until:
            fault.until.wait(20)
        if fault and not fault.stored:
            return fault
        with self.changed:
            right = self._right(bearer, body)
            self.changed.notify_all()
        return fault or right

    def _right(self, bearer: str, body: bytes) -> Fault:
        if bearer != f"Bearer {self.token}":
            return Fault(401)
        if len(body) > self.largest_body:
            return Fault(413)
        try:
            reports = read_reports(body)
        except ReportError as error:
            return Fault(400, body=json.dumps({"error": str(error)}).encode())
        news, self.streams = numbered(reports, self.streams)
        self.stored += news
        self.preempting = self.preempting or any(report.preempting for report in reports)
        return Fault(200, body=json.dumps({"stop": self.stop}).encode())


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = service.answer(self.headers["Authorization"] or "", body)
            if not answer.status:
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that has gone away is what some tests are about."""


@contextmanager
def serving(service: Service, port: int = 0) -> Iterator[Service]:
    """Answer on this machine until the context ends."""
    server = _Server(("127.0.0.1", port), _handler(service))
    service.url = f"http://127.0.0.1:{server.server_port}/v1/reports"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
