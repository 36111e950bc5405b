"""What a person sees while they wait: one line a step, as kind prints it, with how long it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_REMINDER_SECONDS = 15
"""How often a long step speaks where lines cannot be overwritten (a CI log)."""


class Step:
    """A step that is under way; `update` says how far it has come."""

    def __init__(self, what: str, stream: TextIO) -> None:
        self._what = what
        self._stream = stream
        self._start = self._spoken = time.monotonic()

    def begin(self) -> None:
        self._stream.write(f" • {self._what} ...{'' if self._stream.isatty() else chr(10)}")
        self._stream.flush()

    def update(self, progress: str) -> None:
        now = time.monotonic()
        line = f" • {self._what} ... {progress}, {duration(now - self._start)}"
        if self._stream.isatty():
            self._stream.write(f"\r{line}\x1b[K")
        elif now - self._spoken >= _REMINDER_SECONDS:
            self._spoken = now
            self._stream.write(f"{line}\n")
        self._stream.flush()

    def end(self, mark: str) -> None:
        restart = "\r" if self._stream.isatty() else ""
        clear = "\x1b[K" if self._stream.isatty() else ""
        took = duration(time.monotonic() - self._start)
        self._stream.write(f"{restart} {mark} {self._what}, {took}{clear}\n")
        self._stream.flush()


class Console:
    """Progress goes to standard error: standard output belongs to what a verb was asked for."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    def say(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()

    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        step = Step(what, self._stream)
        step.begin()
        try:
            yield step
        except BaseException:
            step.end("✗")
            raise
        step.end("✓")


def duration(seconds: float) -> str:
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
