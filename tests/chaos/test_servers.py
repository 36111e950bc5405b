"""The API server and etcd killed, etcd's disk full, the CRDs gone: each run once, none lost."""

import asyncio
import os
from dataclasses import replace

import pytest
from tests.chaos.conftest import Scenes, Tell
from tests.chaos.crowd import at_work
from tests.chaos.servers import ControlPlane, delete_crds, restore_crds
from tests.integration.view import View

from local_cluster import docker_kind
from sweep_operator.api import paths
from sweep_operator.api.names import LABEL_SWEEP_UID

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.chaos,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces take root"),
    pytest.mark.skipif(docker_kind.engine_answers(), reason="kind makes the clusters here"),
]

TIMES = 3
DOWN = 3.0
"""Seconds that a killed server stays dead."""
FULL = 20.0
"""Seconds that etcd takes no writes: longer than the Lease's duration."""
AGAIN = 120.0
"""Seconds within which one more run has ended once the servers are well: the Job controller comes
back only after up to a minute."""


@pytest.fixture
def plane(request: pytest.FixtureRequest) -> ControlPlane:
    """The cluster's own."""
    return ControlPlane(request.config.getoption("cluster_name"))


@pytest.mark.parametrize("component", ["kube-apiserver", "etcd"])
def test_a_server_killed_in_the_midst_costs_nothing_but_time(
    behind: Scenes, plane: ControlPlane, tell: Tell, component: str
) -> None:
    async def main() -> None:
        async with behind() as scene, at_work(scene.place) as (crowd, slots):
            again = []
            for time in range(TIMES):
                fault = asyncio.create_task(plane.strike(component, DOWN))
                if time == 1:
                    await crowd.command()
                await fault
                again.append(round(await crowd.progress(within=AGAIN), 1))
            await crowd.end()
            tell(
                crowd.row(
                    f"{component} killed", TIMES, slots, again=again, starts=scene.operator.starts
                )
            )

    asyncio.run(main())


def test_etcd_out_of_space_costs_nothing_but_time(
    behind: Scenes, plane: ControlPlane, tell: Tell
) -> None:
    async def main() -> None:
        async with behind() as scene, at_work(scene.place) as (crowd, slots):
            async with plane.full_disk(scene.place.api, scene.place.namespace):
                commanding = asyncio.create_task(crowd.command())
                await asyncio.sleep(FULL)
            await commanding
            again = round(await crowd.progress(within=AGAIN), 1)
            await crowd.end()
            tell(crowd.row("etcd's disk full", 1, slots, again=again, starts=scene.operator.starts))

    asyncio.run(main())


@pytest.mark.parametrize("watched", ["all namespaces", "its own namespace"])
def test_crds_deleted_and_restored_take_all_along_and_sweeps_of_the_same_names_work(
    behind: Scenes, tell: Tell, watched: str
) -> None:
    async def main() -> None:
        async with behind(alone=watched != "all namespaces") as scene:
            place = scene.place
            async with at_work(place):
                pass
            await delete_crds(place.api)
            await restore_crds(place.api)
            async with (
                View(place.api, place.namespace) as view,
                at_work(replace(place, view=view)) as (crowd, slots),
            ):
                await crowd.command()
                await crowd.end()
                figures = {"left": len(slots.earlier), "starts": scene.operator.starts}
                tell(crowd.row(f"CRDs deleted, {watched}", 1, slots, **figures))
            sweeps = await place.api.get(paths.sweeps(place.namespace))
            uids = {each["metadata"]["uid"] for each in sweeps["items"]}
            jobs = await place.api.get(paths.jobs(place.namespace))
            assert {job["metadata"]["labels"][LABEL_SWEEP_UID] for job in jobs["items"]} <= uids

    asyncio.run(main())
