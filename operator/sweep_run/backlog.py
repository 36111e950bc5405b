"""What is still to be sent, bounded, and cut into batches. Only the sender's thread is here."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from sweep_run.report import Report

MOST_WAITING = 1_000
"""Reports. The operator keeps 100 of a run, but counts all of them, for early termination; so many
at once are no more than it takes from a program that was silent before."""

MOST_IN_BATCH = 500
MOST_BYTES = 256 * 1024
"""Bounds of one request."""


class Batch(NamedTuple):
    """What goes into one request."""

    size: int
    """How many reports it has."""
    body: bytes
    final: bool


class _Waiting(NamedTuple):
    rank: int
    """Which one it is of those with the same metrics, from 0."""
    report: Report


class _Numbered(NamedTuple):
    text: str
    final: bool


class Backlog:
    """Reports in the order in which they are sent.

    A report gets its sequence number when it is first put into a batch, and keeps it: the operator
    may have stored it although no answer came. Before that it may still be left out.
    """

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._waiting: list[_Waiting] = []
        self._numbered: list[_Numbered] = []
        self._sequence = 0
        # Another process of the same pod, before or after this one, numbers its own from 1.
        self._stream = secrets.token_hex(4)
        self._ranks: Counter[int] = Counter()
        self._batch_limit = MOST_IN_BATCH
        self.thinned = False
        """Whether any were left out, because they were too many."""

    def __bool__(self) -> bool:
        return bool(self._waiting or self._numbered)

    def add(self, reports: Iterable[Report]) -> None:
        """Add them at the end."""
        for report in reports:
            kind = hash(tuple(report.metrics)) % 1024  # bounded; a collision does no harm
            self._waiting.append(_Waiting(self._ranks[kind], report))
            self._ranks[kind] += 1
            if len(self._waiting) > self._most:
                self._thin()

    def add_first(self, report: Report) -> None:
        """Add one that comes before all others that have no number yet."""
        self._waiting.insert(0, _Waiting(0, report))

    def clear(self) -> None:
        """Give all up."""
        self._waiting.clear()
        self._numbered.clear()

    def batch(self) -> Batch:
        """The next batch; the same one until it is done or the limit is lowered."""
        if not self._numbered:
            self._number_some()
        texts: list[str] = []
        size = len("[]")
        for each in self._numbered[: self._batch_limit]:
            size += len(each.text) + len(",")  # as bytes: JSON here is ASCII
            if texts and size > MOST_BYTES:
                break
            texts.append(each.text)
        final = any(each.final for each in self._numbered[: len(texts)])
        return Batch(len(texts), f"[{','.join(texts)}]".encode(), final)

    def done(self, batch: Batch) -> None:
        """Forget a batch: it is stored, or never will be."""
        del self._numbered[: batch.size]

    def lower_limit(self, batch: Batch) -> None:
        """Make batches half as large as this one, which was too large."""
        self._batch_limit = max(1, batch.size // 2)

    def _number_some(self) -> None:
        """Give the first ones their sequence numbers; a final one comes by itself.

        Else it would be lost if something else in its batch were refused.
        """
        count = 0
        for _, report in self._waiting[:MOST_IN_BATCH]:
            if report.final and count:
                break
            self._sequence += 1
            text = report.to_json(self._stream, self._sequence)
            self._numbered.append(_Numbered(text, report.final))
            count += 1
            if report.final:
                break
        del self._waiting[:count]

    def _thin(self) -> None:
        """Leave out every second report of a kind, and again, until half of the room is free.

        So what stays is spread evenly over the time, and a rare kind of report isn't lost among
        frequent ones. The latest of each metric stays in any case.
        """
        self.thinned = True
        latest = {name: report.number for _, report in self._waiting for name in report.metrics}
        stays = set(latest.values())
        stride = 1
        while len(self._waiting) > self._most // 2 and stride <= 2**62:
            stride *= 2
            self._waiting = [
                each
                for each in self._waiting
                if each.rank % stride == 0 or each.report.number in stays or each.report.special
            ]
