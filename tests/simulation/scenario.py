"""What a simulation is of: a sweep, a cluster, and what befalls both. All of it from a seed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import Any, NamedTuple

from tests.simulation.cluster import Nodes
from tests.simulation.weather import Kind, Storm

TROUBLE = 60.0
"""Seconds for which things go wrong; then all is calm."""


class Act(StrEnum):
    """What somebody does."""

    KILL = "the operator is killed"
    RESTART = "the operator is told to end"
    SLEEP = "the operator's process is stopped for a while"
    SKEW = "the operator's wall clock jumps"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    CANCEL = "cancel"
    PARALLELISM = "another parallelism"
    RAISE = "a higher cap"
    RERUN = "failed runs again"
    EVICT = "a pod is evicted"
    DELETE_POD = "a pod is deleted by hand"
    DELETE_JOB = "a Job is deleted by hand"
    DELETE_RUN = "a run is deleted by hand"
    RECREATE = "the sweep is deleted and made again under its name"


class Blow(NamedTuple):
    """One act.

    Attributes:
        at: seconds since the start.
        act: what.
        draw: from 0 to 1: which one, how long, how much.
    """

    at: float
    act: Act
    draw: float


WEIGHTS = {
    Act.KILL: 6,
    Act.RESTART: 2,
    Act.SLEEP: 2,
    Act.SKEW: 1,
    Act.PAUSE: 4,
    Act.RESUME: 5,
    Act.STOP: 1,
    Act.CANCEL: 1,
    Act.PARALLELISM: 3,
    Act.RAISE: 2,
    Act.RERUN: 2,
    Act.EVICT: 4,
    Act.DELETE_POD: 2,
    Act.DELETE_JOB: 2,
    Act.DELETE_RUN: 2,
    Act.RECREATE: 1,
}


@dataclass(frozen=True)
class Scenario:
    """One simulation, as data: the same one runs the same way each time."""

    seed: int
    runs: int
    parallelism: int
    replicas: int
    max_failures: int | None
    max_retries: int
    nodes: Nodes
    storms: tuple[Storm, ...]
    blows: tuple[Blow, ...]

    @classmethod
    def of(cls, seed: int) -> "Scenario":
        """Draw one. Each is of few kinds of trouble, so that these come often and meet."""
        chance = Random(seed)
        kinds = chance.sample(list(Kind), chance.choice((0, 1, 1, 2, 2, 3)))
        acts = chance.sample(list(Act), chance.randint(1, 5))
        storms = [_storm(chance, kind) for kind in kinds for _ in range(chance.randint(1, 3))]
        blows = chance.choices(acts, [WEIGHTS[act] for act in acts], k=chance.randint(0, 12))
        return cls(
            seed=seed,
            runs=chance.randint(1, 7),
            parallelism=chance.randint(1, 4),
            replicas=chance.choice((1, 1, 2)),
            max_failures=chance.choice((None, None, None, 1, 3)),
            max_retries=chance.choice((0, 0, 1)),
            nodes=Nodes(
                failing=chance.choice((0.0, 0.0, 0.3)),
                lasts=chance.choice((0.5, 5.0, 40.0)),
                waits=chance.choice((0.1, 2.0, 20.0)),
                slow_garbage=chance.choice((0.1, 20.0)),
                slow_jobs=chance.choice((0.3, 0.3, 5.0)),
                stuck=chance.choice((0.0, 0.0, 0.2)),
            ),
            storms=tuple(storms),
            blows=tuple(
                sorted(Blow(TROUBLE * chance.random(), act, chance.random()) for act in blows)
            ),
        )

    def smaller(self) -> Iterator["Scenario"]:
        """Scenarios with less in them, the boldest cuts first."""
        for name in ("blows", "storms"):
            parts = getattr(self, name)
            size = len(parts)
            while size:
                for start in range(0, len(parts), size):
                    yield replace(self, **{name: parts[:start] + parts[start + size :]})
                size //= 2
        plain: dict[str, Any] = {
            "replicas": 1,
            "parallelism": 1,
            "max_failures": None,
            "max_retries": 0,
        }
        for name, value in plain.items():
            if getattr(self, name) != value:
                yield replace(self, **{name: value})
        for runs in range(1, self.runs):
            yield replace(self, runs=runs)
        calm = {"failing": 0.0, "stuck": 0.0, "slow_garbage": 0.1, "slow_jobs": 0.3, "waits": 0.1}
        for name, rate in calm.items():
            if getattr(self.nodes, name) != rate:
                yield replace(self, nodes=replace(self.nodes, **{name: rate}))

    def __str__(self) -> str:
        policy = f"maxFailures {self.max_failures}, maxRetries {self.max_retries}"
        size = f"{self.runs} runs, {self.parallelism} at a time, {self.replicas} operators"
        lines = [f"seed {self.seed}: {size}, {policy}", f"  {self.nodes}"]
        for storm in self.storms:
            when = f"{storm.begins:.1f} to {storm.ends:.1f} s"
            lines.append(f"  {when}: {storm.kind} ({storm.rate:.0%})")
        lines += [f"  {blow.at:.1f} s: {blow.act} ({blow.draw:.2f})" for blow in self.blows]
        return "\n".join(lines)


def _storm(chance: Random, kind: Kind) -> Storm:
    begins = TROUBLE * chance.random()
    lasts = chance.choice((2.0, 10.0, 40.0))
    return Storm(kind, begins, min(begins + lasts, TROUBLE), chance.choice((0.1, 0.5, 1.0)))
