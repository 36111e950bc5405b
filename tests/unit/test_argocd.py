"""What Argo CD shows of Sweeps, and does with them: the Lua in manifests/argocd."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.argocd import SETTINGS, acted, actions, enabled, health
from tests.fakes.world import Result, World, sweep

from sweep_operator.effects.api import ApiError

ROOT = Path(__file__).parents[2]
LUA = ROOT / "manifests/argocd/sweep-operator.io"

RBAC = ApiError(403, "Forbidden", "jobs is forbidden: User x cannot create resource jobs")
QUOTA = ApiError(403, "Forbidden", 'jobs "x" is forbidden: exceeded quota: small, used: pods=4')

Json = dict[str, Any]


def shown(world: World) -> tuple[str, str | None]:
    """The health of the world's Sweep."""
    return health(stored(world))


def stored(world: World) -> Json:
    """The Sweep as the API server has it."""
    return world.server.named("sweeps", "a")


def set_state(world: World, state: str) -> None:
    """What `kubectl patch` does."""
    world.server.change("sweeps", "a", {"spec": {"state": state}})


def broken(_number: int, _attempt: int) -> Result:
    """A program that fails."""
    return Result(3)


async def started(world: World) -> None:
    """Bring the first runs so far that their programs run."""
    await world.settle()
    for _ in range(2):
        world.step()
        await world.settle()


class TestHealth:
    def test_a_sweep_that_the_operator_has_not_seen_is_progressing(self) -> None:
        assert shown(World()) == ("Progressing", "The operator has not seen this spec yet.")

    def test_nor_is_one_healthy_whose_last_edit_it_has_not_seen(self) -> None:
        world = World()
        asyncio.run(world.live(lambda: world.phase == "Finished"))
        assert shown(world)[0] == "Healthy"
        world.server.change("sweeps", "a", {"spec": {"runCap": 9}})
        assert shown(world)[0] == "Progressing"

    def test_a_running_one_is_progressing_and_says_how_far_it_is(self) -> None:
        world = World()
        asyncio.run(started(world))
        assert shown(world) == ("Progressing", "2 of 5 runs made, at most 2 at a time.")

    def test_one_that_is_held_up_says_by_what(self) -> None:
        world = World()
        world.server.fail(QUOTA, method="POST", plural="jobs", times=None)
        asyncio.run(world.settle())
        status, message = shown(world)
        assert status == "Progressing"
        assert "exceeded quota" in (message or "")

    def test_one_whose_runs_all_fail_says_so(self) -> None:
        world = World(sweep(runCap=9), program=broken)

        def failing() -> bool:
            return bool(world.condition("SystematicFailures")["status"] == "True")

        asyncio.run(world.live(failing))
        status, message = shown(world)
        assert status == "Progressing"
        assert "have all failed" in (message or "")

    def test_a_paused_one_is_suspended(self) -> None:
        async def main() -> World:
            world = World()
            await started(world)
            set_state(world, "Paused")
            await world.settle()
            return world

        status, message = shown(asyncio.run(main()))
        assert status == "Suspended"
        assert message == "No new runs for now; 2 of 5 runs made, 2 active, 0 held."

    @pytest.mark.parametrize("state", ["Stopped", "Cancelled"])
    def test_one_that_is_ended_by_hand_is_healthy_once_nothing_is_active(self, state: str) -> None:
        async def main() -> World:
            world = World()
            await started(world)
            set_state(world, state)
            world.deliver()
            await world.reconcile()
            assert world.phase == state
            assert shown(world)[0] == "Progressing"
            await world.live(lambda: world.condition("Complete")["status"] == "True")
            return world

        status, message = shown(asyncio.run(main()))
        assert status == "Healthy"
        assert (message or "").startswith("No new runs, ")

    def test_a_finished_one_is_healthy_whatever_became_of_some_of_its_runs(self) -> None:
        def program(number: int, _: int) -> Result:
            return Result(3 if number == 1 else 0, json.dumps({"loss": number}))

        world = World(program=program)
        asyncio.run(world.live(lambda: world.phase == "Finished"))
        assert shown(world) == ("Healthy", "The cap of 5 runs is reached and none is active.")

    def test_a_failed_one_is_degraded_and_says_why(self) -> None:
        world = World(sweep(failurePolicy={"maxFailures": 2}), program=broken)
        asyncio.run(world.live(lambda: world.phase == "Failed"))
        status, message = shown(world)
        assert status == "Degraded"
        assert "2 runs have failed" in (message or "")

    def test_a_crashed_one_is_degraded_and_says_why(self) -> None:
        world = World()
        world.server.fail(RBAC, method="POST", plural="jobs", times=None)
        asyncio.run(world.settle())
        assert world.phase == "Crashed"
        status, message = shown(world)
        assert status == "Degraded"
        assert "cannot create resource jobs" in (message or "")

    def test_one_whose_spec_cannot_be_run_is_degraded_and_says_why(self) -> None:
        world = World(sweep(method="grid"))
        asyncio.run(world.settle())
        status, message = shown(world)
        assert status == "Degraded"
        assert "parameters.x" in (message or "")


class TestHealthOfARun:
    def test_it_is_progressing_until_its_end(self) -> None:
        world = World()
        asyncio.run(started(world))
        assert health(world.run(1))[0] == "Progressing"
        del world.run(1)["status"]
        assert health(world.run(1))[0] == "Progressing"

    def test_it_is_degraded_where_it_failed_and_says_why(self) -> None:
        world = World(program=broken)
        asyncio.run(world.live(lambda: world.phase == "Finished"))
        status, message = health(world.run(1))
        assert status == "Degraded"
        assert "3" in (message or "")

    def test_one_that_was_preempted_goes_on(self) -> None:
        async def main() -> World:
            world = World()
            await started(world)
            world.server.remove("jobs", "a-1-1")
            world.deliver()
            await world.reconcile()
            assert world.run(1)["status"]["phase"] in ("Crashed", "Pending")
            return world

        assert health(asyncio.run(main()).run(1))[0] == "Progressing"

    def test_one_that_was_killed_is_as_it_should_be(self) -> None:
        async def main() -> World:
            world = World()
            await started(world)
            set_state(world, "Cancelled")
            await world.live(lambda: world.condition("Complete")["status"] == "True")
            return world

        world = asyncio.run(main())
        assert world.run(1)["status"]["phase"] == "Killed"
        assert health(world.run(1))[0] == "Healthy"


def in_state(state: str, phase: str | None = None, **runs: int) -> Json:
    """A Sweep of which the operator has said something, or nothing yet."""
    found = sweep(state=state)
    if phase is not None:
        found["status"] = {"phase": phase, "runs": {"failed": 0, "crashed": 0} | runs}
    return found


ENABLED = [
    (in_state("Running"), {"pause", "stop", "cancel"}),
    (in_state("Running", "Running"), {"pause", "stop", "cancel"}),
    (in_state("Running", "Running", failed=1), {"pause", "stop", "cancel", "rerun-failed"}),
    (in_state("Paused", "Paused"), {"resume", "stop", "cancel"}),
    (in_state("Paused", "Paused", crashed=1), {"resume", "stop", "cancel", "rerun-failed"}),
    (in_state("Stopped", "Stopped", failed=1), {"cancel"}),
    (in_state("Cancelled", "Cancelled", failed=1), set()),
    (in_state("Running", "Finished"), set()),
    (in_state("Running", "Finished", failed=1), {"rerun-failed"}),
    (in_state("Paused", "Finished"), {"resume"}),
    (in_state("Running", "Failed", failed=2), {"pause", "stop", "cancel", "rerun-failed"}),
    (in_state("Running", "Crashed"), {"pause", "stop", "cancel"}),
]


class TestActions:
    @pytest.mark.parametrize(("given", "names"), ENABLED)
    def test_those_are_enabled_that_the_state_allows(self, given: Json, names: set[str]) -> None:
        assert enabled(given) == names

    def test_each_that_is_offered_can_be_taken(self) -> None:
        offered = enabled(in_state("Running", "Running", failed=1)) | enabled(in_state("Paused"))
        assert {each["name"] for each in actions()["definitions"]} == offered

    @pytest.mark.parametrize(
        ("name", "state"),
        [("pause", "Paused"), ("resume", "Running"), ("stop", "Stopped"), ("cancel", "Cancelled")],
    )
    def test_it_sets_the_state_and_nothing_else(self, name: str, state: str) -> None:
        given = whole()
        assert acted(given, name) == given | {"spec": given["spec"] | {"state": state}}

    def test_to_run_failed_ones_again_it_raises_the_count_and_nothing_else(self) -> None:
        given = whole()
        raised = {**given["spec"], "rerunFailed": 1}
        assert acted(given, "rerun-failed") == given | {"spec": raised}
        again = acted(acted(given, "rerun-failed"), "rerun-failed")
        assert again["spec"]["rerunFailed"] == 2


def whole() -> Json:
    """A Sweep with what is hard on its way through Lua."""
    world = World()
    asyncio.run(world.live(lambda: world.phase == "Finished"))
    found = stored(world)
    pod = found["spec"]["template"]["spec"]["template"]["spec"]
    pod["volumes"] = [{"name": "v", "emptyDir": {}}]
    pod["containers"][0]["args"] = []
    pod["securityContext"] = {}
    found["spec"]["parameters"]["big"] = {"values": [2**53 - 1, 1e-300, "1", True]}
    return found


def test_marks_of_a_sweep_are_on_nothing_that_is_made_for_it() -> None:
    world = World()
    marks = {"app.kubernetes.io/instance": "x", "argocd.argoproj.io/tracking-id": "x"}
    world.server.change("sweeps", "a", {"metadata": {"labels": marks, "annotations": marks}})
    asyncio.run(started(world))
    for plural in ("sweepruns", "jobs", "pods"):
        assert world.server.of(plural)
        assert not any(mark in json.dumps(world.server.of(plural)) for mark in marks)


def test_argo_cd_need_not_look_again_at_each_change_of_what_is_made_for_a_sweep() -> None:
    world = World()
    asyncio.run(started(world))
    quiet = "argocd.argoproj.io/ignore-resource-updates"
    for plural in ("sweepruns", "jobs", "pods"):
        for child in world.server.of(plural):
            assert child["metadata"]["annotations"][quiet] == "true"


class TestConfigMap:
    def test_it_is_made_from_the_lua_beside_it(self) -> None:
        check = [sys.executable, str(ROOT / "dev/argocd-cm"), "--check"]
        assert subprocess.run(check, check=False).returncode == 0

    def test_it_holds_each_program_as_it_stands_in_its_file(self) -> None:
        for kind in ("Sweep", "SweepRun"):
            setting = f"resource.customizations.health.sweep-operator.io_{kind}"
            assert SETTINGS[setting] == (LUA / kind / "health.lua").read_text()
        folder = LUA / "Sweep/actions"
        assert actions()["discovery.lua"] == (folder / "discovery.lua").read_text()
        assert {each["name"]: each["action.lua"] for each in actions()["definitions"]} == {
            path.parent.name: path.read_text() for path in folder.glob("*/action.lua")
        }
