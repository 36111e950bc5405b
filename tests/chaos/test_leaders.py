"""Leaders that shouldn't lead: several at once, one that slept, one without a Lease, a wrong clock.

CHAOS_TIMES says how often each happens (more for longer runs), CHAOS_SEED chooses all else.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.chaos.audit import Audit, Creation, Tokens, audit_log
from tests.chaos.conftest import Tell
from tests.chaos.installation import Fault, Installation, Trial, carry_out, row
from tests.chaos.operators import Clock, Operator, Operators, User
from tests.chaos.report import Wrong
from tests.chaos.test_kills import SEED, kill
from tests.integration.conftest import Places

from local_cluster import docker_kind
from sweep_operator.effects.api import Api
from sweep_operator.effects.leadership import RENEW_EVERY
from sweep_operator.handlers.connection import configuration

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.chaos]

TIMES = int(os.environ.get("CHAOS_TIMES", "8"))
SWEEPS, INSTALLATIONS = 12, 4
RUNS = 12

ENDED_WITHIN = 30.0
"""Seconds for a leader that has slept to see that it leads no longer, and to end."""

PACE = 6
"""Moments of two leaders at once for each fault of another kind: they cost less time."""

HOUR = 3600.0
WRONG_CLOCKS = (
    Clock((-HOUR,)),
    Clock((HOUR,)),
    Clock((0.0, HOUR, -HOUR, 0.0, 600.0), each=1.3),
)


def trial(fault: Fault, times: int = TIMES, installations: int = INSTALLATIONS) -> Trial:
    """What goes wrong, in the measure of these tests."""
    return Trial(SEED, fault, times, SWEEPS, installations, RUNS)


async def lead_beside_another(installation: Installation, count: int) -> None:
    """Let some moment pass, with so many operators each of which has a Lease to itself."""
    if installation.suffered == 1:
        for number in range(count):
            installation.operators.start(installation.place.namespace, lease=f"lease-{number}")
    await installation.moment()


@pytest.mark.parametrize("count", [2, 3])
def test_leaders_without_election_make_nothing_twice_and_lose_nothing(
    places: Places, operators: Operators, tell: Tell, count: int
) -> None:
    fault = partial(lead_beside_another, count=count)
    chosen = trial(fault, PACE * TIMES, installations=2)
    found = row(f"{count} leaders, no election", asyncio.run(carry_out(chosen, places, operators)))
    # Each counts what it knows: for as long as a watch takes, they may start more than one may.
    tell(found, beyond={Wrong.OVER, Wrong.HELD})


async def lose_lease(installation: Installation) -> None:
    """Take the Lease from a leader at some moment: delete it, clear it, or give it to nobody."""
    installation.staff(3)
    await installation.leader()
    await installation.moment()
    lease, holder = installation.lease, installation.lease.holder
    match installation.chance.choice(("deleted", "cleared", "given away")):
        case "deleted":
            await lease.delete()
        case "cleared":
            await lease.give("")
        case _:
            await lease.give("somebody")
            holder = "somebody"
    await lease.until_held(by_other_than=holder)


def test_a_lease_that_is_taken_away_costs_nothing(
    places: Places, operators: Operators, tell: Tell
) -> None:
    chosen = trial(lose_lease, 2 * TIMES)
    found = row("Lease taken away", asyncio.run(carry_out(chosen, places, operators)))
    # As above, until the leader next renews.
    tell(found, beyond={Wrong.OVER, Wrong.HELD})


def test_wrong_clocks_cost_nothing(places: Places, operators: Operators, tell: Tell) -> None:
    chosen = trial(kill, 2 * TIMES)._replace(clocks=WRONG_CLOCKS)
    found = row("kill -9, clocks wrong", asyncio.run(carry_out(chosen, places, operators)))
    tell(found)


async def oversleep(installation: Installation) -> None:
    """Have a standby sleep through edits of all sweeps, and lead the moment that it wakes."""
    installation.staff(2)
    leader = await installation.leader()
    standby = next(each for each in installation.at_work if each is not leader)
    await installation.moment()
    standby.stop()
    await installation.pause_all()
    leader.kill()
    await installation.lease.give("")
    standby.wake()
    await installation.lease.until_held()
    await asyncio.sleep(1)


def test_a_standby_that_slept_through_a_pause_keeps_it(
    places: Places, operators: Operators, tell: Tell
) -> None:
    found = row("standby slept", asyncio.run(carry_out(trial(oversleep), places, operators)))
    tell(found)


class Nap(NamedTuple):
    """A leader that slept."""

    sleeper: Operator
    since: float
    until: float


async def sleep(installation: Installation, naps: list[Nap]) -> None:
    """Put a leader to sleep at some moment, until another has led for a while."""
    installation.staff(2)
    sleeper = await installation.leader()
    await installation.judge.next("job", within=ENDED_WITHIN)
    await installation.moment()
    holder = installation.lease.holder
    sleeper.stop()
    since = time.time()
    await installation.lease.until_held(by_other_than=holder)
    await installation.moment()
    naps.append(Nap(sleeper, since, time.time()))
    sleeper.wake()
    await asyncio.to_thread(sleeper.process.join, ENDED_WITHIN)
    assert not sleeper.alive, f"{sleeper.name} lives on without the Lease"


@asynccontextmanager
async def users(kubeconfig: Path, folder: Path, count: int) -> AsyncIterator[list[User]]:
    """Make so many users that the audit log tells apart."""
    async with Api(await configuration(str(kubeconfig))) as api:
        tokens = Tokens(api, kubeconfig, folder)
        await tokens.prepare()
        try:
            yield [User(*(await tokens.kubeconfig())) for _ in range(count)]
        finally:
            await tokens.give_up()


def test_a_leader_that_slept_creates_nothing_when_it_wakes(
    places: Places, kind_cluster: Any, tmp_path: Path, tell: Tell
) -> None:
    if docker_kind.engine_answers():
        pytest.skip("needs the local cluster: kind's API server keeps no audit log")
    naps: list[Nap] = []
    audit = Audit(audit_log(kind_cluster.name))
    created: list[Creation] = []

    async def nap(installation: Installation) -> None:
        await sleep(installation, naps)
        created.extend(audit.creations())

    async def main() -> list[Installation]:
        kubeconfig = Path(kind_cluster.kubeconfig_path)
        # Two to begin with, and one for each that slept.
        async with users(kubeconfig, tmp_path, 2 * INSTALLATIONS + TIMES) as found:
            with Operators(found, tmp_path) as operators:
                return await carry_out(trial(nap), places, operators)

    found = row("leader slept", asyncio.run(main()))
    created.extend(audit.creations())
    audit.close()
    tell(found)
    assert len(naps) == TIMES
    assert all(nap.until - nap.since > RENEW_EVERY for nap in naps)
    assert any(each.token for each in created), "the audit log names nobody"
    late = [each for nap in naps for each in after(nap, created)]
    assert not late, late


def after(nap: Nap, created: Iterable[Creation]) -> list[Creation]:
    """What a sleeper has sent since it woke."""
    return [
        each
        for each in created
        if each.token == nap.sleeper.user.token
        and each.resource in ("sweepruns", "jobs")
        and each.at >= nap.until
    ]
