"""Runs whose pods are taken away, pass by pass, on an API server in memory."""

import asyncio
from typing import Any

import pytest
from tests.fakes.world import NAMESPACE, Result, World, sweep

from sweep_operator.effects.api import ApiError
from sweep_operator.planning.steps import POD_LAG
from sweep_operator.planning.times import timestamp

REFUSED = ApiError(403, "Forbidden", 'nodes "node-1" is forbidden')


def never(_number: int, _attempt: int) -> Result:
    raise AssertionError("this program doesn't end by itself")


def finished(world: World) -> bool:
    return world.phase == "Finished"


async def running_world(**spec: Any) -> World:
    """A sweep of one run, which runs."""
    world = World(sweep(**{"runCap": 1, "parallelism": 1, **spec}), never)
    await world.settle()
    for _ in range(2):
        world.step()
        await world.settle()
    assert world.run(1)["status"]["phase"] == "Running"
    return world


def evict(world: World, job: str = "a-1-1", *, code: int = 143) -> None:
    """What a drain does to a pod, and the Job controller after it."""
    now = timestamp(world.clock())
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "lastTransitionTime": now,
    }
    world.end_pod(job, Result(code))
    world.server.change(
        "pods",
        f"{job}-pod",
        {"metadata": {"deletionTimestamp": now}, "status": {"conditions": [condition]}},
    )
    world.end_job(job, Result(code))
    conditions = world.server.named("jobs", job)["status"]["conditions"]
    conditions[0]["message"] = "Pod lab/p has condition DisruptionTarget matching rule at index 0"
    world.server.change("jobs", job, {"status": {"conditions": conditions}})


def status(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.run(1)["status"]
    return found


class TestRequeue:
    def test_an_evicted_run_is_run_again_with_the_same_parameters_and_counted_once(self) -> None:
        async def main() -> World:
            world = await running_world()
            evict(world)
            await world.settle()
            assert status(world)["phase"] == "Crashed"
            assert world.phase == "Running"
            world.program = lambda _number, _attempt: Result(0, '{"loss": 1}')
            await world.live(lambda: finished(world))
            return world

        world = asyncio.run(main())
        assert world.made("sweepruns") == ["a-1"]
        assert world.made("jobs") == ["a-1-1", "a-1-2"]
        first, second = status(world)["attempts"]
        assert (first["outcome"], first["reason"]) == ("Crashed", "EvictionByEvictionAPI")
        assert second["outcome"] == "Finished"
        assert status(world)["preemptions"] == 1
        assert "failures" not in status(world)
        jobs = [
            job["spec"]["template"]["metadata"]["annotations"] for job in world.server.of("jobs")
        ]
        assert jobs[0]["sweep-operator.io/parameters"] == jobs[1]["sweep-operator.io/parameters"]

    @pytest.mark.parametrize("state", ["Paused", "Stopped"])
    def test_it_is_run_again_while_the_sweep_is_paused_or_stopped(self, state: str) -> None:
        async def main() -> World:
            world = await running_world(runCap=3)
            world.server.change("sweeps", "a", {"spec": {"state": state}})
            evict(world)
            world.program = lambda _number, _attempt: Result(0, '{"loss": 1}')
            await world.live(lambda: status(world)["phase"] == "Finished")
            return world

        world = asyncio.run(main())
        assert world.made("jobs") == ["a-1-1", "a-1-2"]
        assert world.phase == state

    def test_it_is_not_once_the_sweep_is_cancelled(self) -> None:
        async def main() -> World:
            world = await running_world()
            evict(world)
            await world.settle()
            world.server.change("sweeps", "a", {"spec": {"state": "Cancelled"}})
            world.clock.now += 3600
            await world.settle()
            return world

        world = asyncio.run(main())
        assert world.made("jobs") == ["a-1-1"]
        assert status(world)["phase"] == "Killed"

    def test_a_pod_that_the_watch_still_calls_running_is_no_witness(self) -> None:
        """It was deleted, and is gone: what is left of its end is in the Job's condition."""

        async def main() -> World:
            world = await running_world()
            world.end_job("a-1-1", Result(143))
            message = "Container main for pod lab/p failed with exit code 143 matching FailJob rule"
            conditions = world.server.named("jobs", "a-1-1")["status"]["conditions"]
            conditions[0]["message"] = f"{message} at index 1"
            world.server.change("jobs", "a-1-1", {"status": {"conditions": conditions}})
            world.server.remove("pods", "a-1-1-pod")
            world.clock.now += POD_LAG
            world.deliver("jobs")
            await world.reconcile()
            return world

        world = asyncio.run(main())
        (attempt,) = status(world)["attempts"]
        assert (attempt["outcome"], attempt["reason"]) == ("Crashed", "PodDeleted")

    def test_it_goes_before_new_runs(self) -> None:
        async def main() -> World:
            world = await running_world(runCap=2)
            world.clock.now += 120
            evict(world)
            await world.settle()
            return world

        assert asyncio.run(main()).made("jobs") == ["a-1-1", "a-1-2"]

    def test_in_backoff_it_holds_no_slot(self) -> None:
        async def main() -> World:
            world = await running_world(runCap=2)
            evict(world)
            await world.settle()
            return world

        assert asyncio.run(main()).made("jobs") == ["a-1-1", "a-2-1"]


class TestBudgets:
    def test_a_run_preempted_too_often_stays_crashed_and_the_sweep_ends(self) -> None:
        async def main() -> World:
            world = await running_world(preemption={"maxPreemptions": 0})
            evict(world)
            await world.settle()
            return world

        world = asyncio.run(main())
        assert status(world)["phase"] == "Crashed"
        assert status(world)["reason"] == "PreemptionsExhausted"
        assert status(world)["completionTime"]
        assert world.phase == "Finished"
        assert world.status["runs"]["crashed"] == 1

    def test_it_stays_so_for_an_operator_that_starts_anew(self) -> None:
        async def main() -> World:
            world = await running_world(preemption={"maxPreemptions": 0})
            evict(world)
            await world.settle()
            world.start()
            world.clock.now += 3600
            await world.settle()
            return world

        assert asyncio.run(main()).made("jobs") == ["a-1-1"]

    def test_a_failed_run_is_tried_again_as_often_as_allowed_and_counted_once(self) -> None:
        async def main() -> World:
            policy = {"maxRetries": 1, "maxFailures": 1}
            world = World(
                sweep(runCap=1, parallelism=1, failurePolicy=policy), lambda *_: Result(3)
            )
            await world.live(lambda: world.phase == "Failed")
            return world

        world = asyncio.run(main())
        assert world.made("jobs") == ["a-1-1", "a-1-2"]
        assert status(world)["failures"] == 2
        assert world.status["runs"]["failed"] == 1

    def test_between_its_attempts_it_is_pending_and_says_so(self) -> None:
        async def main() -> World:
            policy = {"maxRetries": 1}
            world = World(
                sweep(runCap=1, parallelism=1, failurePolicy=policy), lambda *_: Result(3)
            )
            await world.live(lambda: status(world).get("reason") == "Retrying")
            return world

        world = asyncio.run(main())
        assert status(world)["phase"] == "Pending"
        assert "Retry 1 of 1" in status(world)["message"]
        assert world.status["runs"]["failed"] == 0


class TestUnreachableNodes:
    async def stuck(self, *taints: str) -> World:
        """A pod that was deleted on a node whose kubelet is silent."""
        world = await running_world()
        node = {
            "metadata": {"name": "node-1", "namespace": ""},
            "spec": {"taints": [{"key": key} for key in taints]},
        }
        world.server.put("nodes", node)
        deletion = {
            "deletionTimestamp": timestamp(world.clock() + 30),
            "deletionGracePeriodSeconds": 30,
        }
        world.server.change("pods", "a-1-1-pod", {"metadata": deletion})
        world.clock.now += 89
        await world.settle()
        assert ("pods", NAMESPACE, "a-1-1-pod") in world.server.objects
        return world

    @pytest.mark.parametrize("taint", ["unreachable", "out-of-service"])
    def test_its_pod_is_called_failed_and_removed(self, taint: str) -> None:
        async def main() -> World:
            world = await self.stuck(f"node.kubernetes.io/{taint}")
            world.clock.now += 1
            await world.settle()
            return world

        world = asyncio.run(main())
        assert ("pods", NAMESPACE, "a-1-1-pod") not in world.server.objects
        (failed,) = (
            call
            for call in world.server.calls
            if call.subresource == "status" and call.plural == "pods"
        )
        assert failed.body["status"]["phase"] == "Failed"
        (condition,) = failed.body["status"]["conditions"]
        assert (condition["type"], condition["status"]) == ("DisruptionTarget", "True")

    def test_it_is_left_alone_while_its_node_is_in_reach(self) -> None:
        async def main() -> World:
            world = await self.stuck("node.kubernetes.io/disk-pressure")
            world.clock.now += 3600
            await world.settle()
            return world

        assert asyncio.run(main()).server.count("DELETE", "pods") == 0

    def test_its_node_is_looked_at_again_by_itself(self) -> None:
        async def main() -> World:
            world = await self.stuck()
            world.clock.now += 1
            await world.settle()
            again = await world.reconcile()
            assert again is not None
            taint = {"key": "node.kubernetes.io/unreachable"}
            world.server.put(
                "nodes",
                {"metadata": {"name": "node-1", "namespace": ""}, "spec": {"taints": [taint]}},
            )
            world.clock.now += again
            await world.settle()
            return world

        assert asyncio.run(main()).server.count("DELETE", "pods") == 1

    def test_without_the_rights_the_run_says_what_a_person_can_do(self) -> None:
        async def main() -> World:
            world = await self.stuck("node.kubernetes.io/unreachable")
            world.server.fail(REFUSED, plural="nodes", times=None)
            for _ in range(3):
                world.clock.now += 60
                await world.settle()
            return world

        world = asyncio.run(main())
        assert (status(world)["phase"], status(world)["reason"]) == ("Running", "PodStuck")
        assert "kubectl delete pod a-1-1-pod --force" in status(world)["message"]
        told = [
            call
            for call in world.server.calls
            if call.plural == "sweepruns"
            and call.body
            and call.body.get("status", {}).get("reason") == "PodStuck"
        ]
        assert len(told) == 1


class TestLateLook:
    def test_a_deadline_is_the_runs_own_if_events_tell_that_it_started(self) -> None:
        """The Job controller deletes the pod, and the operator may have been down."""

        async def main() -> World:
            world = World(sweep(runCap=1, parallelism=1), never)
            await world.settle()
            for _ in range(2):
                world.step()
            (job,) = world.server.of("jobs")
            world.server.put(
                "events",
                event(job["metadata"]["uid"], "SuccessfulCreate", message="Created pod: a-1-1-pod"),
            )
            world.server.put(
                "events",
                event(
                    "p", "Started", name="a-1-1-pod", kind="Pod", fieldPath="spec.containers{main}"
                ),
            )
            world.server.remove("pods", "a-1-1-pod")
            world.end_job("a-1-1", Result(1))
            conditions = world.server.named("jobs", "a-1-1")["status"]["conditions"]
            conditions[0]["reason"] = "DeadlineExceeded"
            world.server.change("jobs", "a-1-1", {"status": {"conditions": conditions}})
            world.start()
            await world.live(lambda: finished(world))
            return world

        world = asyncio.run(main())
        assert (status(world)["phase"], status(world)["reason"]) == ("Failed", "DeadlineExceeded")


def event(uid: str, reason: str, message: str = "", **about: str) -> dict[str, Any]:
    return {
        "metadata": {"name": f"{reason}-{uid}", "namespace": NAMESPACE},
        "involvedObject": {"uid": uid, **about},
        "reason": reason,
        "message": message,
        "lastTimestamp": "2027-01-01T00:00:00Z",
    }
