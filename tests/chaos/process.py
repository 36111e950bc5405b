"""The operator as a process of its own, started again whenever it ends, as the kubelet does."""

import asyncio
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import aiohttp
import yaml
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
BACK_OFF = 1.0
"""Seconds from a process' end to the next one's start; the kubelet takes longer."""


class Process:
    """Use as an async context manager: it runs in between.

    Args:
        kubeconfig: by which it reaches the API server.
        namespace: of its Lease.
        log: what it says, appended.
        arguments: more of the command line.
    """

    def __init__(self, kubeconfig: Path, namespace: str, log: Path, *arguments: str) -> None:
        self._port = free_port()
        self._command = (
            *(sys.executable, "-m", "sweep_operator.handlers.main"),
            *(f"--kubeconfig={kubeconfig}", f"--namespace={namespace}"),
            *(f"--health-port={self._port}", "--report-port=0", *arguments),
        )
        self._log = log
        self._running: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.starts = 0
        """How often it was started."""

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._keeper is not None
        self._keeper.cancel()
        with suppress(asyncio.CancelledError):
            await self._keeper

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._running.pid if self._running else None

    def kill(self) -> None:
        """Kill it, without a word."""
        if self._running is not None and self._running.returncode is None:
            self._running.kill()

    async def metrics(self) -> dict[str, float]:
        """What /metrics tells, each sum over all labels by name; empty where nobody answers."""
        found: dict[str, float] = {}
        timeout = aiohttp.ClientTimeout(total=5)
        with suppress(aiohttp.ClientError, TimeoutError):
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(f"http://127.0.0.1:{self._port}/metrics") as answer,
            ):
                text = await answer.text()
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    found[sample.name] = found.get(sample.name, 0.0) + sample.value
        return found

    async def _keep(self) -> None:
        path = os.pathsep.join((str(ROOT / "operator"), str(ROOT)))
        try:
            while True:
                with self._log.open("ab") as log:
                    self._running = await asyncio.create_subprocess_exec(
                        *self._command,
                        env={**os.environ, "PYTHONPATH": path},
                        stdin=asyncio.subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                    )
                self.starts += 1
                await self._running.wait()
                await asyncio.sleep(BACK_OFF)
        finally:
            self.kill()
            if self._running is not None:
                await self._running.wait()


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def server_of(kubeconfig: Path) -> tuple[str, int]:
    """Host and port of the API server that a kubeconfig names."""
    config = yaml.safe_load(kubeconfig.read_text())
    url = urlsplit(config["clusters"][0]["cluster"]["server"])
    assert url.hostname is not None
    return url.hostname, url.port or 443


def by_way_of(kubeconfig: Path, address: str, token: str, target: Path) -> Path:
    """Write a kubeconfig that leads to another address, with a token's rights; tell where it is."""
    config = yaml.safe_load(kubeconfig.read_text())
    for cluster in config["clusters"]:
        cluster["cluster"]["server"] = address
    for user in config["users"]:
        user["user"] = {"token": token}
    target.write_text(yaml.safe_dump(config))
    return target
