"""Operators as real processes: killed by SIGKILL, put to sleep by SIGSTOP, given a false clock.

One process imports everything once, and each operator is forked from it before there is a loop or a
thread: a start costs milliseconds rather than seconds of a processor.
"""

import asyncio
import itertools
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple, Self

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from tests.integration.watches import Watches

from sweep_operator.api import paths
from sweep_operator.effects.api import Api, ApiError
from sweep_operator.handlers import controller, main
from sweep_operator.handlers.controller import LEASE
from sweep_operator.planning.times import seconds

Json = Mapping[str, Any]

EXITED_WITHIN = 10.0
"""Seconds that the kernel may take to end a process."""

BACK_OFF = 1.0
"""Seconds from a kept process' end to the next one's start; the kubelet takes longer."""


class Clock(NamedTuple):
    """A wall clock that is wrong."""

    offsets: Sequence[float]
    """Seconds by which it is wrong, one after the other."""
    each: float = 1.0
    """Seconds until it jumps to the next, by the monotonic clock."""

    def time(self, truth: float, monotonic: float) -> float:
        """What it shows."""
        return truth + self.offsets[int(monotonic / self.each) % len(self.offsets)]


class User(NamedTuple):
    """Somebody as whom an operator asks the API server."""

    kubeconfig: str
    token: str = ""
    """Its number, where the audit log names it."""


class Setup(NamedTuple):
    """What an operator's process is told at its start."""

    name: str
    lease: str
    log: str
    clock: Clock | None
    arguments: Sequence[str]
    """Of the command line."""


def live(setup: Setup) -> None:
    """Be an operator, until killed or without the leadership."""
    log = os.open(setup.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ["POD_NAME"] = setup.name
    if setup.clock is not None:
        time.time = _wrong(setup.clock, time.time, time.monotonic)
        main.Controller = partial(controller.Controller, wall=time.time)
    controller.LEASE = setup.lease
    sys.argv = [main.__name__, *setup.arguments]
    sys.modules["__main__"] = main  # which the processes that search start with
    main.main()


def _wrong(
    clock: Clock, truth: Callable[[], float], monotonic: Callable[[], float]
) -> Callable[[], float]:
    return lambda: clock.time(truth(), monotonic())


@dataclass(eq=False)
class Operator:
    """One process."""

    name: str
    process: BaseProcess
    user: User
    clock: Clock | None

    @property
    def alive(self) -> bool:
        """Whether it hasn't ended."""
        return self.process.is_alive()

    def kill(self) -> None:
        """Kill it without a word of warning; on return it is certainly dead."""
        self.process.kill()
        self.process.join(EXITED_WITHIN)
        assert not self.alive, f"{self.name} outlives SIGKILL"

    async def ended(self) -> None:
        """Wait for its end."""
        ended = asyncio.Event()
        loop, end = asyncio.get_running_loop(), self.process.sentinel
        loop.add_reader(end, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(end)

    def stop(self) -> None:
        """Have it do nothing from now on, as a machine that sleeps."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Have it go on, as if no time had passed."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)


class Operators:
    """Starts operators, and ends those that are left. Use as a context manager.

    Args:
        users: as whom they ask, one after the other; all may do what an operator does.
        logs: a folder.
    """

    def __init__(self, users: Iterable[User], logs: Path) -> None:
        self._users = iter(users)
        self._logs = logs
        self._context = _context()
        self._numbers = itertools.count(1)
        self.all: list[Operator] = []

    def __enter__(self) -> Self:
        # Whoever starts the first waits for the imports: here, where no request is under way.
        first = self._context.Process(target=int)
        first.start()
        first.join()
        return self

    def __exit__(self, *_: object) -> None:
        for operator in self.all:
            if operator.alive:
                operator.kill()

    def start(
        self,
        namespace: str,
        lease: str = LEASE,
        clock: Clock | None = None,
        *,
        alone: bool = True,
        health_port: int = 0,
    ) -> Operator:
        """Start another.

        Args:
            namespace: where the Lease is.
            lease: its name.
            clock: a wrong one.
            alone: whether it runs the sweeps of that namespace alone, rather than of all.
            health_port: where it tells its metrics; 0 for nowhere.
        """
        name = f"operator-{next(self._numbers)}"
        user = next(self._users)
        log = str(self._logs / f"{namespace}.log")
        arguments = (
            *(f"--kubeconfig={user.kubeconfig}", f"--namespace={namespace}"),
            *(f"--health-port={health_port}", "--report-port=0"),
            *((f"--watch-namespaces={namespace}",) if alone else ()),
        )
        setup = Setup(name, lease, log, clock, arguments)
        process = self._context.Process(target=live, args=(setup,), name=name)
        process.start()
        made = Operator(name, process, user, clock)
        self.all.append(made)
        return made

    def led_by(self, holder: str) -> Operator | None:
        """The operator that a Lease names."""
        name = holder.partition("_")[0]
        return next((each for each in self.all if each.name == name), None)


class Kept:
    """An operator that is started again whenever it ends, as the kubelet does.

    Use as an async context manager: it runs in between.

    Args:
        operators: starts it.
        namespace: of its Lease.
        alone: whether it runs the sweeps of that namespace alone.
    """

    def __init__(self, operators: Operators, namespace: str, alone: bool = False) -> None:
        self._port = free_port()
        self._start = partial(operators.start, namespace, alone=alone, health_port=self._port)
        self._operator: Operator | None = None
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
        if self._operator is not None and self._operator.alive:
            self._operator.kill()

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._operator.process.pid if self._operator else None

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
        while True:
            self._operator = self._start()
            self.starts += 1
            await self._operator.ended()
            await asyncio.sleep(BACK_OFF)


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _context() -> ForkServerContext:
    """What forks; its server has only the standard path, so it is told where modules are."""
    context = multiprocessing.get_context("forkserver")
    # The program that runs the tests is run by each child as well, so what it imports is here too.
    context.set_forkserver_preload([__name__, "pytest"])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    return context


class Lease(Watches):
    """The Lease of one installation, watched. Use as an async context manager."""

    def __init__(self, api: Api, namespace: str) -> None:
        super().__init__(api, {paths.leases(namespace): self})
        self.api = api
        self.namespace = namespace
        self.holder = ""
        self.farthest = 0.0
        """Seconds by which the clock of any who held it was wrong."""
        self.changed = asyncio.Event()

    def put(self, lease: Json) -> None:
        """Take in who holds it."""
        written = seconds(lease["spec"]["renewTime"])
        self.farthest = max(self.farthest, abs(time.time() - written))
        self._held_by(lease["spec"].get("holderIdentity") or "")

    def drop(self, lease: Json) -> None:
        """Take in that it is gone."""
        self._held_by("")

    def keep_only(self, names: set[tuple[str, str]], version: int) -> None:
        """Take in that it is gone, if it is."""
        if not names:
            self._held_by("")

    async def until_held(self, by_other_than: str = "", within: float = 60) -> str:
        """Wait until somebody holds it; tell who."""
        async with asyncio.timeout(within):
            while self.holder in ("", by_other_than):
                self.changed.clear()
                await self.changed.wait()
        return self.holder

    async def give(self, holder: str) -> None:
        """Say who holds it: nobody, or somebody who has never asked for it."""
        path = paths.leases(self.namespace, LEASE)
        await self.api.patch(path, {"spec": {"holderIdentity": holder}})

    async def delete(self) -> None:
        """Delete it."""
        try:
            await self.api.delete(paths.leases(self.namespace, LEASE), {})
        except ApiError as error:
            if error.code != 404:
                raise

    def _held_by(self, holder: str) -> None:
        if holder != self.holder:
            self.holder = holder
            self.changed.set()
