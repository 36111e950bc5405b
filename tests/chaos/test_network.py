"""The wire between operator and API server fails in every way: each run is made once, none lost."""

import asyncio
import random
from collections.abc import Callable

import pytest
from tests.chaos.conftest import Scenes
from tests.chaos.crowd import Crowd
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
    behind: Scenes, told: Callable[..., None], name: str
) -> None:
    async def main() -> None:
        async with behind() as scene, Crowd(scene.place) as crowd:
            await crowd.begin()
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
            tally = await crowd.end(name, TIMES)
            told(tally.row(), again=again, starts=scene.operator.starts)
            assert tally.wrongs == []

    asyncio.run(main())


def test_a_network_away_for_longer_than_the_lease_costs_the_leadership_and_nothing_else(
    behind: Scenes, told: Callable[..., None]
) -> None:
    async def main() -> None:
        async with behind() as scene, Crowd(scene.place) as crowd:
            await crowd.begin()
            scene.proxy.hold(*Way)
            commanding = asyncio.create_task(crowd.command())
            await asyncio.sleep(AWAY)
            await commanding
            scene.proxy.release()
            again = round(await crowd.progress(within=AGAIN * 2), 1)
            tally = await crowd.end(f"held for {AWAY:g} s", 1)
            told(tally.row(), again=again, starts=scene.operator.starts)
            assert tally.wrongs == []
            assert scene.operator.starts == 2

    asyncio.run(main())


def test_connections_that_are_dead_and_never_say_so_are_found_dead(
    behind: Scenes, told: Callable[..., None]
) -> None:
    async def main() -> None:
        async with behind() as scene, Crowd(scene.place) as crowd:
            await crowd.begin()
            scene.proxy.forget()
            await crowd.command()
            again = round(await crowd.progress(within=DEAD), 1)
            tally = await crowd.end("forgotten", 1)
            told(tally.row(), again=again, starts=scene.operator.starts)
            assert tally.wrongs == []

    asyncio.run(main())


@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm_costs_nothing_but_time(
    behind: Scenes, told: Callable[..., None], seed: int
) -> None:
    async def main() -> None:
        async with behind() as scene, Crowd(scene.place, runs=40) as crowd:
            await crowd.begin()
            blowing = asyncio.create_task(
                storm(scene.proxy, random.Random(seed), FAULTS_OF_A_STORM)
            )
            await crowd.command()
            names = await blowing
            again = round(await crowd.progress(within=AGAIN * 2), 1)
            tally = await crowd.end(f"storm {seed}", len(names))
            told(tally.row(), again=again, starts=scene.operator.starts, faults=names)
            assert tally.wrongs == []

    asyncio.run(main())
