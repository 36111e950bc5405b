"""Passes over one Sweep on an API server in memory: what is made, once, whatever goes wrong."""

import asyncio
import contextlib
import json
from typing import Any

import pytest
from tests.fakes import virtual
from tests.fakes.apiserver import NO_ANSWER, Call, Fault
from tests.fakes.world import Result, World, sweep

from sweep_operator.effects.api import ApiError
from sweep_operator.effects.cache import Cache
from sweep_operator.reconcile import start as starting
from sweep_operator.reconcile.settle import AT_ONCE
from sweep_operator.reconcile.sweep import Reconciler

QUOTA = ApiError(403, "Forbidden", 'jobs "x" is forbidden: exceeded quota: small, used: pods=4')
RBAC = ApiError(403, "Forbidden", "jobs is forbidden: User x cannot create resource jobs")
CONFLICT = ApiError(409, "Conflict", "the object has been modified")
SERVER_ERROR = ApiError(500, "InternalError", "etcdserver: leader changed")

RUNS = [f"a-{number}" for number in range(1, 6)]
JOBS = [f"{name}-1" for name in RUNS]


def finished(world: World) -> bool:
    return world.phase == "Finished"


def a_whole_life() -> World:
    """A sweep that ran to its end without trouble."""
    world = World()
    asyncio.run(world.live(lambda: finished(world)))
    return world


@pytest.fixture(scope="module")
def undisturbed() -> World:
    return a_whole_life()


def assert_same_end(world: World, undisturbed: World) -> None:
    """Each SweepRun and each Job made once, with the same parameters, never too many at a time."""
    assert sorted(world.made("sweepruns")) == RUNS
    assert sorted(world.made("jobs")) == JOBS
    assert world.parameters == undisturbed.parameters
    assert world.most_active <= 2
    assert world.status["runs"]["finished"] == 5
    assert world.status["best"]["run"] == "a-1"


class TestAWholeLife:
    def test_a_sweep_of_n_runs_makes_each_once_and_finishes(self, undisturbed: World) -> None:
        assert_same_end(undisturbed, undisturbed)
        assert undisturbed.most_active == 2

    def test_it_tells_that_it_runs_and_that_it_has_finished(self, undisturbed: World) -> None:
        assert undisturbed.teller.reasons == ["Running", "Finished"]

    def test_the_same_seed_makes_the_same_runs(self, undisturbed: World) -> None:
        assert a_whole_life().parameters == undisturbed.parameters

    def test_a_run_records_its_attempt_metrics_and_times(self, undisturbed: World) -> None:
        status = undisturbed.run(2)["status"]
        (attempt,) = status["attempts"]
        assert status["phase"] == "Finished"
        assert status["metrics"] == {"loss": 2}
        assert status["value"] == 2
        assert status["completionTime"] >= status["startTime"]
        assert attempt["job"] == "a-2-1"
        assert attempt["node"] == "node-1"
        assert attempt["exitCode"] == 0
        assert attempt["outcome"] == "Finished"

    def test_the_status_says_how_many_jobs_there_are(self) -> None:
        # status.active is what kubectl scale and autoscalers read as replicas.
        world = World()
        asyncio.run(world.settle())
        assert world.status["active"] == 2

    def test_a_finished_sweep_asks_for_nothing_until_a_job_is_to_go(self) -> None:
        async def main() -> None:
            world = World()
            await world.live(lambda: finished(world))
            await world.settle()
            calls = len(world.server.calls)
            for _ in range(20):
                wait = await world.reconcile()
                assert wait is not None
                assert wait > 60
            assert len(world.server.calls) == calls

        asyncio.run(main())

    def test_a_quiet_sweep_asks_for_nothing_again_and_again(self) -> None:
        async def main() -> None:
            world = World()
            await world.settle()
            for _ in range(2):  # pods that run
                world.step()
                await world.settle()
            calls = len(world.server.calls)
            for _ in range(20):
                wait = await world.reconcile()
                assert wait is None or wait > 0
            assert len(world.server.calls) == calls

        asyncio.run(main())

    def test_a_failed_run_leaves_the_sweep_running_and_is_never_best(self) -> None:
        def program(number: int, _: int) -> Result:
            return Result(3 if number == 1 else 0, json.dumps({"loss": number}))

        world = World(program=program)
        asyncio.run(world.live(lambda: finished(world)))
        assert world.run(1)["status"]["phase"] == "Failed"
        assert world.status["runs"] == {
            "pending": 0,
            "running": 0,
            "finished": 4,
            "failed": 1,
            "crashed": 0,
            "killed": 0,
        }
        assert world.status["best"]["run"] == "a-2"
        assert "RunsFailed" in world.teller.reasons
        assert world.made("jobs").count("a-1-1") == 1

    def test_a_grid_without_a_cap_ends_at_its_end(self) -> None:
        grid: dict[str, Any] = {"parameters": {"x": {"values": [1, 2, 3]}}, "method": "grid"}
        manifest = sweep(**grid)
        del manifest["spec"]["runCap"]
        world = World(manifest)
        asyncio.run(world.live(lambda: finished(world)))
        assert [run["x"] for run in world.parameters.values()] == [1, 2, 3]

    def test_a_raised_cap_makes_a_finished_sweep_go_on(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=1))
            await world.live(lambda: finished(world))
            ended = world.status["completionTime"]
            world.server.change("sweeps", "a", {"spec": {"runCap": 2}})
            await world.live(lambda: world.phase == "Running")
            assert "completionTime" not in world.status
            await world.live(lambda: finished(world))
            assert world.status["completionTime"] > ended
            return world

        assert asyncio.run(main()).made("sweepruns") == ["a-1", "a-2"]

    def test_a_lowered_parallelism_waits_for_the_runs_there_are(self) -> None:
        async def main() -> World:
            world = World(sweep(parallelism=3))
            await world.settle()
            world.server.change("sweeps", "a", {"spec": {"parallelism": 1}})
            await world.settle()
            assert world.active == 3
            for _ in range(2):
                world.step()
            world.end("a-1-1", Result(0))
            world.end("a-2-1", Result(0))
            await world.settle()
            assert world.active == 1
            assert world.made("jobs") == ["a-1-1", "a-2-1", "a-3-1"]
            return world

        asyncio.run(main())

    @pytest.mark.parametrize("state", ["Paused", "Stopped", "Cancelled"])
    def test_a_sweep_that_was_never_running_makes_nothing(self, state: str) -> None:
        world = World(sweep(state=state))
        asyncio.run(world.settle())
        assert world.server.made == []
        assert world.phase == state

    def test_a_sweep_without_a_run_left_to_make_waits_for_the_active_ones(self) -> None:
        world = World(sweep(runCap=2))
        asyncio.run(world.settle())
        assert world.phase == "Running"

    def test_a_sweep_marked_for_deletion_is_left_to_garbage_collection(self) -> None:
        async def main() -> World:
            world = World()
            now = "2027-01-01T00:00:00Z"
            world.server.change("sweeps", "a", {"metadata": {"deletionTimestamp": now}})
            world.deliver()
            assert await world.reconcile() is None
            return world

        assert asyncio.run(main()).server.calls == []


class TestCutOff:
    """A pass that ends after any of its requests leaves something that the next one completes."""

    @pytest.mark.parametrize(
        "after", [False, True], ids=["before it arrived", "after it took effect"]
    )
    def test_an_operator_killed_at_any_request_changes_nothing(
        self, undisturbed: World, *, after: bool
    ) -> None:
        async def main(number: int) -> World:
            world = World()
            world.server.die_at(number, after=after)
            await world.live(lambda: finished(world))
            return world

        for number in range(1, len(undisturbed.server.calls) + 1):
            assert_same_end(asyncio.run(main(number)), undisturbed)

    @pytest.mark.parametrize(
        "after", [False, True], ids=["before it arrived", "after it took effect"]
    )
    @pytest.mark.parametrize("error", [NO_ANSWER, SERVER_ERROR], ids=["no answer", "500"])
    def test_any_one_request_that_fails_changes_nothing(
        self, undisturbed: World, error: ApiError, *, after: bool
    ) -> None:
        async def main(number: int) -> World:
            world = World()
            world.server.fail_call(number, error, after=after)
            await world.live(lambda: finished(world))
            return world

        for number in range(1, len(undisturbed.server.calls) + 1):
            assert_same_end(asyncio.run(main(number)), undisturbed)

    def test_a_kill_after_every_few_requests_changes_nothing(self, undisturbed: World) -> None:
        async def main(every: int) -> World:
            world = World()

            def until() -> bool:
                if not any(fault.times for fault in world.server.faults):
                    world.server.die_at(every, after=True)
                return finished(world)

            await world.live(until)
            return world

        for every in range(3, 12):
            assert_same_end(asyncio.run(main(every)), undisturbed)

    def test_no_number_is_skipped_when_one_creation_among_several_fails(self) -> None:
        async def main() -> World:
            world = World(sweep(parallelism=5))
            world.server.fail(SERVER_ERROR, method="POST", plural="sweepruns", name="a-2")
            await world.live(lambda: finished(world))
            return world

        assert sorted(asyncio.run(main()).made("sweepruns")) == RUNS

    def test_a_relist_in_between_changes_nothing(self, undisturbed: World) -> None:
        async def main() -> World:
            world = World()

            def until() -> bool:
                world.relist()
                return finished(world)

            await world.live(until)
            return world

        assert_same_end(asyncio.run(main()), undisturbed)

    @pytest.mark.parametrize("late", ["sweepruns", "jobs", "pods"])
    def test_a_watch_that_lags_behind_the_others_changes_nothing(
        self, undisturbed: World, late: str
    ) -> None:
        async def main() -> World:
            world = World()
            others = [each for each in ("sweepruns", "jobs", "pods", "sweeps") if each != late]
            for lap in range(200):
                world.deliver(*(others if lap % 7 else ()))
                await world.attempt()
                if finished(world):
                    return world
                world.step()
                world.clock.now += 1.0
            raise AssertionError(world.status)

        assert_same_end(asyncio.run(main()), undisturbed)

    def test_own_answers_count_before_the_watch_tells_of_them(self) -> None:
        async def main() -> World:
            world = World()
            for _ in range(5):
                await world.reconcile()
            return world

        world = asyncio.run(main())
        assert world.made("jobs") == ["a-1-1", "a-2-1"]


class TestLostAnswers:
    def test_a_run_that_was_made_without_an_answer_is_not_made_again(self) -> None:
        async def main() -> World:
            world = World(sweep(parallelism=1, runCap=1))
            world.server.fail(method="POST", plural="sweepruns", after=True)
            await world.live(lambda: finished(world))
            return world

        assert asyncio.run(main()).made("sweepruns") == ["a-1"]

    def test_a_job_without_an_answer_holds_its_slot_though_lower_numbers_wait(self) -> None:
        """Two runs wait for a slot each, the answer to the higher one's Job is lost."""

        async def main() -> World:
            world = World(sweep(parallelism=2, runCap=9))
            refusal = world.server.fail(QUOTA, method="POST", plural="jobs", name="a-1-1")
            world.server.fail(method="POST", plural="jobs", name="a-2-1", after=True)
            await world.reconcile()
            assert refusal.times == 0
            world.server.change("sweeps", "a", {"spec": {"parallelism": 1}})
            world.deliver("sweeps")
            world.clock.now += 60
            for _ in range(3):
                await world.attempt()
                world.clock.now += 60
            return world

        # a-2-1 runs, though its answer was lost and no watch has told of it: no room for a-1-1.
        assert asyncio.run(main()).active == 1

    def test_an_outcome_written_without_an_answer_is_on_record_once(self) -> None:
        async def main() -> World:
            world = World(sweep(parallelism=1, runCap=1))
            await world.settle()
            for _ in range(2):
                world.step()
                await world.settle()
            world.server.fail(method="PATCH", plural="sweepruns", after=True)
            await world.live(lambda: finished(world))
            return world

        status = asyncio.run(main()).run(1)["status"]
        assert status["phase"] == "Finished"
        assert len(status["attempts"]) == 1

    @pytest.mark.parametrize("state", ["Stopped", "Cancelled"])
    def test_a_job_that_arrives_when_its_run_was_killed_is_deleted(self, state: str) -> None:
        async def main() -> World:
            world = World(sweep(runCap=1))
            world.server.fail(NO_ANSWER, method="POST", plural="jobs")
            await world.attempt()
            (late,) = (call for call in world.server.calls if call[:2] == ("POST", "jobs"))
            world.server.change("sweeps", "a", {"spec": {"state": state}})
            world.clock.now += 60
            await world.settle()
            assert world.run(1)["status"]["phase"] == "Killed"
            world.server._create(late)
            await world.settle()
            return world

        world = asyncio.run(main())
        assert world.made("jobs") == ["a-1-1"]
        assert world.server.of("jobs") == []

    def test_one_that_arrives_when_its_run_was_asked_for_again_stays(self) -> None:
        """The operator sees the Job before the record that says so."""

        async def main() -> World:
            world = World(sweep(runCap=1), lambda *_: Result(1))
            await world.live(lambda: finished(world))
            run = world.run(1)
            attempt = world.server.named("jobs", "a-1-1")
            labels = attempt["metadata"]["labels"] | {"sweep-operator.io/attempt": "2"}
            # What another leader does: it reopens the run, and then makes its Job.
            reopened = {"phase": "Pending", "completionTime": None, "forgiven": {"attempts": 1}}
            world.server.change("sweepruns", "a-1", {"status": {**run["status"], **reopened}})
            metadata = {"name": "a-1-2", "namespace": "lab", "labels": labels}
            world.server.put("jobs", {**attempt, "metadata": metadata, "status": {}})
            world.deliver("jobs")
            await world.attempt()
            return world

        world = asyncio.run(main())
        assert [job["metadata"]["name"] for job in world.server.of("jobs")] == ["a-1-1", "a-1-2"]


class TestStaleLists:
    def test_a_run_that_ended_since_it_was_listed_is_not_run_again(self) -> None:
        """A new leader's list of runs is older than its list of Jobs, and the Job went between."""

        async def main() -> World:
            world = World(sweep(runCap=1, parallelism=1))
            await world.settle()
            listed = json.loads(json.dumps(world.run(1)))
            await world.live(lambda: finished(world))
            world.server.remove("jobs", "a-1-1")
            ended = {"phase": "Running", "completionTime": None}
            world.server.change("sweeps", "a", {"status": ended})
            world.start()
            world.cache = Cache(on_change=lambda _: None)
            world.cache.put_sweep(world.server.named("sweeps", "a"))
            world.cache.runs.put(listed)
            world.reconciler = Reconciler(
                world.server,
                world.cache,
                world.teller,
                leads=lambda: True,
                clock=world.clock,
            )
            await world.reconcile()
            await world.reconcile()
            return world

        world = asyncio.run(main())
        assert world.made("jobs") == ["a-1-1"]
        assert world.phase == "Finished"


class TestStaleWatches:
    def test_a_run_that_had_completed_before_a_cancel_was_seen_is_finished(self) -> None:
        async def main() -> World:
            world = World(sweep(parallelism=1, runCap=1))
            await world.settle()
            world.step()
            await world.settle()
            world.step()
            world.step()  # it starts and ends, and no watch has told of that yet
            world.server.change("sweeps", "a", {"spec": {"state": "Cancelled"}})
            world.deliver("sweeps")
            await world.reconcile()
            await world.settle()
            return world

        world = asyncio.run(main())
        assert world.run(1)["status"]["phase"] == "Finished"
        assert world.run(1)["status"]["metrics"] == {"loss": 1}

    @pytest.mark.parametrize("state", ["Stopped", "Cancelled"])
    def test_one_whose_pod_alone_tells_so_is_finished_too(self, state: str) -> None:
        """The Job's status follows its pod's, a while later."""

        async def main() -> World:
            world = World(sweep(parallelism=1, runCap=1))
            await world.settle()
            world.step()
            await world.settle()
            world.start_pod("a-1-1")
            world.end_pod("a-1-1", world.program(1, 1))
            world.server.change("sweeps", "a", {"spec": {"state": state}})
            world.deliver("sweeps")
            await world.reconcile()
            world.end_job("a-1-1", world.program(1, 1))
            await world.settle()
            return world

        world = asyncio.run(main())
        assert world.run(1)["status"]["phase"] == "Finished"
        assert world.run(1)["status"]["metrics"] == {"loss": 1}

    def test_an_answer_that_comes_after_the_runs_end_does_not_undo_it(self) -> None:
        """As to a leader that slept while another took over, and hears of that first."""

        async def main() -> World:
            world = World(sweep(parallelism=1, runCap=1))
            world.server.latency = lambda: 1.0
            slow = asyncio.create_task(world.reconcile())
            await asyncio.sleep(3.5)
            assert world.made("jobs") == ["a-1-1"]  # and the answer is on its way
            attempt = {"number": 1, "job": "a-1-1", "outcome": "Finished"}
            ended = {"phase": "Finished", "reason": "Completed", "attempts": [attempt]}
            world.server.change("sweepruns", "a-1", {"status": ended})
            world.deliver("sweepruns")
            await slow
            return world

        assert virtual.run(main()).run(1)["status"]["phase"] == "Finished"


class TestNamesAlreadyTaken:
    def test_a_run_that_is_there_under_our_uid_is_taken_as_it_is(self) -> None:
        """Made before a restart, with what was recorded then."""

        async def main() -> World:
            world = World(sweep(parallelism=1, runCap=1))
            record = {
                "metadata": {
                    "name": "a-1",
                    "namespace": "lab",
                    "labels": {
                        "sweep-operator.io/sweep": "a",
                        "sweep-operator.io/sweep-uid": world.uid,
                        "sweep-operator.io/run-number": "1",
                    },
                },
                "spec": {"sweep": "a", "number": 1, "parameters": {"x": 0.123}},
                "status": {"phase": "Pending"},
            }
            world.server.put("sweepruns", record)
            await world.reconcile()  # its watch hasn't told yet
            return world

        world = asyncio.run(main())
        pod = world.server.named("jobs", "a-1-1")["spec"]["template"]["spec"]
        env = {entry["name"]: entry["value"] for entry in pod["containers"][0]["env"]}
        assert json.loads(env["SWEEP_PARAMETERS"]) == {"x": 0.123}

    @pytest.mark.parametrize(("plural", "name"), [("sweepruns", "a-1"), ("jobs", "a-1-1")])
    def test_a_name_under_anothers_uid_is_waited_for_and_never_adopted(
        self, plural: str, name: str
    ) -> None:
        async def main() -> World:
            world = World(sweep(parallelism=1, runCap=1))
            foreign = {"metadata": {"name": name, "namespace": "lab"}, "spec": {"number": 1}}
            stored = world.server.put(plural, foreign)
            await world.settle()
            assert world.phase == "Running"
            stalled = world.condition("Stalled")
            assert stalled["status"] == "True"
            assert stalled["reason"] == "WaitingForCleanup"
            assert name in stalled["message"]
            assert world.condition("Ready")["status"] == "False"
            assert world.server.named(plural, name) == stored
            world.server.remove(plural, name)
            await world.live(lambda: finished(world))
            assert world.condition("Stalled")["status"] == "False"
            return world

        assert asyncio.run(main()).made("sweepruns") == ["a-1"]

    def test_a_sweep_of_the_same_name_made_anew_starts_from_its_first_run(self) -> None:
        """Its status is its own: nothing of its predecessor's is written to it."""

        async def main() -> World:
            world = World(sweep(runCap=3, parallelism=3))
            await world.settle()
            world.server.remove("sweeps", "a")
            world.server.collect_garbage()
            world.server.made.clear()
            new = world.server.put("sweeps", sweep(runCap=3, parallelism=3))
            world.step()
            world.deliver("sweepruns", "jobs", "pods")  # the Sweep's own watch lags
            world.clock.now += 5
            await world.attempt()
            world.sweep = new
            await world.live(lambda: finished(world))
            return world

        world = asyncio.run(main())
        assert [name for name in world.made("sweepruns") if name in RUNS[:3]] == RUNS[:3]
        assert world.status["lastNumber"] == 3
        assert world.status["runs"]["finished"] == 3


class TestRefusals:
    def test_a_quota_leaves_it_running_and_stalled_and_it_goes_on_by_itself(self) -> None:
        async def main() -> World:
            world = World()
            fault = world.server.fail(QUOTA, method="POST", plural="jobs", times=None)
            await world.settle()
            assert world.phase == "Running"
            stalled = world.condition("Stalled")
            assert stalled["status"] == "True"
            assert stalled["reason"] == "QuotaExceeded"
            assert "exceeded quota" in stalled["message"]
            assert world.condition("Ready")["status"] == "False"
            fault.times = 0
            await world.live(lambda: finished(world))
            return world

        world = asyncio.run(main())
        assert world.condition("Stalled")["status"] == "False"
        assert "QuotaExceeded" in world.teller.reasons
        assert "StalledOver" in world.teller.reasons
        assert sorted(world.made("jobs")) == JOBS

    def test_a_refusal_for_good_crashes_it_until_the_cause_is_mended(self) -> None:
        async def main() -> World:
            world = World()
            fault = world.server.fail(RBAC, method="POST", plural="jobs", times=None)
            await world.settle()
            assert world.phase == "Crashed"
            assert world.condition("Stalled")["reason"] == "JobRefused"
            assert "cannot create resource jobs" in world.condition("Stalled")["message"]
            fault.times = 0
            await world.live(lambda: finished(world))
            return world

        world = asyncio.run(main())
        assert world.teller.reasons[:2] == ["Crashed", "JobRefused"]
        assert sorted(world.made("sweepruns")) == RUNS
        assert sorted(world.made("jobs")) == JOBS

    def test_a_refused_creation_is_tried_again_at_longer_and_longer_intervals(self) -> None:
        async def main() -> list[float]:
            world = World()
            world.server.fail(QUOTA, method="POST", plural="jobs", times=None)
            waits = []
            for _ in range(8):
                await world.settle()
                wait = await world.reconcile()
                assert wait is not None
                waits.append(wait)
                world.clock.now += wait
            return waits

        waits = asyncio.run(main())
        assert waits[0] >= 1
        assert waits == sorted(waits)
        assert max(waits) <= 30

    def test_while_refused_one_creation_is_tried_rather_than_all(self) -> None:
        async def main() -> int:
            world = World(sweep(runCap=50, parallelism=50))
            world.server.fail(QUOTA, method="POST", plural="jobs", times=None)
            await world.settle()
            tried = world.server.count("POST", "jobs")
            world.clock.now += 60
            await world.reconcile()
            return world.server.count("POST", "jobs") - tried

        assert asyncio.run(main()) == 1

    def test_an_edit_is_tried_at_once(self) -> None:
        async def main() -> World:
            world = World()
            fault = world.server.fail(RBAC, method="POST", plural="jobs", times=None)
            await world.settle()
            fault.times = 0
            world.server.change("sweeps", "a", {"spec": {"parallelism": 1}})
            await world.settle()
            return world

        assert asyncio.run(main()).made("jobs") == ["a-1-1"]

    def test_stalled_does_not_flap_while_a_quota_lets_runs_through_one_by_one(self) -> None:
        """A quota of one Job below a parallelism of two."""

        async def main() -> World:
            world = World(sweep(runCap=4, parallelism=2))

            def refuse(call: Any) -> None:
                if call.plural == "jobs" and world.active >= 1:
                    raise QUOTA

            world.server.on_create = refuse
            await world.live(lambda: world.status.get("runs", {}).get("finished") == 3)
            return world

        reasons = asyncio.run(main()).teller.reasons
        assert reasons.count("QuotaExceeded") == 1
        assert "StalledOver" not in reasons

    @pytest.mark.parametrize(
        ("error", "times"),
        [
            *((ApiError(code, "", ""), AT_ONCE) for code in (0, 429, 503, 504)),
            (SERVER_ERROR, 41),  # another may well be answered
        ],
        ids=lambda each: str(each.code) if isinstance(each, ApiError) else "",
    )
    def test_a_pass_asks_no_more_of_a_server_that_is_unavailable(
        self, error: ApiError, times: int
    ) -> None:
        async def main() -> int:
            world = World(sweep(runCap=41, parallelism=41, finishedJobTTL="30s"))
            await world.live(lambda: finished(world))
            await world.settle()
            world.clock.now += 31
            world.server.latency = lambda: 0.001
            world.server.fail(error, method="DELETE", plural="jobs", times=None)
            asked = len(world.server.calls)
            with pytest.raises(ApiError):
                await world.reconcile()
            return len(world.server.calls) - asked

        assert asyncio.run(main()) == times

    def test_a_run_that_can_not_be_written_does_not_stop_the_others(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=3, parallelism=2))
            world.server.fail(RBAC, method="PATCH", plural="sweepruns", name="a-1", times=None)
            await world.live(lambda: world.status.get("runs", {}).get("finished") == 2, rounds=60)
            return world

        assert asyncio.run(main()).status["runs"]["finished"] == 2


class TestConflicts:
    def test_a_conflict_on_a_runs_status_is_decided_again_from_what_is_stored(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=1, parallelism=1))
            await world.settle()
            world.server.change("sweepruns", "a-1", {"metadata": {"annotations": {"by": "hand"}}})
            world.step()
            world.step()
            world.deliver("pods", "jobs")  # the run's own watch lags
            await world.reconcile()
            await world.reconcile()
            assert world.run(1)["status"]["phase"] == "Running"
            await world.live(lambda: finished(world))
            return world

        world = asyncio.run(main())
        assert world.run(1)["metadata"]["annotations"]["by"] == "hand"

    def test_conflicts_again_and_again_end_in_the_same_record(self, undisturbed: World) -> None:
        async def main() -> World:
            world = World()

            def write_first() -> ApiError:
                for run in world.server.of("sweepruns"):
                    mark = {"annotations": {"by": str(world.server.version)}}
                    world.server.change("sweepruns", run["metadata"]["name"], {"metadata": mark})
                return CONFLICT

            def hits(call: Call) -> bool:
                return (call.method, call.plural) == ("PATCH", "sweepruns")

            world.server.faults.append(Fault(hits, write_first, times=6))
            await world.live(lambda: finished(world))
            return world

        assert_same_end(asyncio.run(main()), undisturbed)

    def test_a_sweeps_status_is_written_over_nothing_that_was_not_seen(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=1, parallelism=1))
            await world.settle()
            world.server.change("sweeps", "a", {"spec": {"state": "Paused"}})
            by_the_next_leader = {"status": {"phase": "Paused", "observedGeneration": 2}}
            world.server.change("sweeps", "a", by_the_next_leader)
            told = world.status
            world.step()
            world.step()
            world.deliver("jobs", "pods")  # the Sweep's own watch lags
            world.clock.now += 5
            assert await world.reconcile() == 0.0
            assert world.status == told
            await world.reconcile()
            return world

        status = asyncio.run(main()).status
        assert (status["phase"], status["observedGeneration"], status["active"]) == ("Paused", 2, 1)


class TestPhasesEditedByHand:
    @pytest.mark.parametrize("phase", ["Pending", "Running", "Failed", "Killed", "Crashed"])
    def test_a_run_that_has_finished_is_not_made_again_and_says_so(self, phase: str) -> None:
        world = a_whole_life()

        async def edit() -> None:
            world.server.change("sweepruns", "a-2", {"status": {"phase": phase}})
            await world.settle()

        asyncio.run(edit())
        assert world.run(2)["status"]["phase"] == "Finished"
        assert sorted(world.made("jobs")) == JOBS
        assert world.status["runs"]["finished"] == 5
        assert world.phase == "Finished"

    @pytest.mark.parametrize("phase", ["Pending", "Finished", "Failed", "Killed", "Crashed"])
    def test_a_run_that_runs_keeps_its_slot_and_its_end_is_recorded(self, phase: str) -> None:
        async def main() -> World:
            world = World(sweep(runCap=3, parallelism=1))
            await world.settle()
            world.step()
            world.step()
            await world.settle()
            assert world.run(1)["status"]["phase"] == "Running"
            world.server.change("sweepruns", "a-1", {"status": {"phase": phase}})
            await world.settle()
            assert world.run(1)["status"]["phase"] == "Running"
            await world.live(lambda: finished(world))
            return world

        world = asyncio.run(main())
        assert world.most_active == 1
        assert world.status["runs"]["finished"] == 3


class TestLeadership:
    def test_without_the_lease_nothing_is_made(self) -> None:
        async def main() -> World:
            world = World()
            world.leads = False
            await world.attempt()
            return world

        assert asyncio.run(main()).server.made == []

    def test_without_the_lease_a_sweep_is_not_told_how_it_is_until_it_is_back(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=1, parallelism=1))
            await world.settle()
            world.server.change("sweeps", "a", {"spec": {"state": "Paused"}})
            world.deliver()
            world.leads = False
            wait = await world.reconcile()
            assert world.status["phase"] == "Running"
            assert wait is not None
            world.leads = True
            world.clock.now += wait
            await world.reconcile()
            return world

        assert asyncio.run(main()).status["phase"] == "Paused"

    def test_a_sweep_held_up_by_a_late_lease_is_looked_at_again_by_itself(self) -> None:
        async def main() -> World:
            world = World()
            world.leads = False
            await world.settle()
            wait = await world.reconcile()
            assert wait is not None
            world.leads = True
            world.clock.now += wait
            await world.reconcile()
            return world

        assert len(asyncio.run(main()).made("jobs")) == 2

    def test_the_lease_is_asked_before_each_creation(self) -> None:
        async def main() -> World:
            world = World(sweep(parallelism=5))
            world.server.on_create = lambda _: setattr(world, "leads", False)
            await world.attempt()
            return world

        world = asyncio.run(main())
        # What was sent before is made; nothing is sent after that.
        assert world.made("jobs") == []

    @pytest.mark.parametrize("kind", ["sweepruns", "jobs"])
    def test_a_lease_that_ends_on_the_way_to_a_connection_lets_nothing_be_sent(
        self, kind: str
    ) -> None:
        async def main() -> World:
            world = World(sweep(parallelism=1))
            # A request takes its time, and so does its answer: the record's, then the Job's.
            waits = iter([True] if kind == "sweepruns" else [False, False, True])

            def wait() -> float:
                """Sleep before the first request of a kind that makes something."""
                world.leads = not next(waits, False)
                return 0.0

            world.server.latency = wait
            await world.attempt()
            return world

        world = asyncio.run(main())
        assert world.made(kind) == []

    def test_an_edit_seen_in_the_middle_of_a_pass_holds_from_then_on(self) -> None:
        async def main() -> World:
            world = World(sweep(parallelism=3))

            def pause(_: Any) -> None:
                world.server.on_create = None
                world.server.change("sweeps", "a", {"spec": {"state": "Paused"}})
                world.deliver("sweeps")

            world.server.on_create = pause
            await world.attempt()
            return world

        assert asyncio.run(main()).made("jobs") == []


class TestDeletions:
    def test_the_number_of_a_run_deleted_by_a_person_is_not_used_again(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=3, parallelism=1))
            await world.live(lambda: len(world.made("sweepruns")) == 2)
            world.server.remove("sweepruns", "a-2")
            world.server.collect_garbage()
            await world.live(lambda: finished(world))
            return world

        world = asyncio.run(main())
        assert world.made("sweepruns") == ["a-1", "a-2", "a-3"]

    def test_it_is_not_used_again_after_a_restart_either(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=3, parallelism=1))
            await world.live(lambda: len(world.made("sweepruns")) == 2)
            await world.settle()
            world.server.remove("sweepruns", "a-2")
            world.server.collect_garbage()
            world.start()
            await world.live(lambda: finished(world))
            return world

        assert asyncio.run(main()).made("sweepruns") == ["a-1", "a-2", "a-3"]

    def test_a_run_deleted_by_a_person_is_no_defect_though_its_job_goes_first(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=2, parallelism=1))
            await world.settle()
            for _ in range(2):
                world.step()
                await world.settle()
            world.server.remove("sweepruns", "a-1")
            world.server.collect_garbage()
            world.deliver("jobs", "pods")  # the run's DELETED comes later
            await world.reconcile()
            await world.live(lambda: finished(world))
            return world

        assert asyncio.run(main()).made("sweepruns") == ["a-1", "a-2"]

    def test_a_started_runs_job_deleted_by_a_person_is_a_crashed_attempt_and_run_again(
        self,
    ) -> None:
        async def main() -> World:
            world = World(sweep(runCap=1, parallelism=1))
            await world.settle()
            for _ in range(2):
                world.step()
                await world.settle()
            world.server.remove("jobs", "a-1-1")
            world.server.collect_garbage()
            await world.settle()
            assert world.run(1)["status"]["phase"] == "Crashed"
            assert world.run(1)["status"]["reason"] == "JobDeleted"
            await world.live(lambda: finished(world))
            return world

        world = asyncio.run(main())
        assert world.made("jobs") == ["a-1-1", "a-1-2"]
        outcomes = [each["outcome"] for each in world.run(1)["status"]["attempts"]]
        assert outcomes == ["Crashed", "Finished"]

    def test_nothing_is_made_for_a_sweep_whose_children_are_already_being_collected(self) -> None:
        async def main() -> World:
            world = World()
            await world.settle()
            before = list(world.server.made)
            world.server.remove("sweeps", "a")
            world.server.collect_garbage()
            world.deliver("sweepruns", "jobs", "pods")  # the Sweep's DELETED comes later
            await world.attempt()
            assert world.server.made == before
            return world

        asyncio.run(main())

    def test_a_sweep_whose_deletion_no_watch_told_of_is_forgotten(self) -> None:
        """kopf lists anew after a 410, and says nothing of what is gone."""

        async def main() -> World:
            world = World()
            await world.settle()
            world.server.remove("sweeps", "a")
            world.server.collect_garbage()
            made = list(world.server.made)
            for _ in range(5):
                world.deliver("sweepruns", "jobs", "pods")
                await world.attempt()
                world.clock.now += 30
            assert world.server.made == made
            return world

        assert asyncio.run(main()).cache.sweeps == {}

    def test_an_answer_after_the_sweeps_end_does_not_bring_it_back(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def main() -> World:
            world = World()
            write = world.server.replace_in

            async def write_and_go(*arguments: Any) -> dict[str, Any]:
                answer = await write(*arguments)
                world.cache.drop_sweep(world.key)
                return answer

            monkeypatch.setattr(world.server, "replace_in", write_and_go)
            await world.attempt()
            return world

        assert asyncio.run(main()).cache.sweeps == {}


class TestFinishedJobs:
    def test_a_recorded_job_is_deleted_after_its_time_and_the_best_ones_later(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=3, parallelism=3))
            await world.live(lambda: finished(world))
            await world.settle()
            assert len(world.server.of("jobs")) == 3
            world.clock.now += 10 * 60
            for _ in range(3):
                await world.settle()
            return world

        world = asyncio.run(main())
        assert world.server.of("jobs") == []
        assert world.run(1)["status"]["phase"] == "Finished"
        assert world.made("jobs") == ["a-1-1", "a-2-1", "a-3-1"]

    def test_the_best_runs_job_stays_while_the_sweep_goes_on(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=3, parallelism=1))
            await world.live(lambda: world.status.get("runs", {}).get("finished") == 2)
            world.clock.now += 3600
            await world.settle()
            await world.settle()
            return world

        names = [job["metadata"]["name"] for job in asyncio.run(main()).server.of("jobs")]
        assert names == ["a-1-1", "a-3-1"]

    def test_a_job_that_ended_while_no_operator_ran_stays_its_time_after_its_record(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=1, parallelism=1))
            await world.settle()
            world.step()
            world.step()
            world.step()
            world.clock.now += 3600
            world.start()
            await world.settle()
            await world.settle()
            assert world.run(1)["status"]["phase"] == "Finished"
            return world

        assert len(asyncio.run(main()).server.of("jobs")) == 1


class TestPods:
    def test_why_a_run_is_pending_is_on_the_run_and_when_all_are_on_the_sweep(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=2, parallelism=2))
            await world.settle()
            waiting = {"reason": "ErrImagePull", "message": "no such image"}
            statuses = [{"name": "main", "state": {"waiting": waiting}}]
            for job in world.server.of("jobs"):
                world.add_pod(job, {"containerStatuses": statuses})
            await world.settle()
            assert world.run(1)["status"]["reason"] == "ImagePullBackOff"
            assert "no such image" in world.run(1)["status"]["message"]
            condition = world.condition("PodsNotStarting")
            assert condition["status"] == "True"
            assert condition["reason"] == "ImagePullBackOff"
            assert world.condition("Ready")["status"] == "False"
            world.step()
            await world.live(lambda: finished(world))
            return world

        world = asyncio.run(main())
        assert world.condition("PodsNotStarting")["status"] == "False"
        assert "reason" not in world.run(1)["status"] or world.run(1)["status"]["reason"] != (
            "ImagePullBackOff"
        )

    def test_a_pod_that_is_refused_is_told_from_the_jobs_events(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=1, parallelism=1))
            await world.settle()
            (job,) = world.server.of("jobs")
            event = {
                "metadata": {"name": "e", "namespace": "lab"},
                "involvedObject": {"uid": job["metadata"]["uid"]},
                "reason": "FailedCreate",
                "message": 'violates PodSecurity "restricted:latest"',
                "lastTimestamp": "2027-01-01T00:00:00Z",
            }
            world.server.put("events", event)
            world.clock.now += 5
            await world.settle()
            return world

        world = asyncio.run(main())
        assert world.run(1)["status"]["reason"] == "FailedCreate"
        assert "PodSecurity" in world.run(1)["status"]["message"]
        assert "PodSecurity" in world.condition("PodsNotStarting")["message"]

    def test_a_result_is_read_from_a_pod_that_its_watch_has_not_told_of(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=1, parallelism=1))
            await world.settle()
            for _ in range(3):
                world.step()
            for _ in range(10):
                world.deliver("jobs", "sweepruns", "sweeps")  # not the pods
                await world.reconcile()
                world.clock.now += 1
            return world

        world = asyncio.run(main())
        assert world.run(1)["status"]["metrics"] == {"loss": 1}

    def test_the_attempts_line_keeps_its_start_and_node_when_the_pod_is_gone(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=1, parallelism=1))
            await world.settle()
            for _ in range(2):
                world.step()
                await world.settle()
            world.server.remove("pods", "a-1-1-pod")
            world.end_job("a-1-1", Result(3))
            await world.live(lambda: world.run(1)["status"]["phase"] == "Failed", rounds=10)
            return world

        (attempt,) = asyncio.run(main()).run(1)["status"]["attempts"]
        assert attempt["node"] == "node-1"
        assert attempt["started"]
        assert attempt["pod"] == "a-1-1-pod"


class TestStatus:
    def test_counts_alone_are_written_at_most_once_a_second(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=50, parallelism=10))
            await world.settle()
            world.step()
            world.step()
            world.deliver()
            writes = world.server.count("PATCH", "sweeps")
            waits = [await world.reconcile() for _ in range(5)]
            assert world.server.count("PATCH", "sweeps") == writes
            assert all(wait is not None and wait > 0 for wait in waits[1:])
            world.clock.now += 1
            await world.reconcile()
            assert world.server.count("PATCH", "sweeps") == writes + 1
            return world

        assert asyncio.run(main()).status["runs"]["running"] == 10

    def test_what_is_pressing_is_written_at_once(self) -> None:
        async def main() -> World:
            world = World()
            await world.reconcile()
            world.server.change("sweeps", "a", {"spec": {"state": "Paused"}})
            world.deliver()
            await world.reconcile()
            return world

        world = asyncio.run(main())
        assert world.phase == "Paused"
        assert world.status["observedGeneration"] == 2

    def test_a_hand_edited_status_is_put_right(self) -> None:
        async def main() -> World:
            world = World()
            await world.settle()
            world.clock.now += 5
            edit = {"phase": "Finished", "completionTime": "2027-01-01T00:00:00Z"}
            world.server.change("sweeps", "a", {"status": edit})
            await world.settle()
            return world

        world = asyncio.run(main())
        assert world.phase == "Running"
        assert "completionTime" not in world.status

    @pytest.mark.parametrize(
        "values",
        [[None, 1, 2], [{"deep": 1}, {"wide": 2}, {"wide": 3}]],
        ids=["null", "objects"],
    )
    def test_the_best_runs_parameters_are_its_own_whatever_they_are(self, values: Any) -> None:
        def program(number: int, _: int) -> Result:
            return Result(0, json.dumps({"loss": -number}))

        async def main() -> World:
            grid: dict[str, Any] = {
                "method": "grid",
                "parameters": {"x": {"values": values}},
                "parallelism": 1,
            }
            world = World(sweep(**grid, runCap=2), program=program)
            await world.live(lambda: world.status.get("best", {}).get("number") == 1)
            assert world.status["best"]["parameters"] == {"x": values[0]}
            await world.live(lambda: finished(world))
            assert world.status["best"]["parameters"] == {"x": values[1]}
            world.clock.now += 5
            await world.settle()
            writes = world.server.count("PATCH", "sweeps")
            world.clock.now += 5
            await world.reconcile()
            assert world.server.count("PATCH", "sweeps") == writes
            return world

        asyncio.run(main())


class TestInvalidSpecs:
    def test_a_spec_that_can_not_be_run_says_why_and_makes_nothing(self) -> None:
        async def main() -> World:
            world = World(sweep(method="grid"))  # of a continuous parameter
            await world.settle()
            assert await world.reconcile() is None
            return world

        world = asyncio.run(main())
        assert world.server.made == []
        assert world.phase == "Crashed"
        stalled = world.condition("Stalled")
        assert stalled["reason"] == "InvalidSpec"
        assert "x" in stalled["message"]

    def test_it_goes_on_once_it_is_edited(self) -> None:
        async def main() -> World:
            world = World(sweep(command=["train", "${nonsense}"]))
            await world.settle()
            assert world.condition("Stalled")["reason"] == "InvalidSpec"
            world.server.change("sweeps", "a", {"spec": {"command": ["train", "${args}"]}})
            await world.live(lambda: finished(world))
            return world

        assert asyncio.run(main()).condition("Stalled")["status"] == "False"

    @pytest.mark.parametrize(
        "container",
        [{"args": ["--epochs", 10]}, {"args": "train"}, {"command": [True]}],
        ids=["a number", "a string", "a boolean"],
    )
    def test_a_command_that_is_no_list_of_strings_is_told_on_the_sweep(
        self, container: Any
    ) -> None:
        containers = [{"name": "main", "image": "i", **container}]
        template = {"spec": {"template": {"spec": {"containers": containers}}}}
        world = World(sweep(template=template))
        asyncio.run(world.settle())
        assert world.phase == "Crashed"
        assert world.condition("Stalled")["status"] == "True"

    def test_empty_lists_written_as_null_are_no_mistake(self) -> None:
        """`env:` with nothing below it, which Kubernetes takes as no list."""
        container = {"name": "main", "image": "i", "env": None, "args": None, "volumeMounts": None}
        pod = {"containers": [container], "volumes": None}
        world = World(sweep(template={"spec": {"template": {"spec": pod}}}))
        asyncio.run(world.live(lambda: finished(world)))
        assert sorted(world.made("jobs")) == JOBS


def test_a_ghost_whose_name_another_sweep_has_is_forgotten() -> None:
    """kopf told of neither's change; nothing is left to start."""

    async def main() -> World:
        world = World(sweep(runCap=2, parallelism=2))
        await world.settle()
        world.server.remove("sweeps", "a")
        world.server.collect_garbage()
        world.server.put("sweeps", sweep(runCap=2, parallelism=2))
        for _ in range(5):
            world.deliver("sweepruns", "jobs", "pods")
            await world.attempt()
            world.clock.now += 60
        return world

    world = asyncio.run(main())
    assert world.key not in world.cache.sweeps


def test_a_defect_in_one_job_leaves_no_other_uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> World:
        world = World(sweep(runCap=9, parallelism=3))
        world.server.latency = lambda: 0.001
        build = starting.build_job
        broken = [2]

        def build_job(intent: Any, record: Any, attempt: int, *more: Any) -> Any:
            if record["spec"]["number"] in broken:
                raise TypeError("a defect")
            return build(intent, record, attempt, *more)

        monkeypatch.setattr(starting, "build_job", build_job)
        # a-1-1's POST is under way when a-2's Job turns out to be a defect
        create = world.server.create

        async def slow(path: str, body: Any) -> Any:
            answer = await create(path, body)
            if body["metadata"]["name"] == "a-1-1":
                await asyncio.sleep(0.05)
            return answer

        monkeypatch.setattr(world.server, "create", slow)
        with contextlib.suppress(ExceptionGroup):
            await world.reconcile()
        assert world.made("jobs") == ["a-1-1"]
        broken.clear()
        ledger = world.cache.ledger(world.key)
        assert ledger.active == {1}, ledger.waiting
        return world

    asyncio.run(main())


def test_one_lost_answer_is_no_event() -> None:
    async def main() -> World:
        world = World(sweep(runCap=2, parallelism=2))
        await world.settle()
        world.step()
        world.step()
        world.server.fail(NO_ANSWER, method="PATCH", plural="sweepruns")
        for _ in range(4):
            world.deliver()
            await world.attempt()
            world.clock.now += 1
        return world

    assert asyncio.run(main()).teller.reasons == ["Running"]
