"""Sweeps at work at once, people who edit them meanwhile, and what is to come of each.

Some sweeps are chosen one by one, others at random. People do what a sweep's plan says, or anything
at random: then how far a sweep may go rises with what has gone wrong, so that there is work until
the end. Nothing here asks the operator.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from tests.chaos.judge import Expected, ends
from tests.chaos.report import Finding, Row, Wrong
from tests.chaos.slots import Slots
from tests.integration.conftest import Place
from tests.integration.hands import EXIT_CODE, sweep
from tests.integration.oracle import RUN_PHASES
from tests.integration.view import Json, Picture

from sweep_operator.effects.api import ApiError

POINTS = 1000
"""Of the space of each sweep chosen at random; more than it will have runs."""

FIRST_RUNS = 4
SLOTS = 6
RETRIES = 1
GRACE = {"terminationGracePeriodSeconds": 1}

PATIENCE = 180.0
"""Seconds in which something must happen, once nothing goes wrong any more."""

TROUBLE = frozenset({0, 404, 429, *range(500, 600)})
"""Answers' codes while servers are struck: a CRD may be away, too."""

FINISHED = frozenset({"Finished"})
ENDED_EARLY = frozenset({"Finished", "Killed"})


class Plan(NamedTuple):
    """A sweep, what will be done to it, and what is to come of it."""

    name: str
    runs: int = 24
    """Its cap in the end."""
    parallelism: int = 3
    lasts: float = 0.7
    """Seconds that a program takes."""
    spec: Mapping[str, Any] = {}
    """More of it."""
    first: int = 0
    """Its cap at first; 0 for that in the end."""
    fails: bool = False
    """Its program does, always."""
    budget: bool = False
    """So many failed runs as its cap fail it; raised with the cap."""
    state: str = "Running"
    """The state that people give it, which may end it."""
    at: float = 0.0
    """When they end it at the soonest: a part of all that will go wrong."""
    evicted: bool = False
    """A pod of it is evicted, whatever else is done."""
    phases: frozenset[str] = FINISHED
    """How it may end."""
    run_phases: frozenset[str] = FINISHED
    """How its runs may."""
    told: bool = True
    """Whether its runs' records will tell of all their attempts."""

    @property
    def expected(self) -> Expected:
        """What is to come of it."""
        runs = self.runs if self.phases == FINISHED else None
        return Expected(self.phases, self.run_phases, runs, self.told)


ONE_OF_EACH = (
    Plan("calm"),
    Plan("broken", fails=True, run_phases=frozenset({"Failed"})),
    Plan("paused", state="Paused"),
    Plan("evicted", evicted=True),
    Plan("stopped", state="Stopped", phases=frozenset({"Stopped"}), run_phases=ENDED_EARLY),
    Plan("cancelled", state="Cancelled", phases=frozenset({"Cancelled"}), run_phases=ENDED_EARLY),
)


def plans(chance: random.Random, count: int, runs: int) -> list[Plan]:
    """Choose sweeps to which people do anything.

    Args:
        chance: chooses.
        count: of sweeps.
        runs: that each may have in the end, about.
    """
    states = ("Running", "Running", "Running", "Stopped", "Cancelled")
    return [_any_plan(chance, number, runs, states[number % 5]) for number in range(count)]


def _any_plan(chance: random.Random, number: int, runs: int, state: str) -> Plan:
    spec = {
        "method": chance.choice(("grid", "random")),
        "metric": {"name": "loss"},
        "parameters": {"x": {"values": list(range(POINTS))}},
        "seed": 7,
        "finishedJobTTL": "60s",
    }
    return Plan(
        name=f"s{number}",
        lasts=chance.uniform(0.3, 2.0),
        parallelism=chance.randint(1, SLOTS),
        runs=FIRST_RUNS + chance.randint(runs // 2, runs * 3 // 2),
        spec=spec,
        first=FIRST_RUNS,
        fails=number % 6 == 5,
        budget=number % 12 == 5,
        state=state,
        at=chance.uniform(0.5, 1.0),
        phases=frozenset({"Finished", "Failed", state} - {"Running"}),
        run_phases=frozenset(RUN_PHASES),
    )


@dataclass(eq=False)
class Worked:
    """A sweep as it was last edited."""

    plan: Plan
    state: str = "Running"
    cap: int = 0

    @property
    def over(self) -> bool:
        """Whether it takes no more edits."""
        return self.state in ("Stopped", "Cancelled")


class Crowd:
    """The sweeps of one namespace, and the people who edit them.

    Args:
        place: the namespace.
        chosen: the sweeps.
        chance: chooses what people do, where that isn't in the plans.
    """

    def __init__(
        self,
        place: Place,
        chosen: Sequence[Plan] = ONE_OF_EACH,
        chance: random.Random | None = None,
    ) -> None:
        self._place = place
        self._chance = chance or random.Random(1)
        self._all = [Worked(plan, cap=plan.first or plan.runs) for plan in chosen]
        self._late: list[Finding] = []

    async def begin(self) -> None:
        """Apply them all."""
        for worked in self._all:
            plan = worked.plan
            made = sweep(
                plan.name,
                lasts=f"{plan.lasts * 1000:.0f}ms",
                pod=GRACE,
                message='{"loss": 1}',
                **{**plan.spec, **self._limits(worked)},
                parallelism=plan.parallelism,
            )
            if plan.fails:
                pod = made["spec"]["template"]["spec"]["template"]
                pod["metadata"]["annotations"][EXIT_CODE] = "3"
            await self._place.hands.apply(made)

    async def under_way(self) -> None:
        """Wait until each has come some way."""
        for worked in self._all:
            await self._place.view.until(worked.plan.name, lambda now: settled(now) >= 2, 120)

    async def command(self) -> None:
        """Do what the plans say: pause, stop and cancel; evict one pod."""
        for worked in self._all:
            if worked.plan.state != "Running":
                await self._give(worked, worked.plan.state)
            if worked.plan.evicted:
                await self._evict(worked.plan.name)

    async def edit(self, progress: float) -> None:
        """End those whose plans say so, and do something to a few others.

        Args:
            progress: the part of what will go wrong that has.
        """
        for worked in self._all:
            if worked.plan.state != "Running" and not worked.over and progress >= worked.plan.at:
                await self._give(worked, worked.plan.state)
        left = [worked for worked in self._all if not worked.over]
        for worked in self._chance.sample(left, k=min(3, len(left))):
            await self._edit(worked, progress)

    async def pause_all(self) -> None:
        """Pause all that may be paused, and wait until that is acknowledged."""
        for worked in self._all:
            if not worked.over:
                await self._give(worked, "Paused")
        for worked in self._all:
            await self._place.view.until(worked.plan.name, is_acknowledged)

    async def progress(self, within: float = 60) -> float:
        """Wait until one more run of the first sweep has ended; tell for how many seconds."""
        first = self._all[0].plan
        before = settled(self._place.view.of(first.name))
        began = time.monotonic()
        if before < first.runs:
            await self._place.view.until(first.name, lambda now: settled(now) > before, within)
        return time.monotonic() - began

    async def end(self, within: float = PATIENCE) -> None:
        """Let all go on to their ends, as long as something happens within so many seconds."""
        for worked in self._all:
            if not worked.over and (worked.state == "Paused" or worked.cap < worked.plan.runs):
                worked.cap = max(worked.cap, worked.plan.runs)
                await self._give(worked, "Running", **self._limits(worked))
        for worked in self._all:
            await self._see_to_the_end(worked.plan, within)

    def findings(self) -> list[Finding]:
        """What is wrong, now that all should be at their ends."""
        now = [self._ends(worked.plan) for worked in self._all]
        return [*self._late, *(finding for found in now for finding in found)]

    def row(self, fault: str, often: int, slots: Slots, **notes: object) -> Row:
        """The line of the report: by the ends, and by how many Jobs there were at once."""
        there = [self._place.view.of(worked.plan.name) for worked in self._all]
        return Row(
            fault,
            often,
            len(self._all),
            sum(len(now.runs) for now in there),
            slots.made,
            [*self.findings(), *slots.findings(self._place.view.made_twice())],
            " ".join(f"{key}={value}" for key, value in notes.items()),
        )

    def slots(self) -> Slots:
        """What watches how many Jobs they have at once, where nobody edits that."""
        most = {worked.plan.name: worked.plan.parallelism for worked in self._all}
        return Slots(self._place, lambda name: most.get(name, 0))

    async def _edit(self, worked: Worked, progress: float) -> None:
        name = worked.plan.name
        dice = self._chance.random()
        if worked.state == "Paused" or dice < 0.2:
            await self._give(worked, "Running" if worked.state == "Paused" else "Paused")
        elif dice < 0.3:
            slots = self._chance.randint(1, SLOTS)
            await insist(partial(self._place.hands.edit, name, parallelism=slots))
        elif dice < 0.45:
            await self._hit_pod(name)
        else:
            worked.cap = max(worked.cap, round(worked.plan.runs * progress))
            await self._give(worked, worked.state, **self._limits(worked))

    async def _give(self, worked: Worked, state: str, **spec: Any) -> None:
        """Give a command, and other things with it."""
        worked.state = state
        edit = partial(self._place.hands.edit, worked.plan.name, state=state, **spec)
        await insist(edit)

    async def _hit_pod(self, name: str) -> None:
        """Evict a pod, or have its program fail; one that has had neither before."""
        runs = self._place.view.of(name).runs.values()
        firsts = [run.pods[1] for run in runs if run.current == 1 and 1 in run.pods]
        pods = [pod for pod in firsts if runs_now(pod)]
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

    async def _evict(self, name: str) -> None:
        """Evict one pod of a sweep, once there is one that runs."""
        now = await self._place.view.until(name, lambda now: any(map(runs_now, now.pods)))
        pod = next(filter(runs_now, now.pods))
        await insist(partial(self._place.hands.evict, pod))

    async def _see_to_the_end(self, plan: Plan, within: float) -> None:
        """Wait for a sweep's end; take down why it doesn't come there."""
        view = self._place.view
        while True:
            before = how_far(view.of(plan.name))
            try:
                await view.settle(plan.name, lambda _: self._words(plan), within)
            except AssertionError as error:
                if how_far(view.of(plan.name)) == before:
                    self._late.append(Finding(Wrong.LOST, str(error)))
                    return
            else:
                return

    def _ends(self, plan: Plan) -> list[Finding]:
        return list(ends(plan.name, plan.expected, self._place.view.of(plan.name)))

    def _words(self, plan: Plan) -> list[str]:
        return [finding.words for finding in self._ends(plan)]

    def _limits(self, worked: Worked) -> dict[str, Any]:
        policy = {"maxRetries": RETRIES if worked.plan.parallelism > 3 else 0}
        if worked.plan.budget:
            policy["maxFailures"] = worked.cap
        return {"runCap": worked.cap, "failurePolicy": policy}


@asynccontextmanager
async def at_work(
    place: Place, chosen: Sequence[Plan] = ONE_OF_EACH
) -> AsyncIterator[tuple[Crowd, Slots]]:
    """A crowd each of whose sweeps has come some way."""
    crowd = Crowd(place, chosen)
    async with crowd.slots() as slots:
        slots.earlier = set(slots.uids)
        await crowd.begin()
        await crowd.under_way()
        yield crowd, slots


async def insist(
    give: Callable[[], Awaitable[object]],
    *,
    despite: Container[int] = TROUBLE,
    within: float = 120.0,
) -> None:
    """Give a command until the API server takes it.

    Args:
        give: gives it.
        despite: codes of answers after which it is given again.
        within: so many seconds.
    """
    async with asyncio.timeout(within):
        while True:
            try:
                await give()
            except ApiError as error:
                if error.code not in despite:
                    raise
                await asyncio.sleep(0.1)
            else:
                return


def settled(now: Picture) -> int:
    """How many runs have ended."""
    return sum(run.settled for run in now.runs.values())


def runs_now(pod: Json) -> bool:
    """Whether a pod's program is at work. One that hasn't started can't be evicted here.

    No kubelet moves it to its end then, as KWOK doesn't, and its Job waits for that.
    """
    return (
        pod.get("status", {}).get("phase") == "Running"
        and "deletionTimestamp" not in pod["metadata"]
    )


def is_acknowledged(now: Picture) -> bool:
    """Whether an operator has said that it knows the spec."""
    assert now.sweep is not None
    return bool(now.status.get("observedGeneration") == now.sweep["metadata"]["generation"])


def how_far(now: Picture) -> int:
    """How much has come of a sweep: it only rises."""
    return sum(1 + len(run.attempts) + run.settled for run in now.runs.values())
