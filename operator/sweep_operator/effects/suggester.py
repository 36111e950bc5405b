"""Suggestions of methods that learn, made in processes of their own.

A fit takes seconds of a processor and runs code of others, which may hang or take its process
along. Neither may hold up other sweeps, so it happens elsewhere, has a limit, and is started anew.
"""

import asyncio
import multiprocessing
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from sweep_operator.effects.metrics import Metrics
from sweep_operator.search import METHODS, Space, SpaceError
from sweep_operator.search.method import Observation, Parameters, Pending

LIMIT = 60.0
"""Seconds for one suggestion."""

WORKERS = 2
"""Processes, each for another namespace: one whose searches take long holds up no other's. Each
costs some 60 MiB, and the second is started only when two namespaces ask at the same time."""


class SuggestionError(Exception):
    """No suggestion came; the message says why, and it may be tried again."""


class Question(NamedTuple):
    """All that a suggestion depends on."""

    method: str
    space: Space
    seed: int
    number: int
    observations: Sequence[Observation]
    pending: Sequence[Pending]


def answer(question: Question) -> Parameters | None:
    """The parameters of a run; None where the space is exhausted."""
    return METHODS[question.method].suggest(
        question.space,
        question.seed,
        question.number,
        question.observations,
        question.pending,
    )


Answer = Callable[[Question], Parameters | None]


class Suggester:
    """Answers questions, in worker processes where the method learns.

    Args:
        limit: seconds for one suggestion.
        workers: processes at a time; they are started when they are needed.
        answer: what a process does with a question.
        metrics: is told how long each suggestion takes.
    """

    def __init__(
        self,
        *,
        limit: float = LIMIT,
        workers: int = WORKERS,
        answer: Answer = answer,
        metrics: Metrics | None = None,
    ) -> None:
        self._limit = limit
        self._metrics = metrics or Metrics()
        self._workers = [_Worker(answer) for _ in range(workers)]
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """By namespace: of each, one question at a time is under way."""
        self._free: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()  # one that runs comes first
        for worker in self._workers:
            self._free.put_nowait(worker)

    async def suggest(self, question: Question, namespace: str = "") -> Parameters | None:
        """The parameters of a run; None where the space is exhausted.

        Args:
            question: what they depend on.
            namespace: whose sweep it is.

        Raises:
            SuggestionError: the process died, took too long, or found no answer.
            SpaceError: there is next to nothing to suggest.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            if not METHODS[question.method].learns:
                return answer(question)
            async with self._turns.setdefault(namespace, asyncio.Lock()):
                return await self._ask(question)
        finally:
            self._metrics.suggested(question.method, clock() - began)

    async def _ask(self, question: Question) -> Parameters | None:
        worker = await self._free.get()
        try:
            return await asyncio.to_thread(worker.ask, question, self._limit)
        finally:
            self._free.put_nowait(worker)

    def close(self) -> None:
        """End the processes, whatever they are at."""
        for worker in self._workers:
            worker.stop()


class _Worker:
    """One process, started when first asked and again after its end."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._stopping = threading.Lock()  # an end from outside, while a question is under way
        self._process: BaseProcess | None = None
        self._pipe: Connection[Any, Any] | None = None

    def ask(self, question: Question, limit: float) -> Parameters | None:
        """Ask, and wait for the answer."""
        pipe = self._pipe if self._process and self._process.is_alive() else None
        if pipe is None:
            pipe = self._start()
        try:
            pipe.send(question)
            if not pipe.poll(limit):
                self.stop()
                raise SuggestionError(
                    f"the search ({question.method}) took more than {limit:g} s for run "
                    f"{question.number}"
                )
            problem, found = pipe.recv()
            if isinstance(problem, SpaceError):
                raise problem
        except (OSError, EOFError) as error:
            self.stop()
            raise SuggestionError(f"the search ({question.method})'s process died") from error
        if problem:
            raise SuggestionError(f"the search ({question.method}) failed: {problem}")
        parameters: Parameters | None = found
        return parameters

    def stop(self) -> None:
        """End the process, whatever it is at."""
        with self._stopping:
            if self._process is not None:
                self._process.kill()
                self._process.join()
            if self._pipe is not None:
                self._pipe.close()
            self._process = self._pipe = None

    def _start(self) -> "Connection[Any, Any]":
        self.stop()
        # Not forked: a fork of a process with threads and connections may hang.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self._answer), daemon=True)
        process.start()
        theirs.close()  # so that its end is seen
        self._process, self._pipe = process, ours
        return ours


def _work(pipe: "Connection[Any, Any]", answer: Answer) -> None:
    """What the process does: answer until nobody asks any more."""
    while True:
        try:
            question: Question = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(("", answer(question)))
        except SpaceError as error:
            pipe.send((error, None))
        except BaseException as error:  # noqa: BLE001 (a native library's panic isn't an Exception)
            pipe.send((f"{type(error).__name__}: {error}"[:500], None))
