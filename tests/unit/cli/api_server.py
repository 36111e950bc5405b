"""An API server for the command line's tests, which says what it was told to say."""

import gzip
import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qs, urlparse

import yaml

SWEEPS: Final = "/apis/sweep-operator.io/v1alpha1/namespaces/ml/sweeps"


def status(code: int, reason: str, message: str, **details: Any) -> tuple[int, Any]:
    body = {"kind": "Status", "reason": reason, "message": message, "code": code}
    return code, body | ({"details": details} if details else {})


def sweep(name: str, **spec: Any) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "ml",
        "uid": f"u-{name}",
        "generation": 1,
        "resourceVersion": "1",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return {
        "metadata": metadata,
        "spec": {"method": "random", **spec},
        "status": {"phase": "Running", "observedGeneration": 1, "runs": {"running": 2}},
    }


class Server(ThreadingHTTPServer):
    """It, on a port of this machine's own."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {}
        self.asked: list[tuple[str, str, Any]] = []
        self.queries: list[dict[str, list[str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def answer(self) -> None:
        url = urlparse(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        self.server.asked.append((self.command, url.path, body))
        self.server.queries.append(parse_qs(url.query))
        code, found = self.server.answers.get(
            (self.command, url.path), (404, "404 page not found\n")
        )
        text = found if isinstance(found, str) else json.dumps(found)
        content = text.encode()
        self.send_response(code)
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            content = gzip.compress(content)
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PATCH = do_POST = do_DELETE = answer  # noqa: N815 - the base class's names

    def log_message(self, *_: object) -> None:
        pass


def named(file: Path, url: str, user: Mapping[str, Any] = MappingProxyType({"token": "t"})) -> None:
    """A kubeconfig whose current context looks at the namespace ml."""
    context = {"cluster": "c", "user": "u", "namespace": "ml"}
    file.write_text(
        yaml.safe_dump(
            {
                "clusters": [{"name": "c", "cluster": {"server": url}}],
                "users": [{"name": "u", "user": dict(user)}],
                "contexts": [{"name": "here", "context": context}],
                "current-context": "here",
            }
        )
    )
