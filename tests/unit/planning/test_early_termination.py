"""Early termination: where runs are compared, and who falls behind."""

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest
from tests.fakes.world import Result, World, sweep
from tests.unit.planning.facts import NOW, job, ledger, pod, running
from tests.unit.planning.test_steps import TTL

from sweep_operator.api.objective import MAX_ITERATIONS, EarlyTerminate
from sweep_operator.api.run import MAX_BRACKETS, RunPhase
from sweep_operator.api.sweep import SweepState
from sweep_operator.effects.children import Children
from sweep_operator.effects.tokens import PodIdentity
from sweep_operator.planning.early_termination import Behind, Rule, measure_of, rule_of
from sweep_operator.planning.facts import PodFacts, RunFacts
from sweep_operator.planning.points import Yardstick
from sweep_operator.planning.regime import Regime, StopReason
from sweep_operator.planning.reports import read_reports
from sweep_operator.planning.steps import Keeping, RecordStopping, Step, TellToGo, next_step
from sweep_operator.reconcile.report import Reporter

RULE = {"type": "hyperband", "minIter": 3}


GOES_ON = "with which a run still goes on there"
MEDIAN = "the median of the others there"


def rule(kind: str = "hyperband", **fields: Any) -> Rule:
    return rule_of(EarlyTerminate.model_validate({"type": kind, **fields}))


class TestBracketsOfHyperband:
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
        assert rule(**fields).brackets() == expected

    def test_or_follow_the_first(self) -> None:
        assert rule(minIter=3).brackets()[:4] == (3, 9, 27, 81)
        assert rule(minIter=1, eta=1.5).brackets()[:6] == (1, 2, 3, 5, 7, 11)

    def test_they_are_bounded(self) -> None:
        assert len(rule(minIter=1, eta=1.0001).brackets()) <= MAX_BRACKETS

    def test_they_are_followed_by_the_sweeps_own_metric(self) -> None:
        spec = {"metric": {"name": "acc", "goal": "maximize"}, "earlyTerminate": RULE}
        measure = measure_of(spec)
        assert measure is not None
        assert (measure.metric, measure.goal, measure.brackets[:2]) == ("acc", "maximize", (3, 9))
        assert measure_of({}) is None


class TestBracketsOfMedian:
    def test_small_iterations_are_all_compared_and_large_ones_are_spread(self) -> None:
        found = rule("median").brackets()
        assert found[:18] == (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 19, 22, 26, 31, 37)
        assert all(after <= before * 1.2 for before, after in pairwise(found[9:]))

    def test_they_begin_with_the_first(self) -> None:
        assert rule("median", minIter=5).brackets()[:3] == (5, 6, 7)
        assert rule("median", minIter=1000).brackets()[:3] == (1000, 1200, 1440)

    def test_they_reach_ten_million_iterations_and_are_bounded(self) -> None:
        found = rule("median").brackets()
        assert found[-1] > 10_000_000
        assert len(found) == MAX_BRACKETS
        assert rule("median", minIter=MAX_ITERATIONS).brackets() == (MAX_ITERATIONS,)


def at(number: int, *values: float, best: float | None = None) -> RunFacts:
    """A run that runs, with its values at the brackets 3, 9, ..."""
    pairs = tuple(zip((3, 9, 27), values, strict=False))
    return running(number)._replace(brackets=pairs, best=min(values) if best is None else best)


def stopped_early(record: RunFacts) -> RunFacts:
    return record._replace(phase=RunPhase.KILLED, reason="EarlyTerminated", ended=NOW)


class TestHyperband:
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
        assert self.behind(4, *runs) == Behind("bracket 3", 4.0, 3.0, GOES_ON)

    def test_an_equal_one_does_not(self) -> None:
        assert self.behind(2, at(1, 1.0), at(2, 1.0), at(3, 1.0)) is None

    def test_it_is_judged_at_the_last_bracket_it_has_reached(self) -> None:
        assert self.behind(1, at(1, 9.0, 1.0), at(2, 1.0, 2.0)) is None

    def test_strict_looks_at_the_value_there_rather_than_the_best_so_far(self) -> None:
        runs = (at(1, 5.0, best=0.5), at(2, 1.0), at(3, 1.0))
        assert self.behind(1, *runs) is None
        assert self.behind(1, *runs, strict=True) == Behind("bracket 3", 5.0, 1.0, GOES_ON)

    def test_a_metric_to_maximize_is_turned_round_and_back(self) -> None:
        runs = (at(1, 0.2), at(2, 0.8), at(3, 0.9))
        assert self.behind(1, *runs, goal="maximize") == Behind("bracket 3", 0.2, 0.8, GOES_ON)

    def test_ended_runs_count_and_deleted_ones_do_not(self) -> None:
        ended = at(2, 1.0)._replace(phase=RunPhase.FINISHED)
        account = ledger(at(1, 5.0), ended, goal="minimize")
        assert account.behind(account.runs[1], rule(minIter=3)) == Behind(
            "bracket 3", 5.0, 1.0, GOES_ON
        )
        account.drop_run(2)
        assert account.behind(account.runs[1], rule(minIter=3)) is None

    def test_a_goal_that_is_learnt_late_counts_for_what_was_there(self) -> None:
        account = ledger(at(1, 0.2), at(2, 0.9))
        account.judge_by(Yardstick("maximize"))
        assert account.behind(account.runs[1], rule(minIter=3)) == Behind(
            "bracket 3", 0.2, 0.9, GOES_ON
        )

    def test_those_that_run_are_looked_at_again_when_another_comes_to_a_bracket(self) -> None:
        account = ledger(at(1, 5.0), job(1), pod(1, started=NOW), at(2, 6.0), goal="minimize")
        account.take_touched(NOW)
        account.put_run(at(2, 1.0)._replace(resource_version=2))
        assert 1 in account.take_touched(NOW)


class TestMedian:
    """Of runs with values at the iterations 3, 9, ..., of which two others are enough."""

    def behind(
        self, who: int, *runs: RunFacts, goal: str = "minimize", least: int = 2
    ) -> Behind | None:
        account = ledger(*runs, goal=goal)
        return account.behind(account.runs[who], rule("median", minIter=3, minRuns=least))

    def test_a_run_worse_than_the_median_of_the_others_falls_behind(self) -> None:
        runs = [at(number, float(number)) for number in range(1, 6)]
        assert self.behind(5, *runs) == Behind("iteration 3", 5.0, 2.5, MEDIAN)
        assert self.behind(4, *runs) == Behind("iteration 3", 4.0, 2.5, MEDIAN)
        assert self.behind(3, *runs) is None  # the others' is 3

    def test_its_own_value_is_not_among_them(self) -> None:
        runs = (at(1, 1.0), at(2, 2.0), at(3, 9.0))
        assert self.behind(3, *runs) == Behind("iteration 3", 9.0, 1.5, MEDIAN)
        assert self.behind(2, *runs) is None  # the others' is 5

    def test_an_equal_one_does_not(self) -> None:
        assert self.behind(1, at(1, 2.0), at(2, 1.0), at(3, 3.0)) is None
        assert self.behind(1, at(1, 2.0), at(2, 2.0), at(3, 2.0)) is None

    def test_its_best_so_far_is_what_counts(self) -> None:
        assert self.behind(1, at(1, 9.0, best=0.5), at(2, 1.0), at(3, 1.0)) is None

    def test_too_few_others_are_no_measure(self) -> None:
        runs = [at(number, float(number)) for number in range(1, 6)]
        assert self.behind(5, *runs, least=5) is None
        assert self.behind(6, *runs, at(6, 6.0), least=5) == Behind("iteration 3", 6.0, 3.0, MEDIAN)

    def test_five_are_enough_where_nobody_says_how_many(self) -> None:
        for others, expected in ((4, None), (5, Behind("iteration 3", 9.0, 1.0, MEDIAN))):
            account = ledger(at(9, 9.0), *(at(n + 1, 1.0) for n in range(others)), goal="minimize")
            assert account.behind(account.runs[9], rule("median")) == expected

    def test_it_is_compared_at_the_last_iteration_it_has_reached(self) -> None:
        behind_at_first = (at(1, 9.0, 1.0), at(2, 1.0, 2.0), at(3, 1.0, 2.0))
        assert self.behind(1, *behind_at_first) is None
        ahead_of_those_who_follow = (at(1, 9.0, 8.0), at(2, 1.0), at(3, 1.0))
        assert self.behind(1, *ahead_of_those_who_follow) is None

    def test_those_stopped_before_count_as_worse(self) -> None:
        reached = [at(number, 9.0, float(number)) for number in range(1, 5)]
        assert self.behind(4, *reached) == Behind("iteration 9", 4.0, 2.0, MEDIAN)
        stopped = [stopped_early(at(number, 9.0)) for number in (5, 6)]
        assert self.behind(4, *reached, stopped[0]) == Behind("iteration 9", 4.0, 2.5, MEDIAN)
        assert self.behind(4, *reached, *stopped) == Behind("iteration 9", 4.0, 3.0, MEDIAN)
        assert self.behind(3, *reached, *stopped) is None
        being_stopped = at(7, 9.0)._replace(stop_reason="EarlyTerminated")
        assert self.behind(4, *reached, *stopped, being_stopped) is None

    def test_those_stopped_there_or_later_count_with_their_values(self) -> None:
        runs = (at(1, 5.0), stopped_early(at(2, 1.0)), stopped_early(at(3, 2.0, 9.0)))
        assert self.behind(1, *runs) == Behind("iteration 3", 5.0, 1.5, MEDIAN)

    def test_about_half_of_equal_chances_are_stopped_and_the_best_never(self) -> None:
        """Runs that keep their order from the start, all at once."""
        account = ledger(*(at(number, float(number)) for number in range(1, 101)), goal="minimize")
        judge = rule("median", minIter=3)
        for bracket in judge.brackets()[1:40]:
            for run in list(account.runs.values()):
                if run.reason:
                    continue
                marks = (*run.brackets, (bracket, float(run.number)))
                account.put_run(run._replace(brackets=marks, best=float(run.number)))
            for run in list(account.runs.values()):
                if not run.reason and account.behind(run, judge):
                    account.put_run(stopped_early(run))
        left = [run.number for run in account.runs.values() if not run.reason]
        assert left == list(range(1, 51))

    def test_a_deleted_record_of_a_stopped_run_counts_no_more(self) -> None:
        reached = [at(number, 9.0, float(number)) for number in range(1, 5)]
        stopped = [stopped_early(at(number, 9.0)) for number in (5, 6, 7)]
        account = ledger(*reached, *stopped, goal="minimize")
        judge = rule("median", minRuns=2)
        assert account.behind(account.runs[4], judge) is None
        account.drop_run(7)
        assert account.behind(account.runs[4], judge) is not None

    def test_a_metric_to_maximize_is_turned_round_and_back(self) -> None:
        runs = (at(1, 0.2), at(2, 0.8), at(3, 0.9))
        assert self.behind(1, *runs, goal="maximize") == Behind(
            "iteration 3", 0.2, pytest.approx(0.85), MEDIAN
        )
        assert self.behind(2, *runs, goal="maximize") is None

    def test_the_largest_numbers_have_a_median(self) -> None:
        worst = at(1, 1.75e308)
        assert self.behind(1, worst, at(2, 1.5e308), at(3, 1.7e308)) is not None
        assert self.behind(1, worst, at(2, 1.74e308), at(3, 1.79e308)) is None

    def test_ended_runs_count(self) -> None:
        ended = [at(number, 1.0)._replace(phase=RunPhase.FINISHED) for number in (2, 3)]
        assert self.behind(1, at(1, 5.0), *ended) == Behind("iteration 3", 5.0, 1.0, MEDIAN)


class TestStopping:
    why = Behind("bracket 9", 0.5, 0.25, GOES_ON)

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

    async def world(self, **rule: Any) -> tuple[World, Reporter]:
        rule = rule or {"type": "hyperband", "minIter": 1}
        world = World(sweep(runCap=3, parallelism=3, earlyTerminate=rule))
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

    def test_one_that_is_worse_than_the_median_is_too(self) -> None:
        async def main() -> World:
            world, reporter = await self.world(type="median", minRuns=2)
            for number, loss in ((3, 9.0), (2, 2.0)):
                assert not await self.report(world, reporter, number, loss)
            await world.settle()
            assert "stopReason" not in world.run(3)["status"]  # one other is too few
            await self.report(world, reporter, 1, 1.0)
            await world.settle()
            world.end_job("a-3-1", Result(143))
            world.clock.now += 5
            await world.settle()
            return world

        world = asyncio.run(main())
        status = world.run(3)["status"]
        assert (status["phase"], status["reason"]) == ("Killed", "EarlyTerminated")
        assert status["message"] == (
            "Stopped early at iteration 1: 9 is worse than 1.5, the median of the others there."
        )
        assert [world.run(n)["status"]["phase"] for n in (1, 2)] == ["Running", "Running"]

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
