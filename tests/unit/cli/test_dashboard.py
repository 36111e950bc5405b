"""`kubectl sweep dashboard`: optuna-dashboard's own JSON is what the records say."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.sweep_of_forty import sweep_of_forty
from tests.fakes.watched_server import WatchedServer, watched_server
from tests.unit.cli.api_server import named

Json = dict[str, Any]


class Opened:
    """The command, as it runs."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self.process = process
        self.printed = process.stdout.readline()
        self.url = self.printed.split()[1].partition("/dashboard/")[0]

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path) as answer:
            return json.load(answer)

    def end(self) -> tuple[int, str]:
        """Ctrl-C; the exit code, and what it has printed as errors."""
        self.process.send_signal(signal.SIGINT)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[WatchedServer]:
    with watched_server() as found:
        named(tmp_path / "config", found.url)
        yield found


@pytest.fixture
def opened(cluster: WatchedServer, tmp_path: Path) -> Iterator[Opened]:
    sweep, records = sweep_of_forty(12)
    cluster.put(sweep, *records)
    command = ["-m", "sweep_operator.cli.main", "dashboard", "lab/digits", "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, *command],
        env=os.environ | {"KUBECONFIG": str(tmp_path / "config")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield Opened(process)
    process.kill()
    process.communicate()


def test_it_says_where_it_is(opened: Opened) -> None:
    print(opened.printed)
    print(len(opened.get("/api/studies/1")["trials"]))
    print(opened.end())
