"""The API server and etcd killed, etcd's disk full, the CRDs gone: each run once, none lost."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.chaos.conftest import Scenes
from tests.chaos.crowd import Crowd
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
AGAIN = 60.0
"""Seconds within which one more run has ended once the servers are well."""

Told = Callable[..., None]


@pytest.fixture
def plane(request: pytest.FixtureRequest) -> ControlPlane:
    """The cluster's own."""
    return ControlPlane(request.config.getoption("cluster_name"))


@pytest.mark.parametrize("component", ["kube-apiserver", "etcd"])
def test_a_server_killed_in_the_midst_costs_nothing_but_time(
    behind: Scenes, plane: ControlPlane, told: Told, component: str
) -> None:
    async def main() -> None:
        async with behind() as scene, Crowd(scene.place) as crowd:
            await crowd.begin()
            again = []
            for time in range(TIMES):
                fault = asyncio.create_task(plane.strike(component, DOWN))
                if time == 1:
                    await crowd.command()
                await fault
                again.append(round(await crowd.progress(within=AGAIN), 1))
            tally = await crowd.end(f"{component} killed", TIMES)
            told(tally.row(), again=again, starts=scene.operator.starts)
            assert tally.wrongs == []

    asyncio.run(main())


def test_etcd_out_of_space_costs_nothing_but_time(
    behind: Scenes, plane: ControlPlane, told: Told
) -> None:
    async def main() -> None:
        async with behind() as scene, Crowd(scene.place) as crowd:
            await crowd.begin()
            async with plane.full_disk(scene.place.api, scene.place.namespace):
                commanding = asyncio.create_task(crowd.command())
                await asyncio.sleep(FULL)
            await commanding
            again = round(await crowd.progress(within=AGAIN), 1)
            tally = await crowd.end("etcd's disk full", 1)
            told(tally.row(), again=again, starts=scene.operator.starts)
            assert tally.wrongs == []

    asyncio.run(main())


@pytest.mark.parametrize("watched", ["all namespaces", "its own namespace"])
def test_crds_deleted_and_restored_take_all_along_and_sweeps_of_the_same_names_work(
    behind: Scenes, told: Told, watched: str
) -> None:
    async def main() -> None:
        async with behind(alone=watched != "all namespaces") as scene:
            place = scene.place
            async with Crowd(place) as crowd:
                await crowd.begin()
            await delete_crds(place.api)
            await restore_crds(place.api)
            async with (
                View(place.api, place.namespace) as view,
                Crowd(replace(place, view=view)) as crowd,
            ):
                left = set(crowd.slots.uids)
                await crowd.begin()
                await crowd.command()
                tally = await crowd.end(f"CRDs deleted, {watched}", 1)
                tally.twice = sorted(set(tally.twice) - left)
                told(tally.row(), left=len(left), starts=scene.operator.starts)
                assert tally.wrongs == []
            sweeps = await place.api.get(paths.sweeps(place.namespace))
            uids = {each["metadata"]["uid"] for each in sweeps["items"]}
            jobs = await place.api.get(paths.jobs(place.namespace))
            assert {job["metadata"]["labels"][LABEL_SWEEP_UID] for job in jobs["items"]} <= uids

    asyncio.run(main())
