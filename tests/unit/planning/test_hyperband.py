"""Early termination: where runs are compared, and who falls behind."""

import asyncio
import json
from typing import Any

import pytest
from tests.fakes.world import Result, World, sweep
from tests.unit.planning.facts import NOW, job, ledger, pod, running
from tests.unit.planning.test_steps import TTL

from sweep_operator.api.objective import EarlyTerminate
from sweep_operator.api.run import MAX_BRACKETS, RunPhase
from sweep_operator.api.sweep import SweepState
from sweep_operator.effects.children import Children
from sweep_operator.effects.tokens import PodIdentity
from sweep_operator.planning.facts import PodFacts, RunFacts
from sweep_operator.planning.hyperband import Behind, brackets, measure_of
from sweep_operator.planning.regime import Regime, StopReason
from sweep_operator.planning.reports import read_reports
from sweep_operator.planning.steps import Keeping, RecordStopping, Step, TellToGo, next_step
from sweep_operator.reconcile.report import Reporter

RULE = {"type": "hyperband", "minIter": 3}


def rule(**fields: Any) -> EarlyTerminate:
    return EarlyTerminate.model_validate({"type": "hyperband", **fields})


class TestBrackets:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"maxIter": 27, "s": 2}, (3, 9)),
            ({"maxIter": 27, "s": 9}, (1, 3, 9)),
            ({"maxIter": 100, "s": 3, "eta": 2}, (12, 25, 50)),
            ({"maxIter": 5, "s": 2, "eta": 2}, (1, 2)),
        ],
    )
    def test_they_lie_before_the_last_iteration(
        self, fields: dict[str, Any], expected: tuple[int, ...]
    ) -> None:
        assert brackets(rule(**fields)) == expected

    def test_or_follow_the_first(self) -> None:
        assert brackets(rule(minIter=3))[:4] == (3, 9, 27, 81)
        assert brackets(rule(minIter=1, eta=1.5))[:6] == (1, 2, 3, 5, 7, 11)

    def test_they_are_bounded(self) -> None:
        assert len(brackets(rule(minIter=1, eta=1.0001))) <= MAX_BRACKETS

    def test_they_are_followed_by_the_sweeps_own_metric(self) -> None:
        spec = {"metric": {"name": "acc", "goal": "maximize"}, "earlyTerminate": RULE}
        measure = measure_of(spec)
        assert measure is not None
        assert (measure.metric, measure.goal, measure.brackets[:2]) == ("acc", "maximize", (3, 9))
        assert measure_of({}) is None


def at(number: int, *values: float, best: float | None = None) -> RunFacts:
    """A run that runs, with its values at the brackets 3, 9, ..."""
    pairs = tuple(zip((3, 9, 27), values, strict=False))
    return running(number)._replace(brackets=pairs, best=min(values) if best is None else best)


class TestRule:
    def behind(
        self, who: int, *runs: RunFacts, goal: str = "minimize", **fields: Any
    ) -> Behind | None:
        account = ledger(*runs, goal=goal)
        return account.behind(account.runs[who], rule(minIter=3, **fields))

    def test_the_first_at_a_bracket_never_falls_behind(self) -> None:
        assert self.behind(1, at(1, 9.0)) is None

    def test_a_run_worse_than_the_best_third_does(self) -> None:
        runs = [at(number, float(number)) for number in range(1, 7)]
        assert self.behind(3, *runs) is None
        assert self.behind(4, *runs) == Behind(3, 4.0, 3.0)

    def test_an_equal_one_does_not(self) -> None:
        assert self.behind(2, at(1, 1.0), at(2, 1.0), at(3, 1.0)) is None

    def test_it_is_judged_at_the_last_bracket_it_has_reached(self) -> None:
        assert self.behind(1, at(1, 9.0, 1.0), at(2, 1.0, 2.0)) is None

    def test_strict_looks_at_the_value_there_rather_than_the_best_so_far(self) -> None:
        runs = (at(1, 5.0, best=0.5), at(2, 1.0), at(3, 1.0))
        assert self.behind(1, *runs) is None
        assert self.behind(1, *runs, strict=True) == Behind(3, 5.0, 1.0)

    def test_a_metric_to_maximize_is_turned_round_and_back(self) -> None:
        runs = (at(1, 0.2), at(2, 0.8), at(3, 0.9))
        assert self.behind(1, *runs, goal="maximize") == Behind(3, 0.2, 0.8)

    def test_ended_runs_count_and_deleted_ones_do_not(self) -> None:
        ended = at(2, 1.0)._replace(phase=RunPhase.FINISHED)
        account = ledger(at(1, 5.0), ended, goal="minimize")
        assert account.behind(account.runs[1], rule(minIter=3)) == Behind(3, 5.0, 1.0)
        account.drop_run(2)
        assert account.behind(account.runs[1], rule(minIter=3)) is None

    def test_a_goal_that_is_learnt_late_counts_for_what_was_there(self) -> None:
        account = ledger(at(1, 0.2), at(2, 0.9))
        account.judge_by("maximize")
        assert account.behind(account.runs[1], rule(minIter=3)) == Behind(3, 0.2, 0.9)

    def test_those_that_run_are_looked_at_again_when_another_comes_to_a_bracket(self) -> None:
        account = ledger(at(1, 5.0), job(1), pod(1, started=NOW), at(2, 6.0), goal="minimize")
        account.take_touched(NOW)
        account.put_run(at(2, 1.0)._replace(resource_version=2))
        assert 1 in account.take_touched(NOW)


class TestStopping:
    why = Behind(9, 0.5, 0.25)

    def step(self, record: RunFacts, last: PodFacts, state: SweepState) -> Step | None:
        jobs = {1: job()}
        keeping = Keeping(since=0.0, ttl=TTL)
        return next_step(record, jobs, last, Regime(state), keeping, NOW, behind=self.why)

    def test_why_is_on_record_before_its_pod_is_told_to_go(self) -> None:
        alive = pod(started=NOW)
        found = self.step(running(), alive, SweepState.RUNNING)
        assert isinstance(found, RecordStopping)
        assert found.reason is StopReason.EARLY_TERMINATED
        assert found.message == (
            "Stopped early at bracket 9: 0.5 is worse than 0.25, with which a run still goes on "
            "there."
        )
        decided = running()._replace(stop_reason="EarlyTerminated")
        assert self.step(decided, alive, SweepState.RUNNING) == TellToGo(job())
        assert self.step(decided, alive._replace(told=NOW), SweepState.RUNNING) is None

    def test_it_goes_on_while_the_sweep_is_paused_and_not_once_it_is_stopped(self) -> None:
        alive = pod(started=NOW)
        assert self.step(running(), alive, SweepState.PAUSED) is not None
        assert self.step(running(), alive, SweepState.STOPPED) is None


class TestAWholeLife:
    """From reports to the record, on an API server in memory."""

    async def world(self) -> tuple[World, Reporter]:
        world = World(
            sweep(runCap=3, parallelism=3, earlyTerminate={"type": "hyperband", "minIter": 1})
        )
        await world.settle()
        for _ in range(2):
            world.step()
            await world.settle()
        return world, Reporter(Children(world.server, world.cache), world.cache)

    async def report(self, world: World, reporter: Reporter, number: int, loss: float) -> bool:
        pod = world.server.named("pods", f"a-{number}-1-pod")
        body = {"metrics": {"loss": loss}, "step": 1, "final": True}
        identity = PodIdentity("lab", pod["metadata"]["name"], pod["metadata"]["uid"])
        return await reporter.take(identity, read_reports(json.dumps(body).encode()))

    def test_a_run_that_falls_behind_is_killed_and_its_record_says_why(self) -> None:
        async def main() -> World:
            world, reporter = await self.world()
            for number, loss in ((1, 1.0), (2, 2.0), (3, 9.0)):
                assert not await self.report(world, reporter, number, loss)
            await world.settle()
            assert world.run(3)["status"]["stopReason"] == "EarlyTerminated"
            assert ("pods", "lab", "a-3-1-pod") not in world.server.objects
            world.end_job("a-3-1", Result(143))
            world.clock.now += 5
            await world.settle()
            return world

        world = asyncio.run(main())
        status = world.run(3)["status"]
        assert (status["phase"], status["reason"]) == ("Killed", "EarlyTerminated")
        assert "bracket 1: 9 is worse than 2" in status["message"]
        assert status["progress"]["best"] == 9
        assert world.run(2)["status"]["phase"] == "Running"
        assert world.status["runs"]["killed"] == 1

    def test_its_program_is_told_with_the_answer_to_its_next_report(self) -> None:
        async def main() -> bool:
            world, reporter = await self.world()
            for number, loss in ((1, 1.0), (2, 2.0)):
                await self.report(world, reporter, number, loss)
            await self.report(world, reporter, 3, 9.0)
            world.server.fail(method="DELETE", plural="pods", times=None)
            world.deliver()
            await world.attempt()
            return await self.report(world, reporter, 3, 8.0)

        assert asyncio.run(main())
