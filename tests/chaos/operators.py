"""Operators as real processes: killed by SIGKILL, put to sleep by SIGSTOP, given a false clock.

One process imports everything once, and each operator is forked from it before there is a loop or a
thread: a start costs milliseconds rather than seconds of a processor.
"""

import asyncio
import itertools
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple, Self

from sweep_operator.api import paths
from sweep_operator.effects.api import Api, ApiError
from sweep_operator.effects.reflector import Reflector
from sweep_operator.handlers import controller, main
from sweep_operator.handlers.controller import LEASE
from sweep_operator.handlers.logs import set_up
from sweep_operator.planning.times import seconds

Json = Mapping[str, Any]

EXITED_WITHIN = 10.0
"""Seconds that the kernel may take to end a process."""


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
    kubeconfig: str
    lease: str
    namespace: str
    log: str
    clock: Clock | None


def live(setup: Setup) -> None:
    """Be an operator, until killed or without the leadership."""
    log = os.open(setup.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ["POD_NAME"] = setup.name
    if setup.clock is not None:
        time.time = _wrong(setup.clock, time.time, time.monotonic)
        main.Controller = partial(controller.Controller, wall=time.time)
    set_up("text", "info")
    controller.LEASE = setup.lease
    asyncio.run(main.run(setup.kubeconfig, setup.namespace, 0, 0, None, (setup.namespace,)))


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

    def start(self, namespace: str, lease: str = LEASE, clock: Clock | None = None) -> Operator:
        """Start another.

        Args:
            namespace: whose sweeps it runs, and where the Lease is.
            lease: its name.
            clock: a wrong one.
        """
        name = f"operator-{next(self._numbers)}"
        user = next(self._users)
        log = str(self._logs / f"{namespace}.log")
        setup = Setup(name, user.kubeconfig, lease, namespace, log, clock)
        process = self._context.Process(target=live, args=(setup,), name=name)
        process.start()
        made = Operator(name, process, user, clock)
        self.all.append(made)
        return made

    def led_by(self, holder: str) -> Operator | None:
        """The operator that a Lease names."""
        name = holder.partition("_")[0]
        return next((each for each in self.all if each.name == name), None)


def _context() -> ForkServerContext:
    """What forks; its server has only the standard path, so it is told where modules are."""
    context = multiprocessing.get_context("forkserver")
    # The program that runs the tests is run by each child as well, so what it imports is here too.
    context.set_forkserver_preload([__name__, "pytest"])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    return context


@dataclass(eq=False)
class Lease:
    """The Lease of one installation, watched. Use as an async context manager."""

    api: Api
    namespace: str
    holder: str = ""
    farthest: float = 0.0
    """Seconds by which the clock of any who held it was wrong."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _watching: "asyncio.Task[None] | None" = None

    async def __aenter__(self) -> Self:
        leases = Reflector(self.api, paths.leases(self.namespace), self, clock=time.monotonic)
        self._watching = asyncio.create_task(leases.run())
        await leases.synced.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._watching is not None
        self._watching.cancel()
        await asyncio.wait([self._watching])

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
