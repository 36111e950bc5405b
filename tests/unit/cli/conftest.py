"""The command line, before an API server that says what it was told to say."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from tests.unit.cli.api_server import Server, named


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as found:
        Thread(target=found.serve_forever, args=(0.01,), daemon=True).start()
        named(tmp_path / "config", found.url)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        yield found
        found.shutdown()
