"""The wire between operator and API server fails in every way: each run is made once, none lost."""

import asyncio
from collections.abc import Callable

import pytest
from tests.chaos.conftest import Scenes
from tests.chaos.crowd import Crowd
from tests.chaos.proxy import FAULTS, strike

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.chaos]

TIMES = 4
"""How often each fault strikes while the sweeps are at work."""
LONG = {"slow": 5.0}
SHORT = 2.0
"""Seconds of a fault."""
AGAIN = 30.0
"""Seconds within which one more run has ended after a fault."""


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
