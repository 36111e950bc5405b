"""What is counted, under which names, and that nothing is counted twice."""

import asyncio

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.fakes.world import Result, World, sweep

from sweep_operator.api import paths
from sweep_operator.api.run import RunPhase
from sweep_operator.effects.api import ApiError
from sweep_operator.effects.cache import Cache
from sweep_operator.effects.children import Children
from sweep_operator.effects.gauges import Gauges
from sweep_operator.effects.metrics import (
    API_DURATION,
    API_REQUESTS,
    ATTEMPTS_ENDED,
    ATTEMPTS_STARTED,
    FAMILIES,
    LEADER,
    PREEMPTIONS,
    RUNS,
    SUGGESTION_DURATION,
    SWEEPS,
    TASKS,
    Family,
    Metrics,
    request_of,
)
from sweep_operator.planning.sweep import Intent

NO_ANSWER = ApiError(0, "NoAnswer", "")


def value(metrics: Metrics, family: Family, suffix: str = "", **labels: str) -> float | None:
    return metrics.registry.get_sample_value(family.name + suffix, labels)


def live(world: World, phase: str = "Finished") -> World:
    asyncio.run(world.live(lambda: world.phase == phase))
    return world


class TestNames:
    @pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
    def test_all_have_the_operators_prefix_and_a_sentence(self, family: Family) -> None:
        assert family.name.startswith("sweep_operator_")
        assert family.help.endswith(".")

    @pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
    def test_what_has_a_time_is_in_seconds(self, family: Family) -> None:
        assert family.type != "histogram" or family.name.endswith("_seconds")

    def test_what_is_told_is_what_is_named(self) -> None:
        metrics = Metrics()
        metrics.registry.register(Gauges(Cache(print), lambda: 0, lambda: False, dict, int))
        text, _ = metrics.text("")
        told = {family.name: family for family in text_string_to_metric_families(text.decode())}
        assert len(told) == len(FAMILIES)
        for family in FAMILIES:
            found = told[family.name.removesuffix("_total")]
            assert (found.type, found.documentation) == (family.type, family.help)

    def test_nobody_is_told_when_a_series_began(self) -> None:
        metrics = Metrics()
        metrics.attempt_started()
        for accept in ("", "application/openmetrics-text; version=1.0.0"):
            assert b"_created" not in metrics.text(accept)[0]

    def test_prometheus_gets_the_format_it_asks_for(self) -> None:
        text, content_type = Metrics().text("application/openmetrics-text; version=1.0.0")
        assert content_type.startswith("application/openmetrics-text; version=1.0.0")
        assert text.endswith(b"# EOF\n")


class TestRequests:
    @pytest.mark.parametrize(
        ("method", "path", "verb", "resource"),
        [
            ("GET", paths.jobs("lab"), "list", "jobs"),
            ("GET", paths.jobs(None), "list", "jobs"),
            ("GET", paths.jobs("lab", "a-1-1"), "get", "jobs"),
            ("GET", paths.nodes("n"), "get", "nodes"),
            ("GET", paths.pods("lab", "p") + "/log", "get", "pods/log"),
            ("POST", paths.sweepruns("lab"), "create", "sweepruns"),
            ("PUT", paths.leases("lab", "l"), "update", "leases"),
            ("PATCH", paths.sweepruns("lab", "a-1") + "/status", "patch", "sweepruns/status"),
            ("DELETE", paths.jobs("lab", "a-1-1"), "delete", "jobs"),
            ("DELETE", paths.pods("lab"), "deletecollection", "pods"),
            ("WATCH", paths.pods(None), "watch", "pods"),
            ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", "create", "tokenreviews"),
            ("GET", "/api/v1/namespaces/lab", "get", "namespaces"),
            ("GET", "/apis", "get", "discovery"),
            ("GET", "/apis/sweep-operator.io/v1alpha1", "get", "discovery"),
        ],
    )
    def test_they_are_called_as_roles_call_them(
        self, method: str, path: str, verb: str, resource: str
    ) -> None:
        assert request_of(method, path) == (verb, resource)

    def test_they_are_counted_by_code_and_timed(self) -> None:
        metrics = Metrics()
        for code, seconds in ((200, 0.5), (200, 0.25), (0, 20.0)):
            metrics.answered("GET", paths.jobs("lab", "a-1-1"), code, seconds)
        of = {"verb": "get", "resource": "jobs"}
        assert value(metrics, API_REQUESTS, code="200", **of) == 2
        assert value(metrics, API_REQUESTS, code="none", **of) == 1
        assert value(metrics, API_DURATION, "_sum", **of) == 20.75

    def test_watches_are_counted_and_not_timed(self) -> None:
        metrics = Metrics()
        metrics.answered("WATCH", paths.jobs(None), 200, 0.0)
        assert value(metrics, API_REQUESTS, verb="watch", resource="jobs", code="200") == 1
        assert value(metrics, API_DURATION, "_count", verb="watch", resource="jobs") is None

    def test_names_of_people_do_not_become_series(self) -> None:
        metrics = Metrics()
        before = len(metrics.text("")[0].splitlines())
        for number in range(100):
            metrics.answered("GET", paths.jobs(f"lab{number}", f"a-{number}-1"), 200, 0.1)
            metrics.attempt_ended(RunPhase.CRASHED, f"Reason{number}")
        kinds = 1 + len(API_DURATION.buckets) + 3  # a counter; buckets, +Inf, sum and count
        assert len(metrics.text("")[0].splitlines()) == before + kinds


class TestAttempts:
    def test_each_is_counted_once_at_its_start_and_once_at_its_end(self) -> None:
        world = live(World(sweep(runCap=5)))
        assert value(world.metrics, ATTEMPTS_STARTED) == 5
        assert value(world.metrics, ATTEMPTS_ENDED, outcome="Finished") == 5
        assert value(world.metrics, ATTEMPTS_ENDED, outcome="Failed") == 0

    def test_a_retry_is_another_attempt(self) -> None:
        spec = {"runCap": 1, "failurePolicy": {"maxRetries": 1}}
        world = live(World(sweep(**spec), lambda _, attempt: Result(attempt % 2)))
        assert value(world.metrics, ATTEMPTS_STARTED) == 2
        assert value(world.metrics, ATTEMPTS_ENDED, outcome="Failed") == 1
        assert value(world.metrics, ATTEMPTS_ENDED, outcome="Finished") == 1

    @pytest.mark.parametrize("plural", ["jobs", "sweepruns"])
    @pytest.mark.parametrize("kind", ["POST", "PATCH"])
    def test_passes_that_fail_and_are_repeated_count_nothing_twice(
        self, plural: str, kind: str
    ) -> None:
        world = World(sweep(runCap=5))
        world.server.fail(NO_ANSWER, method=kind, plural=plural, times=4)
        live(world)
        assert value(world.metrics, ATTEMPTS_STARTED) == 5
        assert value(world.metrics, ATTEMPTS_ENDED, outcome="Finished") == 5

    def test_a_write_whose_answer_is_lost_is_not_counted_rather_than_twice(self) -> None:
        world = World(sweep(runCap=5))
        world.server.fail(NO_ANSWER, method="POST", plural="jobs", after=True, times=2)
        world.server.fail(NO_ANSWER, method="PATCH", plural="sweepruns", after=True, times=40)
        live(world)
        started, ended = ATTEMPTS_STARTED, ATTEMPTS_ENDED
        assert value(world.metrics, started) == 3
        assert (value(world.metrics, ended, outcome="Finished") or 0) < 5

    def test_a_job_that_is_there_already_was_counted_when_it_was_made(self) -> None:
        async def main() -> World:
            world = World(sweep(runCap=1))
            await world.settle()
            children = Children(world.server, world.cache, world.metrics)
            intent = Intent.of(world.server.named("sweeps", "a"))
            await children.create_job(intent, world.server.named("jobs", "a-1-1"))
            return world

        assert value(asyncio.run(main()).metrics, ATTEMPTS_STARTED) == 1

    @pytest.mark.parametrize("outcome", [phase for phase in RunPhase if phase != "Running"])
    def test_it_may_have_any_outcome_that_is_the_end_of_one(self, outcome: RunPhase) -> None:
        metrics = Metrics()
        metrics.attempt_ended(outcome, "Held")
        assert value(metrics, ATTEMPTS_ENDED, outcome=outcome.value) == 1

    def test_one_that_the_cluster_took_away_says_why(self) -> None:
        metrics = Metrics()
        metrics.attempt_ended(RunPhase.CRASHED, "PreemptionByScheduler")
        metrics.attempt_ended(RunPhase.CRASHED, "OutOfcpu")
        metrics.attempt_ended(RunPhase.FAILED, "PreemptionByScheduler")
        assert value(metrics, PREEMPTIONS, reason="PreemptionByScheduler") == 1
        assert value(metrics, PREEMPTIONS, reason="Other") == 1

    def test_suggestions_are_timed_by_method(self) -> None:
        world = live(World(sweep(runCap=5)))
        assert value(world.metrics, SUGGESTION_DURATION, "_count", method="random") == 5
        assert value(world.metrics, SUGGESTION_DURATION, "_count", method="bayes") == 0


class TestGauges:
    def test_runs_and_sweeps_are_told_by_namespace(self) -> None:
        world = World(sweep(runCap=5), lambda number, _: Result(1 if number == 2 else 0))
        live(world)
        world.metrics.registry.register(Gauges(world.cache, lambda: 0, lambda: True, dict, int))
        of = {"namespace": "lab"}
        assert value(world.metrics, RUNS, status="Finished", **of) == 4
        assert value(world.metrics, RUNS, status="Failed", **of) == 1
        assert value(world.metrics, RUNS, status="Running", **of) == 0
        assert value(world.metrics, SWEEPS, phase="Finished", **of) == 1
        assert value(world.metrics, SWEEPS, phase="Running", **of) == 0

    def test_tasks_are_told_by_a_standby_too(self) -> None:
        metrics = Metrics()
        tasks = iter((7, 8))
        gauges = Gauges(Cache(print), lambda: 0, lambda: False, dict, lambda: next(tasks))
        metrics.registry.register(gauges)
        assert [value(metrics, TASKS), value(metrics, TASKS)] == [7, 8]

    def test_a_sweep_without_a_status_is_told_as_unknown(self) -> None:
        world = World()
        world.metrics.registry.register(Gauges(world.cache, lambda: 0, lambda: True, dict, int))
        assert value(world.metrics, SWEEPS, namespace="lab", phase="Unknown") == 1

    def test_a_standby_says_nothing_of_what_the_leader_tells(self) -> None:
        world = live(World())
        world.metrics.registry.register(Gauges(world.cache, lambda: 0, lambda: False, dict, int))
        assert value(world.metrics, LEADER) == 0
        assert value(world.metrics, SWEEPS, namespace="lab", phase="Finished") is None
        assert value(world.metrics, RUNS, namespace="lab", status="Finished") is None
