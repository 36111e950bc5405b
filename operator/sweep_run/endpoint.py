"""One request to the operator, and its answer."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

LARGEST_ANSWER = 64 * 1024


class Answer(NamedTuple):
    """What the operator says to a request."""

    status: int
    stop: bool
    """Whether the run is to end."""
    error: str
    """What is wrong, in a sentence; empty when nothing is."""
    retry_after: float
    """For how long to wait before the next try, in seconds; 0 when nothing was said."""


class Endpoint:
    """Where reports go.

    Plain http.client: it follows no redirection with a token in its hands, and takes no notice of a
    proxy in the environment, which is for the world outside of the cluster.
    """

    def __init__(self, url: str, token_file: str, timeout: float, ca_file: str = "") -> None:
        """Take note of them; nothing is opened yet.

        Args:
            url: http or https.
            token_file: read anew for each request, as the token is replaced now and then.
            timeout: for connecting and for each wait for an answer, in seconds.
            ca_file: the authority that an https URL is verified by; empty for those known here.
        """
        self.url = url
        self._token_file = token_file
        self._timeout = timeout
        self._ca_file = ca_file

    def post(self, body: bytes) -> Answer:
        """Send JSON.

        Raises:
            OSError: no connection, no answer in time, or no token to read.
            http.client.HTTPException: what answered doesn't speak HTTP.
            ValueError: the URL is none, or a 200 isn't the operator's.
        """
        headers = {
            "Authorization": f"Bearer {self._token()}",
            "Content-Type": "application/json",
            "User-Agent": "sweep_run",
        }
        url = urlsplit(self.url)
        if not url.hostname:
            raise ValueError("SWEEP_REPORT_URL isn't a URL")
        connection = self._connection(url.scheme, url.hostname, url.port)
        try:
            target = (url.path or "/") + (f"?{url.query}" if url.query else "")
            connection.request("POST", target, body, headers)
            response = connection.getresponse()
            text = response.read(LARGEST_ANSWER)
            return _answer(response.status, text, response.getheader("Retry-After") or "")
        finally:
            connection.close()

    def _connection(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        if scheme != "https":
            return http.client.HTTPConnection(host, port, timeout=self._timeout)
        import ssl  # noqa: PLC0415  # not every Python has it

        context = ssl.create_default_context(cafile=self._ca_file or None)
        return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)

    def _token(self) -> str:
        if not self._token_file:
            raise OSError("SWEEP_TOKEN_FILE isn't set")
        return Path(self._token_file).read_text(encoding="ascii").strip()


def _answer(status: int, text: bytes, retry_after: str) -> Answer:
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        if status == http.client.OK:  # not the operator, so nothing is stored
            raise ValueError(f"status 200 with a body that isn't a JSON object: {text[:40]!r}")
        fields = {}
    error = str(fields.get("error", ""))
    seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
    return Answer(status, fields.get("stop") is True, error, seconds)
