"""A sweep in optuna-dashboard, as a browser gets it: the command as it runs, and its answers."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

Json = dict[str, Any]

STUDY = "/api/studies/1"


class Page:
    """What a browser may ask."""

    def __init__(self, url: str) -> None:
        self.port = urlparse(url).port or 0

    def ask(
        self, path: str, method: str = "GET", host: str = "localhost", **body: Any
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Host": host, "Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()

    def get(self, path: str) -> Any:
        status, _, body = self.ask(path)
        assert status == 200, body
        return json.loads(body)

    def states(self) -> dict[int, str]:
        """Of all trials, by number."""
        return {trial["number"]: trial["state"] for trial in self.get(STUDY)["trials"]}

    def news(self) -> dict[str, str]:
        """The study's attributes."""
        return {each["key"]: each["value"] for each in self.get(STUDY)["user_attrs"]}


def counted(record: Json) -> float | None:
    """The value with which a run counts: one that was stopped early, with its best."""
    status = record["status"]
    if status.get("reason") == "EarlyTerminated":
        return status["progress"]["best"]
    return status.get("value")


def until(true: Callable[[], bool]) -> None:
    """Wait for something that comes by itself."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Opened(Page):
    """The command as it runs."""

    def __init__(self, sweep: str, kubeconfig: Path, errors: Path) -> None:
        with errors.open("wb") as file:
            command = [sys.executable, "-m", "sweep_operator.cli.main", "dashboard", sweep]
            self.process = subprocess.Popen(
                [*command, "--port", "0"],
                env=os.environ | {"KUBECONFIG": str(kubeconfig)},
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )
        assert self.process.stdout is not None
        self.errors = errors
        self.printed = self.process.stdout.readline()
        assert self.printed, errors.read_text()
        super().__init__(self.printed.split()[1])

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)

    def kill(self) -> None:
        """Whatever it does."""
        self.process.kill()
        self.process.communicate()
