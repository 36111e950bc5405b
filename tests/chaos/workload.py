"""Sweeps of many kinds, and people who edit them at random while other things go wrong.

How far a sweep may go rises with what has been done to it, so that there is work until the end.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.chaos.judge import at_the_end
from tests.integration.conftest import Place
from tests.integration.hands import EXIT_CODE, sweep
from tests.integration.view import Picture

from sweep_operator.effects.api import ApiError

POINTS = 1000
"""Of each sweep's space; more than it will have runs."""

FIRST_RUNS = 4
SLOTS = 6
RETRIES = 1
GRACE = {"terminationGracePeriodSeconds": 1}

PATIENCE = 180.0
"""Seconds in which something must happen, once nothing goes wrong any more."""


class Plan(NamedTuple):
    """A sweep, and what will be done to it."""

    name: str
    method: str
    lasts: float
    """Seconds that a program takes."""
    fails: bool
    """Its program does, always."""
    budget: bool
    """So many failed runs as its cap fail it; raised with the cap."""
    parallelism: int
    runs: int
    """Its cap in the end."""
    end: str
    """The state that ends it; empty where it goes on to its last run."""
    end_at: float
    """When: a part of all that will go wrong."""


@dataclass(eq=False)
class Worked:
    """A sweep as it was last edited."""

    plan: Plan
    state: str = "Running"
    cap: int = FIRST_RUNS

    @property
    def over(self) -> bool:
        """Whether it takes no more edits."""
        return self.state in ("Stopped", "Cancelled")


def plans(chance: random.Random, count: int, runs: int) -> list[Plan]:
    """Choose sweeps.

    Args:
        chance: chooses.
        count: of sweeps.
        runs: that each may have in the end, about.
    """
    kinds = ("", "", "", "Stopped", "Cancelled")
    return [
        Plan(
            name=f"s{number}",
            method=chance.choice(("grid", "random")),
            lasts=chance.uniform(0.3, 2.0),
            fails=number % 6 == 5,
            budget=number % 12 == 5,
            parallelism=chance.randint(1, SLOTS),
            runs=FIRST_RUNS + chance.randint(runs // 2, runs * 3 // 2),
            end=kinds[number % len(kinds)],
            end_at=chance.uniform(0.5, 1.0),
        )
        for number in range(count)
    ]


class Workload:
    """The sweeps of one namespace, and the people who edit them.

    Args:
        place: the namespace.
        chosen: the sweeps.
        chance: chooses what is done to them.
    """

    def __init__(self, place: Place, chosen: Sequence[Plan], chance: random.Random) -> None:
        self._place = place
        self._chance = chance
        self._all = [Worked(plan) for plan in chosen]

    async def begin(self) -> None:
        """Apply them all."""
        for worked in self._all:
            plan = worked.plan
            made = sweep(
                plan.name,
                lasts=f"{plan.lasts * 1000:.0f}ms",
                pod=GRACE,
                message='{"loss": 1}',
                method=plan.method,
                metric={"name": "loss"},
                parameters={"x": {"values": list(range(POINTS))}},
                seed=7,
                **self._limits(worked),
                parallelism=plan.parallelism,
                finishedJobTTL="60s",
            )
            if plan.fails:
                pod = made["spec"]["template"]["spec"]["template"]
                pod["metadata"]["annotations"][EXIT_CODE] = "3"
            await self._place.hands.apply(made)

    async def edit(self, progress: float) -> None:
        """Do something to a few of them.

        Args:
            progress: the part of what will go wrong that has.
        """
        for worked in self._all:
            if worked.plan.end and not worked.over and progress >= worked.plan.end_at:
                worked.state = worked.plan.end
                await self._place.hands.edit(worked.plan.name, state=worked.state)
        left = [worked for worked in self._all if not worked.over]
        for worked in self._chance.sample(left, k=min(3, len(left))):
            await self._edit(worked, progress)

    async def pause_all(self) -> None:
        """Pause all that may be paused, and wait until that is acknowledged."""
        for worked in self._all:
            if not worked.over:
                worked.state = "Paused"
                await self._place.hands.edit(worked.plan.name, state="Paused")
        for worked in self._all:
            await self._place.view.until(worked.plan.name, is_acknowledged)

    async def _edit(self, worked: Worked, progress: float) -> None:
        name, hands = worked.plan.name, self._place.hands
        dice = self._chance.random()
        if worked.state == "Paused" or dice < 0.2:
            worked.state = "Running" if worked.state == "Paused" else "Paused"
            await hands.edit(name, state=worked.state)
        elif dice < 0.3:
            await hands.edit(name, parallelism=self._chance.randint(1, SLOTS))
        elif dice < 0.45:
            await self._hit_pod(name)
        else:
            worked.cap = max(worked.cap, round(worked.plan.runs * progress))
            await hands.edit(name, **self._limits(worked))

    async def _hit_pod(self, name: str) -> None:
        """Evict a pod, or have its program fail; one that has had neither before."""
        runs = self._place.view.of(name).runs.values()
        firsts = [run.pods[1] for run in runs if run.current == 1 and 1 in run.pods]
        pods = [pod for pod in firsts if pod.get("status", {}).get("phase") == "Running"]
        if not pods:
            return
        pod = self._chance.choice(pods)
        try:
            if self._chance.random() < 0.5:
                await self._place.hands.evict(pod)
            else:
                await self._place.hands.end(pod, exit_code=4)
        except ApiError as error:
            if error.code != 404:  # it went
                raise

    async def end(self) -> list[str]:
        """Let all go on to their ends; tell which didn't come there, and why."""
        for worked in self._all:
            if not worked.over:
                worked.state, worked.cap = "Running", max(worked.cap, worked.plan.runs)
                limits = self._limits(worked)
                await self._place.hands.edit(worked.plan.name, state="Running", **limits)
        late = [await self._see_to_the_end(worked.plan.name) for worked in self._all]
        return [words for words in late if words]

    async def _see_to_the_end(self, name: str) -> str:
        """Wait for a sweep's end; tell why it doesn't come there, empty where it does."""
        view = self._place.view
        while True:
            before = how_far(view.of(name))
            try:
                await view.settle(name, not_ended, within=PATIENCE)
            except AssertionError as error:
                if how_far(view.of(name)) == before:
                    return str(error)
            else:
                return ""

    def _limits(self, worked: Worked) -> dict[str, Any]:
        policy = {"maxRetries": RETRIES if worked.plan.parallelism > 3 else 0}
        if worked.plan.budget:
            policy["maxFailures"] = worked.cap
        return {"runCap": worked.cap, "failurePolicy": policy}


def is_acknowledged(now: Picture) -> bool:
    """Whether an operator has said that it knows the spec."""
    assert now.sweep is not None
    return bool(now.status.get("observedGeneration") == now.sweep["metadata"]["generation"])


def how_far(now: Picture) -> int:
    """How much has come of a sweep: it only rises."""
    return sum(1 + len(run.attempts) + run.settled for run in now.runs.values())


def not_ended(now: Picture) -> list[str]:
    """Why a sweep isn't at its end."""
    if now.sweep is None:
        return ["it isn't there"]
    waits = [] if now.condition("Complete") or now.condition("Failed") else ["it isn't Complete"]
    return [*waits, *at_the_end(now)]
