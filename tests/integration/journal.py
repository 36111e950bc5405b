"""What an operator has sent and received, in the order in which it happened."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sweep_operator.api.names import LABEL_ATTEMPT, LABEL_RUN_NUMBER

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A request to the API server."""

    method: str
    path: str
    body: Any

    @property
    def writes(self) -> bool:
        """Whether it changes anything of the sweeps: reads and Leases don't."""
        return self.method != "GET" and "/leases" not in self.path

    @property
    def makes_run(self) -> bool:
        """Whether it makes a SweepRun."""
        return self.method == "POST" and self.path.endswith("/sweepruns")

    @property
    def makes_job(self) -> bool:
        """Whether it makes a Job."""
        return self.method == "POST" and self.path.endswith("/jobs")

    @property
    def attempt(self) -> tuple[int, int]:
        """The run and the attempt that a Job is made for."""
        labels = self.body["metadata"]["labels"]
        return int(labels[LABEL_RUN_NUMBER]), int(labels[LABEL_ATTEMPT])

    def __str__(self) -> str:
        return f"{self.method} {self.path.partition('/namespaces/')[2].partition('/')[2]}"


class Sent(NamedTuple):
    """A request leaves the operator."""

    at: float
    call: Call


class Answered(NamedTuple):
    """A request's answer is there."""

    at: float
    call: Call
    code: int


class Received(NamedTuple):
    """The operator takes a Sweep as it is now into its cache, by a watch or by an answer."""

    at: float
    sweep: Json


Entry = Sent | Answered | Received


@dataclass(slots=True)
class Journal:
    """The entries of one operator, or of several that follow each other. Times are monotonic."""

    entries: list[Entry] = field(default_factory=list)

    def sent(self, call: Call) -> None:
        """Take down that a request is sent."""
        self.entries.append(Sent(time.monotonic(), call))

    def answered(self, call: Call, code: int) -> None:
        """Take down that a request was answered."""
        self.entries.append(Answered(time.monotonic(), call, code))

    def received(self, sweep: Json) -> None:
        """Take down that a Sweep was received."""
        self.entries.append(Received(time.monotonic(), sweep))

    def calls(self) -> Iterator[Call]:
        """All that was sent."""
        return (entry.call for entry in self.entries if isinstance(entry, Sent))


def over_parallelism(entries: list[Entry]) -> Iterator[str]:
    """Jobs that were made with no slot free, by the parallelism last received.

    A run holds a slot from the moment its Job's creation is sent until its outcome is on record.
    """
    slots = 0
    active: set[int] = set()
    for entry in entries:
        if isinstance(entry, Received):
            slots = entry.sweep["spec"]["parallelism"]
        elif isinstance(entry, Sent) and entry.call.makes_job:
            number, _ = entry.call.attempt
            active.add(number)
            if len(active) > slots:
                yield f"{entry.call.body['metadata']['name']}: {len(active)} > {slots}"
        elif isinstance(entry, Answered) and entry.code == 200 and records_outcome(entry.call):
            active.discard(int(entry.call.path.removesuffix("/status").rpartition("-")[2]))


def records_outcome(call: Call) -> bool:
    """Whether a write says how a run's newest attempt ended."""
    if call.method != "PATCH" or "/sweepruns/" not in call.path:
        return False
    attempts = list(call.body["status"].get("attempts") or ())
    return bool(attempts) and "outcome" in attempts[-1]
