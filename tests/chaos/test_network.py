"""The wire between operator and API server fails in every way: each run is made once, none lost."""

import asyncio
import random

import pytest
from tests.chaos.conftest import Scenes, Tell
from tests.chaos.crowd import ONE_OF_EACH, at_work
from tests.chaos.proxy import FAULTS, Way, storm, strike

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.chaos]

TIMES = 3
"""How often each fault strikes while the sweeps are at work."""
LONG = {"slow": 5.0}
SHORT = 2.0
"""Seconds of a fault."""
AGAIN = 30.0
"""Seconds within which one more run has ended after a fault."""

AWAY = 20.0
"""Seconds: longer than the Lease's duration."""
DEAD = 180.0
"""Seconds within which a watch is found dead that says nothing: effects.api.WATCH_SILENCE."""
FAULTS_OF_A_STORM = 12


@pytest.mark.parametrize("name", [name for name in FAULTS if name != "forgotten"])
def test_a_fault_of_the_network_costs_nothing_but_time(
    behind: Scenes, tell: Tell, name: str
) -> None:
    async def main() -> None:
        async with behind() as scene, at_work(scene.place) as (crowd, slots):
            again = []
            for time in range(TIMES):
                fault = asyncio.create_task(
                    strike(scene.proxy, FAULTS[name], LONG.get(name, SHORT))
                )
                if time == 1:
                    await asyncio.sleep(SHORT / 2)
                    await crowd.command()
                await fault
                again.append(round(await crowd.progress(within=AGAIN), 1))
            await crowd.end()
            tell(crowd.row(name, TIMES, slots, again=again, starts=scene.operator.starts))

    asyncio.run(main())


def test_a_network_away_for_longer_than_the_lease_costs_the_leadership_and_nothing_else(
    behind: Scenes, tell: Tell
) -> None:
    async def main() -> None:
        async with behind() as scene, at_work(scene.place) as (crowd, slots):
            scene.proxy.hold(*Way)
            commanding = asyncio.create_task(crowd.command())
            await asyncio.sleep(AWAY)
            scene.proxy.release()
            await commanding  # one may wait for a pod, and no new ones were made meanwhile
            again = round(await crowd.progress(within=AGAIN * 2), 1)
            await crowd.end()
            tell(
                crowd.row(
                    f"held for {AWAY:g} s", 1, slots, again=again, starts=scene.operator.starts
                )
            )
            assert scene.operator.starts == 2

    asyncio.run(main())


def test_connections_that_are_dead_and_never_say_so_are_found_dead(
    behind: Scenes, tell: Tell
) -> None:
    async def main() -> None:
        async with behind() as scene, at_work(scene.place) as (crowd, slots):
            scene.proxy.forget()
            await crowd.command()
            again = round(await crowd.progress(within=DEAD), 1)
            await crowd.end()
            tell(crowd.row("forgotten", 1, slots, again=again, starts=scene.operator.starts))

    asyncio.run(main())


@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm_costs_nothing_but_time(behind: Scenes, tell: Tell, seed: int) -> None:
    longer = [plan._replace(runs=40) for plan in ONE_OF_EACH]

    async def main() -> None:
        async with behind() as scene, at_work(scene.place, longer) as (crowd, slots):
            blowing = asyncio.create_task(
                storm(scene.proxy, random.Random(seed), FAULTS_OF_A_STORM)
            )
            await crowd.command()
            names = await blowing
            again = round(await crowd.progress(within=AGAIN * 2), 1)
            await crowd.end()
            tell(
                crowd.row(
                    f"storm {seed}",
                    len(names),
                    slots,
                    again=again,
                    starts=scene.operator.starts,
                    faults=names,
                )
            )

    asyncio.run(main())
