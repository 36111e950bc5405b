"""Operators killed with SIGKILL at random moments, over 50 sweeps that people edit meanwhile.

CHAOS_KILLS says how many are killed (1000 for the full figure), CHAOS_SEED chooses all else.
"""

import asyncio
import os

import pytest
from tests.chaos.conftest import Tell
from tests.chaos.installation import Installation, Trial, carry_out, row
from tests.chaos.operators import Operators
from tests.integration.conftest import Places

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.chaos]

KILLS = int(os.environ.get("CHAOS_KILLS", "60"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))

SWEEPS, INSTALLATIONS = 50, 4
RUNS = max(12, min(KILLS // 20, 40))

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
    places: Places, operators: Operators, tell: Tell
) -> None:
    trial = Trial(SEED, kill, KILLS, SWEEPS, INSTALLATIONS, RUNS)
    tell(row("kill -9", asyncio.run(carry_out(trial, places, operators)), f"seed={SEED}"))
