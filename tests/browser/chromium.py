"""A Chromium without a screen, spoken to by its DevTools protocol."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import websocket

NAME = "chromium"
HOW_TO_INSTALL = f"needs {NAME} on PATH; on Debian: apt-get install {NAME}"
START = 60.0
"""Seconds that a browser may take to start, or a page to be ready."""

OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-debugging-port=0",
)


class Tab:
    """One page."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self._socket = socket
        self._last = 0
        self.errors: list[str] = []
        """Bad news that the console was told, and exceptions that nobody caught."""
        self.requests: list[str] = []
        """The addresses that were asked for."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> Any:
        """Have the browser do something, and wait for its answer."""
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            told = json.loads(self._socket.recv())
            if told.get("id") == self._last:
                assert "error" not in told, f"{method}: {told}"
                return told["result"]
            self._note(told)

    def _note(self, event: dict[str, Any]) -> None:
        told = event["params"]
        match event["method"]:
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(told["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if told["type"] in ("error", "assert", "warning"):
                self.errors.append(json.dumps(told["args"]))
            case "Log.entryAdded" if told["entry"]["level"] in ("error", "warning"):
                self.errors.append(json.dumps(told["entry"]))
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])

    def run(self, expression: str) -> Any:
        """The value of some JavaScript."""
        found = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until some JavaScript is true."""
        deadline = time.monotonic() + START
        while not self.run(f"Boolean({expression})"):
            assert time.monotonic() < deadline, f"still false: {expression}; {self.errors}"
            time.sleep(0.05)

    def open(self, file: Path) -> None:
        """Open a page, until its plots are drawn."""
        self.send("Page.navigate", url=file.resolve().as_uri())
        self.until("document.documentElement?.dataset.drawn")

    def visit(self, url: str, until: str) -> None:
        """Open a page of a server, until some JavaScript is true there."""
        self.send("Page.navigate", url=url)
        self.until(f"location.href === {json.dumps(url)} && ({until})")

    def looks(self, width: int, height: int, scheme: str) -> None:
        """Set the window's size, and whether people like it light or dark."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", features=features)

    def screenshot(self, file: Path) -> None:
        """Write what the window shows into a PNG."""
        found = self.send("Page.captureScreenshot")
        file.write_bytes(base64.b64decode(found["data"]))

    def print_to(self, file: Path) -> None:
        """Write what a printer would print into a PDF."""
        found = self.send("Page.printToPDF", printBackground=True)
        file.write_bytes(base64.b64decode(found["data"]))


@contextmanager
def opened(profile: Path) -> Iterator[Tab]:
    """A browser with one empty page. Its files are in a folder of its own."""
    program = shutil.which(NAME)
    assert program, HOW_TO_INSTALL
    command = [program, *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
    with (profile / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        socket = websocket.create_connection(_address(profile, process), suppress_origin=True)
        socket.settimeout(START)
        try:
            yield Tab(socket)
        finally:
            with suppress(websocket.WebSocketException, OSError):
                socket.close()
    finally:
        process.terminate()
        process.wait(START)


def _address(profile: Path, process: "subprocess.Popen[bytes]") -> str:
    """Where the page is spoken to: the browser writes its port into a file once it listens."""
    import urllib.request

    port = profile / "DevToolsActivePort"
    deadline = time.monotonic() + START
    while not port.exists() or not port.read_text():
        assert process.poll() is None, (profile / "log").read_text()
        assert time.monotonic() < deadline, (profile / "log").read_text()
        time.sleep(0.05)
    number = port.read_text().splitlines()[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{number}/json/list") as answer:
        pages = [each for each in json.load(answer) if each["type"] == "page"]
    return str(pages[0]["webSocketDebuggerUrl"])
