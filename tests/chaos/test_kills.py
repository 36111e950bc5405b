"""Operators killed with SIGKILL at random moments, over 50 sweeps that people edit meanwhile.

CHAOS_KILLS says how many are killed (1000 for the full figure), CHAOS_SEED chooses all else.
"""

import asyncio
import os
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.chaos.installation import Installation, row
from tests.chaos.judge import report
from tests.chaos.operators import Operators
from tests.chaos.workload import plans
from tests.integration.conftest import Places

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.chaos]

KILLS = int(os.environ.get("CHAOS_KILLS", "60"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))

SWEEPS, INSTALLATIONS = 50, 4
"""Each installation has a namespace, a Lease and its part of the sweeps and kills."""

RUNS = max(8, min(KILLS // 10, 80))
"""Of each sweep, about."""

STAFF = 3
"""One leads, the others wait for that."""

WAITED = 0.02
"""The part of all kills after which the Lease's own end is waited for."""


async def kill(installation: Installation) -> None:
    """Kill the leader at some moment."""
    installation.staff(STAFF)
    leader = await installation.leader()
    await installation.moment()
    holder = installation.lease.holder
    leader.kill()
    installation.staff(STAFF)
    if installation.chance.random() >= WAITED and holder == installation.lease.holder:
        await installation.lease.give("")
    await installation.lease.until_held(by_other_than=holder)


def test_killed_operators_make_nothing_twice_and_lose_nothing(
    places: Places,
    kind_cluster: Any,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    all_plans = plans(random.Random(SEED), SWEEPS, RUNS)

    async def suffer(number: int) -> Installation:
        async with AsyncExitStack() as stack:
            place = await stack.enter_async_context(places())
            chosen = all_plans[number::INSTALLATIONS]
            made = Installation(place, operators, f"{SEED}-{number}", chosen)
            await stack.enter_async_context(made)
            await made.suffer(kill, len(range(number, KILLS, INSTALLATIONS)))
            return made

    async def main() -> list[Installation]:
        return await asyncio.gather(*map(suffer, range(INSTALLATIONS)))

    with Operators(str(kind_cluster.kubeconfig_path), tmp_path) as operators:
        found = row("kill -9", asyncio.run(main()))
    told = f"seed {SEED}\n{report([found])}"
    record_property("report", told)
    print(told)
    assert not found.findings, "\n".join([told, *(each.words for each in found.findings)])
