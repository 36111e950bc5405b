"""What there is to report: the Sweep and its SweepRuns, seen as the operator sees them.

Counts, points and the best are the operator's own account (planning.ledger), so that a page can't
say anything else than the sweep's status does.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from pydantic import JsonValue

from sweep_operator.api.objective import Goal
from sweep_operator.api.run import RunPhase
from sweep_operator.effects.observe import run_facts, time_of
from sweep_operator.planning.facts import RunFacts
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.points import Outcome, Point, outcome, yardstick_of

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """A run as recorded."""

    record: Json
    facts: RunFacts
    parameters: Mapping[str, JsonValue]
    """By dotted names."""

    @property
    def number(self) -> int:
        """Its number."""
        return self.facts.number

    @property
    def phase(self) -> RunPhase:
        """What has become of it."""
        return self.facts.phase

    @property
    def status(self) -> Json:
        """Its status, as stored."""
        return self.record.get("status") or {}

    def seconds(self, now: float) -> float | None:
        """How long it has taken from its first start, waiting for attempts included."""
        started = time_of(self.status.get("startTime"))
        if started is None:
            return None
        ended = self.facts.ended
        return max((now if ended is None else ended) - started, 0.0)


class Scored(NamedTuple):
    """A point that has a value; without repeats a point is a run."""

    number: int
    """The point's; that of the run without repeats."""
    run: Run
    """The first of its runs."""
    value: float
    """The mean of its runs'."""
    counts: bool
    """It may be the best: one that was stopped early may not."""


@dataclass(frozen=True)
class Results:
    """A sweep and those of its runs that are on record."""

    sweep: Json
    runs: Sequence[Run]
    """By number."""
    ledger: Ledger
    now: float

    @classmethod
    def of(cls, sweep: Json, records: Sequence[Json], now: float) -> "Results":
        """Take a Sweep and its SweepRuns as they come from the API server.

        Args:
            sweep: the Sweep.
            records: its SweepRuns, in any order.
            now: seconds since the epoch when they were read.
        """
        spec, status = sweep["spec"], sweep.get("status") or {}
        nesting = groups(spec)
        ledger = Ledger()
        ledger.judge_by(yardstick_of(spec))
        runs = []
        for record in sorted(records, key=lambda record: record["spec"]["number"]):
            facts = run_facts(record)
            ledger.put_run(facts)
            runs.append(Run(record, facts, flat(record["spec"]["parameters"], nesting)))
        ledger.use_up_to(status.get("lastNumber", 0))
        return cls(sweep, runs, ledger, now)

    @property
    def name(self) -> str:
        """The Sweep's."""
        return str(self.sweep["metadata"]["name"])

    @property
    def spec(self) -> Json:
        """Its spec, as stored: it may be one that can't be run."""
        spec: Json = self.sweep["spec"]
        return spec

    @property
    def status(self) -> Json:
        """Its status, as stored; empty before the operator has seen it."""
        return self.sweep.get("status") or {}

    @property
    def metric(self) -> str | None:
        """The name of its metric."""
        metric = self.spec.get("metric")
        return metric["name"] if metric else None

    @property
    def goal(self) -> str:
        """minimize or maximize."""
        return self.ledger.yardstick.goal or Goal.MINIMIZE

    @property
    def repeats(self) -> int:
        """How often each point is run."""
        return self.ledger.yardstick.repeats

    @property
    def thing(self) -> str:
        """What has a value of its own."""
        return "point" if self.repeats > 1 else "run"

    @cached_property
    def by_number(self) -> Mapping[int, Run]:
        """The runs by their numbers."""
        return {run.number: run for run in self.runs}

    @cached_property
    def best(self) -> Run | None:
        """The best run so far; with repeats, the first of the best point."""
        best = self.ledger.best
        return None if best is None else self.by_number[best.number]

    @cached_property
    def scored(self) -> Sequence[Scored]:
        """The points that have a value, by number."""
        return [
            self._scored(point, found)
            for point in self.ledger.points
            if self.metric is not None and (found := outcome(point)) is not None
        ]

    def loss(self, value: float) -> float:
        """A value such that lower is better."""
        return self.ledger.yardstick.loss(value)

    def point_of(self, run: Run) -> int:
        """The point that a run is of."""
        return self.ledger.point_of(run.number)

    def _scored(self, point: Point, found: Outcome) -> Scored:
        first = point.runs[0].number if found.first is None else found.first
        return Scored(point.number, self.by_number[first], found.value, found.first is not None)


def groups(spec: Json) -> frozenset[str]:
    """The parameters of a spec that have others below them."""
    entries = spec["parameters"].items()
    return frozenset(name for name, entry in entries if entry.get("parameters") is not None)


def flat(parameters: Json, nesting: Collection[str]) -> dict[str, JsonValue]:
    """Values under dotted names, as the program's arguments have them."""
    found: dict[str, JsonValue] = {}
    for name, value in parameters.items():
        if name in nesting and isinstance(value, dict):
            found |= {f"{name}.{nested}": below for nested, below in value.items()}
        else:
            found[name] = value
    return found
