"""optuna-dashboard for one study that can only be looked at, on this machine alone.

It is left as it is, but for what would be wrong here: what it offers to write is refused, and a
page begins anew where what Optuna takes for finished has changed. Must know nothing of clusters.
"""

import json
import sys
from collections.abc import Callable, Iterable
from importlib.resources import files
from socketserver import TCPServer, ThreadingMixIn
from threading import Lock
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from sweep_operator.client.errors import ClientError
from sweep_operator.report.study import READ_ONLY, STUDY, SweepStudy

HOST: Final = "127.0.0.1"
OWN_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
"""How a browser on this machine may call it. A page of another site that has its name lead here,
to read what it may not, calls it by that name."""

PAGE: Final = f"/dashboard/studies/{STUDY}"
SCRIPT: Final = "/sweep.js"

DRAWN_HERE: Final = f"/api/studies/{STUDY}/plot/"
"""For 10,000 runs that takes minutes, and more than a gigabyte."""

TAKEN_BACK: Final = "Sweep-Taken-Back"

Environment = dict[str, Any]
Headers = list[tuple[str, str]]
Start = Callable[..., Any]
App = Callable[[Environment, Start], Iterable[bytes]]


class Dashboard:
    """A WSGI application."""

    def __init__(self, study: SweepStudy) -> None:
        self._study = study
        self._lock = Lock()
        self._made: tuple[int, App] | None = None

    def __call__(self, environment: Environment, start: Start) -> Iterable[bytes]:
        """Answer a request."""
        path: str = environment["PATH_INFO"]
        if _host(environment) not in OWN_NAMES:
            return _refused(start, f"this page is {' or '.join(OWN_NAMES)} to who may see it")
        if environment["REQUEST_METHOD"] != "GET":
            return _refused(start, READ_ONLY)
        if path.startswith(DRAWN_HERE):
            return _refused(start, "plots are drawn by the browser")
        if path in ("", "/"):
            return _answer(start, "302 Found", [("Location", PAGE)], b"")
        if path == SCRIPT:
            kind = ("Content-Type", "text/javascript; charset=utf-8")
            return _answer(start, "200 OK", [kind], _script())
        taken_back = self._study.taken_back  # before anything is read
        app = self._app(taken_back)

        def marked(status: str, headers: Headers, *more: Any) -> Any:
            return start(status, [*headers, (TAKEN_BACK, str(taken_back))], *more)

        if path.startswith("/dashboard"):
            return _changed(app, environment, marked, _with_script)
        if path == "/api/meta":
            return _changed(app, environment, marked, _drawn_by_the_browser)
        return app(environment, marked)

    def _app(self, taken_back: int) -> App:
        """optuna-dashboard, which remembers finished trials: a new one where they have changed."""
        from optuna_dashboard import wsgi  # noqa: PLC0415 - not all have it

        with self._lock:
            if self._made is None or self._made[0] != taken_back:
                self._made = taken_back, wsgi(self._study)
            return self._made[1]


class Server(ThreadingMixIn, WSGIServer):
    """It, on a port of this machine's own."""

    daemon_threads = True

    def __init__(self, port: int, study: SweepStudy) -> None:
        try:
            super().__init__((HOST, port), _Quiet)
        except OSError as error:
            why = error.strerror or str(error)
            raise ClientError(
                f"port {port} can't be had ({why}): name another by --port, or 0 for any"
            ) from error
        self.set_app(Dashboard(study))

    def server_bind(self) -> None:
        """Without asking for this machine's name, which may take a while."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser may go away in the middle; anything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """Of the page."""
        return f"http://{HOST}:{self.server_port}{PAGE}"


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        pass


def _host(environment: Environment) -> str:
    """What the browser takes this for, without the port: an ssh tunnel may have another."""
    name: str = environment.get("HTTP_HOST", "")
    return name.rpartition(":")[0] if name[-1:].isdigit() and ":" in name else name


def _changed(
    app: App, environment: Environment, start: Start, change: Callable[[bytes], bytes]
) -> Iterable[bytes]:
    """An answer with another body."""
    told: list[tuple[str, Headers]] = []
    body = b"".join(app(environment, lambda status, headers, *_: told.append((status, headers))))
    ((status, headers),) = told
    return _answer(start, status, headers, change(body) if body else b"")


def _with_script(page: bytes) -> bytes:
    return page.replace(b"</head>", f'<script src="{SCRIPT}"></script></head>'.encode(), 1)


def _drawn_by_the_browser(meta: bytes) -> bytes:
    """The page isn't to offer that plots are drawn here."""
    return json.dumps(json.loads(meta) | {"plotlypy_is_available": False}).encode()


def _script() -> bytes:
    return files(__package__).joinpath("dashboard.js").read_bytes()


def _answer(start: Start, status: str, headers: Headers, body: bytes) -> Iterable[bytes]:
    kept = [each for each in headers if each[0].lower() != "content-length"]
    start(status, [*kept, ("Content-Length", str(len(body)))])
    return [body]


def _refused(start: Start, reason: str) -> Iterable[bytes]:
    told = json.dumps({"reason": reason}).encode()
    return _answer(start, "403 Forbidden", [("Content-Type", "application/json")], told)
