"""500 runs of which half of all pods are evicted at random: each is run to its end, none twice."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.integration.conftest import Place, Places
from tests.integration.hands import sweep
from tests.integration.journal import Answered, Entry, over_parallelism
from tests.integration.live_operator import Operator
from tests.integration.view import Picture

from sweep_operator.api import paths
from sweep_operator.api.names import LABEL_ATTEMPT
from sweep_operator.effects.reflector import Reflector

pytestmark = [pytest.mark.integration, pytest.mark.slow]

Json = Mapping[str, Any]

RUNS, PARALLELISM = 500, 40
SEED = 5
LASTS = 2.0
"""Seconds that a program takes."""

SPARED_FROM = 5
"""The attempt that is left alone: each eviction doubles a run's time to the next."""


@dataclass
class Evictor:
    """Watches pods, and evicts half of them at some moment of their lives."""

    place: Place
    chance: random.Random
    known: set[str] = field(default_factory=set)
    evicted: set[str] = field(default_factory=set)
    last: dict[str, Json] = field(default_factory=dict)
    """Each pod as last seen, by uid."""
    tasks: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)

    def put(self, pod: Json) -> None:
        """Toss a coin for each pod that is new."""
        uid = pod["metadata"]["uid"]
        self.last[uid] = pod
        if uid in self.known:
            return
        self.known.add(uid)
        spared = int(pod["metadata"]["labels"][LABEL_ATTEMPT]) >= SPARED_FROM
        if self.chance.random() < 0.5 and not spared:
            self.tasks.create_task(self._evict(pod, self.chance.uniform(0.0, 1.5 * LASTS)))

    def drop(self, pod: Json) -> None:
        """Keep what it was."""
        self.last[pod["metadata"]["uid"]] = pod

    def keep_only(self, names: set[tuple[str, str]], version: int) -> None:
        """Keep what they were."""

    @property
    def hits(self) -> int:
        """Evictions of pods whose program hadn't finished."""
        return sum(self.last[uid]["status"]["phase"] != "Succeeded" for uid in self.evicted)

    async def _evict(self, pod: Json, after: float) -> None:
        await asyncio.sleep(after)
        if await self.place.hands.evict(pod):
            self.evicted.add(pod["metadata"]["uid"])


def test_evictions(places: Places) -> None:
    async def main() -> None:
        async with places() as place, Operator(place.connection, place.namespace) as operator:
            evictor = Evictor(place, random.Random(SEED))
            pods = Reflector(place.api, paths.pods(place.namespace), evictor, clock=time.monotonic)
            async with evictor.tasks:
                watching = asyncio.create_task(pods.run())
                await place.hands.apply(
                    sweep(
                        "s",
                        lasts=f"{LASTS * 1000:.0f}ms",
                        pod={"terminationGracePeriodSeconds": 1},
                        message='{"loss": 1}',
                        method="random",
                        metric={"name": "loss"},
                        parameters={"rate": {"distribution": "uniform", "min": 0.0, "max": 1.0}},
                        runCap=RUNS,
                        parallelism=PARALLELISM,
                    )
                )
                end = await place.view.until("s", is_finished, within=900)
                watching.cancel()
            assert list(end.runs) == list(range(1, RUNS + 1))
            assert {run.phase for run in end.runs.values()} == {"Finished"}
            made = jobs_made(operator.journal.entries)
            assert set(made.values()) == {1}, "a Job's name was made twice"
            assert place.view.made_twice() == []
            assert list(over_parallelism(operator.journal.entries)) == []
            assert evictor.hits > RUNS / 4, "too few evictions to tell"
            assert len(made) - RUNS == evictor.hits
            preemptions = sum(run.status.get("preemptions", 0) for run in end.runs.values())
            assert preemptions == evictor.hits
            assert not any("failures" in run.status for run in end.runs.values())

    asyncio.run(main())


def is_finished(now: Picture) -> bool:
    """Whether all is done and told."""
    told = now.status.get("runs", {}).get("finished")
    return now.phase == "Finished" and told == RUNS


def jobs_made(entries: list[Entry]) -> Counter[str]:
    """How often each Job was made, by its name."""
    return Counter(
        entry.call.body["metadata"]["name"]
        for entry in entries
        if isinstance(entry, Answered) and entry.code == 200 and entry.call.makes_job
    )
