"""Lost runs that a person asks for again, pass by pass: each once for each request."""

import asyncio
import json
from typing import Any

import pytest
from tests.fakes.apiserver import Call, Fault
from tests.fakes.asked import Asked, a_tenth
from tests.fakes.world import Result, World, sweep
from tests.unit.test_preemption import evict, never

from sweep_operator.api.run import SweepRunStatus
from sweep_operator.effects.api import ApiError
from sweep_operator.effects.suggester import Question

CONFLICT = ApiError(409, "Conflict", "the object has been modified")
BROKEN = (2, 4)
"""Runs whose first attempt fails."""

cut_off = pytest.mark.parametrize(
    "after", [False, True], ids=["before it arrived", "after it took effect"]
)


def mended(number: int, attempt: int) -> Result:
    """A program that some runs fail the first time. The higher the number, the better."""
    if number in BROKEN and attempt == 1:
        return Result(3)
    return Result(0, json.dumps({"loss": -number}))


def broken(number: int, _attempt: int) -> Result:
    """A program that some runs fail each time."""
    return Result(3) if number in BROKEN else Result(0, json.dumps({"loss": -number}))


def finished(world: World) -> bool:
    return world.phase == "Finished"


def all_finished(world: World) -> bool:
    return finished(world) and world.status["runs"]["finished"] == 5


def ask(world: World, times: int = 1) -> None:
    """Raise the sweep's number, as `kubectl patch` does."""
    world.server.change("sweeps", "a", {"spec": {"rerunFailed": times}})


def ask_for(world: World, number: int, times: int = 1) -> None:
    """Raise one run's number."""
    world.server.change("sweepruns", f"a-{number}", {"spec": {"attemptsRequested": times}})


def edit(world: World, **spec: Any) -> None:
    world.server.change("sweeps", "a", {"spec": spec})


def outcomes(world: World, number: int) -> list[str]:
    """How a run's attempts ended."""
    return [each["outcome"] for each in world.run(number)["status"]["attempts"]]


def phase_of(world: World, number: int) -> tuple[str, str]:
    status = world.run(number)["status"]
    return status["phase"], status.get("reason", "")


def again(world: World) -> list[str]:
    """Jobs of attempts after the first."""
    return sorted(name for name in world.made("jobs") if not name.endswith("-1"))


async def ended(program: Any = mended, **spec: Any) -> World:
    """A sweep that has come to its end, with two runs Failed."""
    world = World(sweep(**spec), program)
    await world.live(lambda: finished(world))
    assert world.status["runs"]["failed"] == 2
    return world


@pytest.fixture(scope="module")
def undisturbed() -> World:
    async def main() -> World:
        world = await ended()
        world.server.calls.clear()
        ask(world)
        await world.live(lambda: all_finished(world))
        return world

    return asyncio.run(main())


def assert_run_again_once(world: World, undisturbed: World) -> None:
    assert again(world) == ["a-2-2", "a-4-2"]
    assert len(world.made("jobs")) == 7
    assert sorted(world.made("sweepruns")) == [f"a-{number}" for number in range(1, 6)]
    assert world.parameters == undisturbed.parameters
    assert world.most_active <= 2


class TestAllOfThem:
    def test_failed_runs_run_again_with_their_parameters_and_no_other_does(
        self, undisturbed: World
    ) -> None:
        assert_run_again_once(undisturbed, undisturbed)
        assert outcomes(undisturbed, 2) == ["Failed", "Finished"]
        assert outcomes(undisturbed, 3) == ["Finished"]
        jobs = {job["metadata"]["name"]: job for job in undisturbed.server.of("jobs")}
        templates = [jobs[name]["spec"]["template"] for name in ("a-4-1", "a-4-2")]
        first, second = (each["metadata"]["annotations"] for each in templates)
        assert first["sweep-operator.io/parameters"] == second["sweep-operator.io/parameters"]
        for record in undisturbed.server.of("sweepruns"):
            SweepRunStatus.model_validate(record["status"])

    def test_a_finished_sweep_is_running_until_they_have_ended(self) -> None:
        async def main() -> None:
            world = await ended()
            before = world.status["completionTime"]
            world.clock.now += 100
            ask(world)
            await world.settle()
            assert world.phase == "Running"
            assert world.condition("Complete")["status"] == "False"
            assert "completionTime" not in world.status
            assert world.status["runs"]["failed"] == 0
            await world.live(lambda: finished(world))
            assert world.status["completionTime"] > before
            assert world.status["runs"]["finished"] == 5

        asyncio.run(main())

    def test_their_results_count_like_any(self) -> None:
        async def main() -> World:
            world = await ended(runCap=4)
            assert world.status["best"]["run"] == "a-3"
            ask(world)
            await world.live(lambda: world.status["runs"]["finished"] == 4)
            return world

        assert asyncio.run(main()).status["best"]["run"] == "a-4"

    def test_it_is_told_how_many(self, undisturbed: World) -> None:
        told = [each.note for each in undisturbed.teller.told if each.reason == "RunsRerun"]
        assert told == ["2 runs are run again by request."]

    def test_nothing_more_happens_however_often_the_operator_starts_anew(self) -> None:
        async def main() -> World:
            world = await ended()
            ask(world)
            await world.live(lambda: all_finished(world))
            for _ in range(3):
                world.start()
                world.clock.now += 60
                await world.settle()
            return world

        assert again(asyncio.run(main())) == ["a-2-2", "a-4-2"]

    def test_those_that_fail_again_stay_so_until_they_are_asked_for_again(self) -> None:
        async def main() -> World:
            world = await ended(broken)
            ask(world)
            await world.live(lambda: finished(world) and len(again(world)) == 2)
            world.start()
            world.clock.now += 3600
            await world.settle()
            assert again(world) == ["a-2-2", "a-4-2"]
            ask(world, 2)
            await world.live(lambda: finished(world) and len(again(world)) == 4)
            return world

        assert outcomes(asyncio.run(main()), 2) == ["Failed"] * 3

    def test_a_number_raised_by_more_than_one_asks_once(self) -> None:
        async def main() -> World:
            world = await ended(broken)
            ask(world, 5)
            for _ in range(30):
                await world.live(lambda: True)
                world.step()
                world.clock.now += 60
            return world

        assert again(asyncio.run(main())) == ["a-2-2", "a-4-2"]

    def test_what_fails_after_the_request_is_not_run_again_for_it(self) -> None:
        async def main() -> World:
            world = World(sweep(rerunFailed=3), mended)
            await world.settle()
            ask(world, 4)
            await world.live(lambda: finished(world))
            world.start()
            await world.settle()
            return world

        world = asyncio.run(main())
        assert again(world) == []
        assert phase_of(world, 4) == ("Failed", "ProgramFailed")

    def test_of_a_running_sweep_they_go_before_new_runs_and_within_its_parallelism(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=6, parallelism=1), mended)
            await world.live(lambda: world.status.get("runs", {}).get("failed") == 1)
            ask(world)
            await world.live(lambda: finished(world))
            return world

        world = asyncio.run(main())
        jobs = world.made("jobs")
        assert jobs[jobs.index("a-2-2") :] == ["a-2-2", "a-4-1", "a-5-1", "a-6-1"]
        assert world.most_active == 1

    def test_a_crashed_one_is_run_again_once_it_is_so_for_good(self) -> None:
        async def main() -> World:
            manifest = sweep(runCap=1, parallelism=1, preemption={"maxPreemptions": 0})
            world = World(manifest, never)
            for _ in range(3):
                await world.settle()
                world.step() if not world.server.of("pods") else world.start_pod("a-1-1")
            evict(world)
            await world.settle()
            assert phase_of(world, 1) == ("Crashed", "PreemptionsExhausted")
            world.program = mended
            ask(world)
            await world.live(lambda: finished(world) and bool(again(world)))
            return world

        assert outcomes(asyncio.run(main()), 1) == ["Crashed", "Finished"]


class TestOneOfThem:
    def test_it_is_run_again_and_the_others_are_not(self) -> None:
        async def main() -> World:
            world = await ended()
            ask_for(world, 4)
            await world.live(lambda: finished(world) and world.status["runs"]["finished"] == 4)
            world.start()
            await world.settle()
            return world

        world = asyncio.run(main())
        assert again(world) == ["a-4-2"]
        assert phase_of(world, 2) == ("Failed", "ProgramFailed")

    def test_asked_for_in_both_ways_at_once_it_is_run_again_once(self) -> None:
        async def main() -> World:
            world = await ended(broken)
            ask(world)
            ask_for(world, 4)
            for _ in range(30):
                await world.live(lambda: True)
                world.step()
                world.clock.now += 60
            return world

        assert again(asyncio.run(main())) == ["a-2-2", "a-4-2"]

    @pytest.mark.parametrize("number", [1, 3])
    def test_a_finished_one_stays_as_it_is(self, number: int) -> None:
        async def main() -> World:
            world = await ended()
            ask_for(world, number)
            await world.settle()
            world.start()
            await world.settle()
            return world

        world = asyncio.run(main())
        assert again(world) == []
        assert finished(world)

    def test_asked_for_while_it_runs_it_isnt_run_again_for_that_when_it_fails(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=2), mended)
            await world.live(lambda: world.status.get("runs", {}).get("running") == 2)
            ask_for(world, 2)
            await world.live(lambda: finished(world))
            await world.settle()
            return world

        world = asyncio.run(main())
        assert phase_of(world, 2) == ("Failed", "ProgramFailed")
        assert again(world) == []


class TestStates:
    def test_paused_holds_them_and_resume_runs_them(self) -> None:
        async def main() -> World:
            world = World(sweep(), mended)
            await world.live(lambda: world.status.get("runs", {}).get("failed") == 1)
            edit(world, state="Paused")
            await world.live(lambda: world.phase == "Paused" and not world.status["active"])
            ask(world)
            ask_for(world, 2)
            for _ in range(10):
                await world.settle()
                world.clock.now += 60
            assert phase_of(world, 2) == ("Failed", "ProgramFailed")
            edit(world, state="Running")
            await world.live(lambda: finished(world))
            return world

        assert outcomes(asyncio.run(main()), 2) == ["Failed", "Finished"]

    def test_one_that_has_not_started_again_is_held_by_a_pause_too(self) -> None:
        async def main() -> World:
            world = await ended(parallelism=1)
            ask(world)
            await world.settle()
            assert again(world) == ["a-2-2"]
            edit(world, state="Paused")
            for _ in range(10):
                await world.settle()
                world.clock.now += 60
            assert phase_of(world, 4) == ("Pending", "Rerun")
            assert world.active == 0, "its Job was withdrawn"
            assert world.phase == "Paused"
            edit(world, state="Running")
            await world.live(lambda: all_finished(world))
            return world

        assert outcomes(asyncio.run(main()), 4) == ["Failed", "Finished"]

    @pytest.mark.parametrize("state", ["Stopped", "Cancelled"])
    def test_in_a_stopped_or_cancelled_sweep_a_run_stays_as_it_is(self, state: str) -> None:
        async def main() -> World:
            world = World(sweep(runCap=3), mended)
            await world.live(lambda: world.status.get("runs", {}).get("failed") == 1)
            edit(world, state=state)
            ask_for(world, 2)
            await world.live(lambda: world.condition("Complete")["status"] == "True")
            world.start()
            await world.settle()
            return world

        world = asyncio.run(main())
        assert again(world) == []
        assert phase_of(world, 2) == ("Failed", "ProgramFailed")

    def test_a_stop_ends_those_that_have_not_started_again(self) -> None:
        async def main() -> World:
            world = await ended(parallelism=1)
            ask(world)
            await world.settle()
            edit(world, state="Stopped")
            await world.live(lambda: world.condition("Complete")["status"] == "True")
            return world

        world = asyncio.run(main())
        assert phase_of(world, 4) == ("Killed", "NotStarted")
        assert world.phase == "Stopped"

    def test_a_failed_sweep_goes_on_as_fewer_runs_are_failed_then(self) -> None:
        async def main() -> World:
            policy = {"maxFailures": 2}
            world = World(sweep(failurePolicy=policy), mended)
            await world.live(lambda: world.condition("Failed")["status"] == "True")
            ask(world)
            await world.live(lambda: world.phase == "Running")
            assert world.condition("Failed")["status"] == "False"
            await world.live(lambda: all_finished(world))
            return world

        assert again(asyncio.run(main())) == ["a-2-2", "a-4-2"]

    def test_it_fails_again_when_they_do_and_holds_what_is_left(self) -> None:
        async def main() -> World:
            world = World(sweep(failurePolicy={"maxFailures": 2}), broken)
            await world.live(lambda: world.condition("Failed")["status"] == "True")
            edit(world, failurePolicy={"maxFailures": 1}, parallelism=1, rerunFailed=1)
            await world.live(lambda: again(world) == ["a-2-2"])
            await world.live(lambda: world.condition("Failed")["status"] == "True")
            world.clock.now += 3600
            await world.settle()
            return world

        world = asyncio.run(main())
        assert again(world) == ["a-2-2"]
        assert phase_of(world, 4) == ("Pending", "Rerun")

    def test_a_sweep_that_was_good_enough_runs_them_makes_no_others_and_keeps_its_reason(
        self,
    ) -> None:
        async def main() -> World:
            target = {"name": "loss", "goal": "minimize", "target": -5}
            world = await ended(runCap=50, metric=target)
            made = world.status["lastNumber"]
            edit(world, metric={**target, "target": -40}, rerunFailed=1)
            await world.settle()
            assert world.phase == "Running"
            world.start()  # what is known of its end is on record alone
            await world.live(lambda: finished(world) and world.status["runs"]["failed"] == 0)
            assert world.status["lastNumber"] == made
            return world

        world = asyncio.run(main())
        assert again(world) == ["a-2-2", "a-4-2"]
        assert world.status["endReason"] == "Target"

    def test_a_plateau_stays_the_end_though_a_run_again_is_better(self) -> None:
        def program(number: int, attempt: int) -> Result:
            if number in BROKEN and attempt == 1:
                return Result(3)
            return Result(0, json.dumps({"loss": 1 if attempt == 1 else -9}))

        async def main() -> World:
            world = await ended(program, runCap=50, parallelism=1, plateau={"runs": 3})
            ask(world)
            await world.settle()
            made = len(world.made("sweepruns"))
            world.start()
            await world.live(lambda: finished(world) and world.status["runs"]["failed"] == 0)
            assert world.status["best"]["value"] == -9
            assert len(world.made("sweepruns")) == made
            return world

        assert asyncio.run(main()).status["endReason"] == "Plateau"


class TestBudgets:
    def test_retries_are_counted_anew_and_attempts_go_on(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=1, failurePolicy={"maxRetries": 1}), lambda *_: Result(3))
            await world.live(lambda: finished(world))
            ask(world)
            await world.live(lambda: phase_of(world, 1) == ("Pending", "Retrying"))
            assert "Retry 1 of 1" in world.run(1)["status"]["message"]
            await world.live(lambda: finished(world))
            return world

        world = asyncio.run(main())
        assert world.made("jobs") == ["a-1-1", "a-1-2", "a-1-3", "a-1-4"]
        status = world.run(1)["status"]
        assert (status["failures"], status["attemptsMade"]) == (4, 4)

    def test_a_run_asked_for_is_not_kept_waiting_for_what_its_attempts_did_before(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=1, failurePolicy={"maxRetries": 3}), lambda *_: Result(3))
            await world.live(lambda: finished(world))
            ask(world)
            await world.settle()
            return world

        assert asyncio.run(main()).made("jobs")[-1] == "a-1-5"


class TestCutOff:
    @cut_off
    def test_an_operator_killed_at_any_request_runs_each_again_once(
        self, undisturbed: World, *, after: bool
    ) -> None:
        async def main(number: int) -> World:
            world = await ended()
            world.server.die_at(number, after=after)
            ask(world)
            await world.live(lambda: all_finished(world))
            return world

        for number in range(1, len(undisturbed.server.calls) + 1):
            assert_run_again_once(asyncio.run(main(number)), undisturbed)

    @cut_off
    @pytest.mark.parametrize("error", [CONFLICT, ApiError(0, "NoAnswer", "reset")], ids=str)
    def test_any_one_request_that_fails_changes_nothing(
        self, undisturbed: World, error: ApiError, *, after: bool
    ) -> None:
        async def main(number: int) -> World:
            world = await ended()
            world.server.fail_call(number, error, after=after)
            ask(world)
            await world.live(lambda: all_finished(world))
            return world

        for number in range(1, len(undisturbed.server.calls) + 1):
            assert_run_again_once(asyncio.run(main(number)), undisturbed)

    def test_a_sweep_does_not_say_that_it_has_finished_before_they_are_reopened(self) -> None:
        async def main() -> World:
            world = await ended()
            world.server.fail(CONFLICT, method="PATCH", plural="sweepruns", times=2)
            ask(world)
            world.deliver()
            await world.attempt()
            return world

        world = asyncio.run(main())
        assert phase_of(world, 2) == ("Failed", "ProgramFailed")
        assert world.phase == "Running"
        assert world.status["observedGeneration"] == 2


class TestRaces:
    """A request that arrives while a run's outcome is being written."""

    async def raced(self, request: Any) -> World:
        world = World(sweep(runCap=2, parallelism=2), broken)

        def hits(call: Call) -> bool:
            if call.plural != "sweepruns" or call.name != "a-2":
                return False
            if call.body and call.body["status"].get("phase") == "Failed" and not asked:
                asked.append(call)
                request(world)  # arrives first
            return False

        asked: list[Call] = []
        world.server.faults.append(Fault(hits, lambda: CONFLICT))
        for _ in range(60):
            await world.live(lambda: True)
            world.step()
            world.clock.now += 60
        assert asked
        return world

    def test_the_sweeps_own_has_it_run_again_once_if_the_operator_had_not_seen_it(self) -> None:
        world = asyncio.run(self.raced(ask))
        assert again(world) == ["a-2-2"]

    def test_the_runs_own_was_there_before_the_run_had_failed_and_asks_for_nothing(self) -> None:
        world = asyncio.run(self.raced(lambda world: ask_for(world, 2)))
        assert again(world) == []
        assert finished(world)


def lost(world: World) -> list[int]:
    """The runs that are Failed on record."""
    runs = world.server.of("sweepruns")
    return [run["spec"]["number"] for run in runs if run["status"]["phase"] == "Failed"]


async def life_in_which(request: Any, number: int) -> tuple[list[int], World]:
    """A whole life, with a request right before the operator's by its number.

    Returns what was lost by then, and the end.
    """
    world = World(sweep(), broken)
    found: list[list[int]] = []

    def hits(_: Call) -> bool:
        if len(world.server.calls) == number:
            found.append(lost(world))
            request(world)
        return False

    world.server.faults.append(Fault(hits, lambda: CONFLICT))
    await world.live(lambda: finished(world))
    for _ in range(20):
        await world.live(lambda: True)
        world.step()
        world.clock.now += 60
    assert finished(world)
    return found[0], world


@pytest.fixture(scope="module")
def requests() -> range:
    """The operator's in such a life, by their numbers."""
    world = asyncio.run(ended(broken))
    return range(1, len(world.server.calls) + 1)


def test_whenever_all_are_asked_for_each_that_is_lost_by_then_runs_again_and_none_twice(
    requests: range,
) -> None:
    """One that is lost while the operator can't know of the request yet is heard too."""
    heard = set()
    for number in requests:
        by_then, world = asyncio.run(life_in_which(ask, number))
        expected = {f"a-{each}-2" for each in by_then}
        assert expected <= set(again(world)) <= {"a-2-2", "a-4-2"}
        heard.add(tuple(again(world)))
    assert heard == {(), ("a-2-2",), ("a-2-2", "a-4-2")}


def test_whenever_one_is_asked_for_it_runs_again_if_it_is_lost_by_then_and_only_then(
    requests: range,
) -> None:
    def request(world: World) -> None:
        if ("sweepruns", "lab", "a-2") in world.server.objects:
            ask_for(world, 2)

    heard = set()
    for number in requests:
        by_then, world = asyncio.run(life_in_which(request, number))
        assert again(world) == (["a-2-2"] if 2 in by_then else [])
        heard.add(2 in by_then)
    assert heard == {True, False}


def test_a_search_takes_one_for_pending_and_then_learns_its_new_result() -> None:
    async def main() -> list[Question]:
        asked = Asked(a_tenth)
        world = World(sweep(runCap=4, parallelism=1, method="tpe"), broken, asked)
        await world.live(lambda: finished(world))
        world.program = mended
        edit(world, rerunFailed=1, runCap=5, parallelism=3)
        await world.live(lambda: world.status["lastNumber"] == 5)
        edit(world, runCap=6)
        await world.live(lambda: finished(world) and world.status["lastNumber"] == 6)
        return asked.questions

    *_, fourth, fifth, sixth = asyncio.run(main())
    assert [each.value for each in fourth.observations] == [-1, None, -3]
    assert [each.number for each in fifth.pending] == [2, 4]
    assert [each.value for each in fifth.observations] == [-1, -3]
    assert [each.value for each in sixth.observations] == [-1, -2, -3, -4, -5]
