"""Reports by HTTP, from the request to the record, on an API server in memory."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from tests.fakes.apiserver import NO_ANSWER, ApiServer, Clock
from tests.fakes.world import NAMESPACE, Result, World, sweep

from sweep_operator.effects.children import Children
from sweep_operator.effects.metrics import REPORT_DELAY, REPORTS, Metrics
from sweep_operator.effects.tokens import POD_NAME, POD_UID, REMEMBERED, PodIdentity, Tokens
from sweep_operator.handlers.controller import Controller
from sweep_operator.handlers.rate import BURST, PER_SECOND, Rate
from sweep_operator.handlers.reports import MAX_BODY, PATH, reports
from sweep_operator.reconcile.report import Reporter


def never(_number: int, _attempt: int) -> Result:
    raise AssertionError("this program doesn't end by itself")


class Reviewer(ApiServer):
    """Knows tokens: `good:POD` is one of that pod."""

    audiences: tuple[str, ...] = ("sweep-operator",)

    async def create(self, path: str, body: Any) -> dict[str, Any]:
        if not path.endswith("/tokenreviews"):
            return await super().create(path, body)
        self.reviews = getattr(self, "reviews", 0) + 1
        kind, _, name = body["spec"]["token"].partition(":")
        pod = self.objects.get(("pods", NAMESPACE, name))
        if kind != "good" or pod is None:
            return {"status": {"authenticated": False}}
        user = {
            "username": f"system:serviceaccount:{NAMESPACE}:default",
            "extra": {POD_NAME: [name], POD_UID: [pod["metadata"]["uid"]]},
        }
        return {"status": {"authenticated": True, "audiences": list(self.audiences), "user": user}}


@dataclass
class Service:
    """A sweep that runs, and the service that its programs report to."""

    world: World
    client: TestClient[Any, Any]
    stand_in: SimpleNamespace
    over: asyncio.Event
    """Set when the moment is over for which reports are gathered."""

    async def send(
        self, *sent: Any, pod: str = "a-1-1-pod", token: str = "", body: bytes | None = None
    ) -> tuple[int, Any]:
        """Report, and tell the answer."""
        data = json.dumps(sent[0] if len(sent) == 1 else list(sent)) if body is None else body
        headers = {"Authorization": f"Bearer {token or f'good:{pod}'}"}
        async with self.client.post(PATH, data=data, headers=headers) as answer:
            return answer.status, await answer.json()

    def status(self, number: int = 1) -> dict[str, Any]:
        found: dict[str, Any] = self.world.run(number)["status"]
        return found

    async def written(self) -> None:
        """Wait until what was gathered is written."""
        self.over.set()
        inboxes = list(self.stand_in.reporter._inboxes.values())
        await asyncio.gather(*(inbox.writing for inbox in inboxes))


async def running_world(**spec: Any) -> World:
    world = World(sweep(**{"runCap": 2, "parallelism": 2, **spec}), never)
    await world.settle()
    for _ in range(2):
        world.step()
        await world.settle()
    return world


@asynccontextmanager
async def service(world: World | None = None, **spec: Any) -> AsyncIterator[Service]:
    world = world or await running_world(**spec)
    world.server.__class__ = Reviewer
    over = asyncio.Event()

    async def pause(_: float) -> None:
        await over.wait()

    metrics = Metrics()
    children = Children(world.server, world.cache)
    stand_in = SimpleNamespace(
        takes_reports=True,
        must_list=lambda _: False,
        reporter=Reporter(children, world.cache, pause=pause, metrics=metrics),
        tokens=Tokens(world.server, Clock()),
        identity=SimpleNamespace(address="here:1"),
        leadership=SimpleNamespace(leader_address=nobody),
        metrics=metrics,
    )
    async with aiohttp.ClientSession() as session:
        application = reports(cast("Controller", stand_in), session)
        async with TestClient(TestServer(application)) as client:
            yield Service(world, client, stand_in, over)


async def nobody() -> str:
    return ""


def with_service(check: Callable[..., Awaitable[None]]) -> Callable[[], None]:
    """A test that is a coroutine, with a service of its own."""

    def run_check() -> None:
        async def main() -> None:
            async with service() as found:
                await check(found)

        asyncio.run(main())

    run_check.__name__ = check.__name__
    run_check.__doc__ = check.__doc__
    return run_check


LOSS = {"metrics": {"loss": 0.5}}
FINAL = {**LOSS, "final": True}


@with_service
async def test_a_final_report_is_on_record_when_it_is_answered(service: Service) -> None:
    assert await service.send(FINAL) == (200, {"stop": False})
    assert service.status()["metrics"] == {"loss": 0.5}
    assert service.status()["value"] == 0.5


@with_service
async def test_others_are_gathered_and_written_together(service: Service) -> None:
    before = service.world.server.count("PATCH", "sweepruns")
    for loss in (3, 2, 1):
        assert (await service.send({"metrics": {"loss": loss}}))[0] == 200
    await service.written()
    assert [point["metrics"]["loss"] for point in service.status()["history"]] == [3, 2, 1]
    assert service.world.server.count("PATCH", "sweepruns") == before + 1
    assert "value" not in service.status()


@with_service
async def test_while_nothing_can_be_written_so_many_are_gathered_and_then_it_goes_on(
    service: Service,
) -> None:
    service.world.server.fail(method="PATCH", plural="sweepruns", times=None)
    many = {"metrics": {f"m{number}": 1 for number in range(64)}}
    answers = [(await service.send(*[many] * 100))[0] for _ in range(10)]
    assert answers == [200, 200, 200] + [503] * 7
    (inbox,) = service.stand_in.reporter._inboxes.values()
    assert len(inbox.reports) == 300
    service.world.server.faults.clear()
    await service.written()
    assert await service.send(FINAL) == (200, {"stop": False})


@with_service
async def test_final_reports_that_could_not_be_written_are_no_hindrance_to_the_next(
    service: Service,
) -> None:
    fault = service.world.server.fail(method="PATCH", plural="sweepruns", times=None)
    many = {"metrics": {f"m{number}": 1 for number in range(63)}, "final": True}
    for _ in range(5):
        assert (await service.send(*[many] * 100))[0] == 503
    service.world.server.faults.remove(fault)
    assert await service.send(FINAL) == (200, {"stop": False})
    assert service.status()["value"] == 0.5


@with_service
async def test_each_report_is_timed_once_it_is_stored_and_each_request_counted_by_its_code(
    service: Service,
) -> None:
    def count(name: str, **labels: str) -> float | None:
        found: float | None = service.stand_in.metrics.registry.get_sample_value(name, labels)
        return found

    await service.send({"metrics": {"loss": 2}}, {"metrics": {"loss": 1}})
    assert count(f"{REPORT_DELAY.name}_count") == 0
    await service.written()
    await service.send({**FINAL})
    await service.send({"loss": 1})
    assert count(f"{REPORT_DELAY.name}_count") == 3
    assert count(REPORTS.name, code="200") == 2
    assert count(REPORTS.name, code="400") == 1


@with_service
async def test_a_final_report_brings_along_what_was_gathered(service: Service) -> None:
    await service.send({"metrics": {"loss": 2}, "sequence": 1})
    await service.send({**FINAL, "step": 2, "sequence": 2})
    assert [point["step"] for point in service.status()["history"]] == [1, 2]


@with_service
async def test_a_report_without_an_answer_that_is_sent_again_is_stored_once(
    service: Service,
) -> None:
    numbered = {**FINAL, "step": 1, "sequence": 1}
    service.world.server.fail(method="PATCH", plural="sweepruns", after=True)
    status, answer = await service.send(numbered)
    assert (status, answer["error"]) == (503, "not stored: send it again")
    assert await service.send(numbered) == (200, {"stop": False})
    assert len(service.status()["history"]) == 1


@with_service
async def test_a_final_report_that_met_the_operators_own_writes_is_stored_all_the_same(
    service: Service,
) -> None:
    service.world.server.change("sweepruns", "a-1", {"metadata": {"labels": {"by": "another"}}})
    assert (await service.send(FINAL))[0] == 200
    assert service.status()["metrics"] == {"loss": 0.5}


@with_service
async def test_what_was_reported_is_the_result_though_the_pod_says_nothing_at_its_end(
    service: Service,
) -> None:
    await service.send(FINAL)
    world = service.world
    world.end("a-1-1", Result(0))
    world.end("a-2-1", Result(0, '{"loss": 2}'))
    world.program = lambda *_: Result(0)
    await world.live(lambda: world.phase == "Finished")
    assert service.status()["value"] == 0.5
    assert world.status["best"]["number"] == 1


@with_service
async def test_a_new_operator_goes_on_counting_from_the_record(service: Service) -> None:
    await service.send({**FINAL, "step": 7, "sequence": 7})
    world = service.world
    world.start()
    service.stand_in.reporter = Reporter(Children(world.server, world.cache), world.cache)
    await service.send({**FINAL, "step": 8, "sequence": 7})
    assert len(service.status()["history"]) == 1


@with_service
async def test_a_mark_of_preemption_is_on_record_at_once(service: Service) -> None:
    assert (await service.send({"preempting": True}))[0] == 200
    assert service.status()["attempts"][-1]["preempting"] is True


@with_service
async def test_a_program_that_is_faster_than_the_watch_is_known_by_asking(
    service: Service,
) -> None:
    world = service.world
    world.cache.pods.drop({"metadata": {"namespace": NAMESPACE, "name": "a-1-1-pod"}})
    world.server.change("pods", "a-1-1-pod", {"metadata": {"labels": {"touched": "yes"}}})
    assert (await service.send(FINAL))[0] == 200


@with_service
async def test_a_cancelled_sweeps_program_is_told_to_stop(service: Service) -> None:
    service.world.server.change("sweeps", "a", {"spec": {"state": "Cancelled"}})
    service.world.deliver()
    assert await service.send(LOSS) == (200, {"stop": True})


class TestRefusals:
    @staticmethod
    def _test(check: Callable[..., Awaitable[None]]) -> None:
        with_service(check)()

    @pytest.mark.parametrize("token", ["bad:a-1-1-pod", "good:no-such-pod"])
    def test_a_token_that_is_not_good_is_refused(self, token: str) -> None:
        async def check(service: Service) -> None:
            status, answer = await service.send(LOSS, token=token)
            assert status == 401
            assert "read it again" in answer["error"]

        self._test(check)

    def test_a_token_for_somebody_else_is_refused(self) -> None:
        async def check(service: Service) -> None:
            cast("Reviewer", service.world.server).audiences = ("https://kubernetes.default.svc",)
            assert (await service.send(LOSS))[0] == 401

        self._test(check)

    @pytest.mark.parametrize("header", ["", "Basic x", "Bearer ", "Bearer"])
    def test_no_token_is_refused(self, header: str) -> None:
        async def check(service: Service) -> None:
            async with service.client.post(
                PATH, json=LOSS, headers={"Authorization": header}
            ) as answer:
                assert answer.status == 401
                assert "Authorization" in (await answer.json())["error"]

        self._test(check)

    def test_a_pod_that_is_no_runs_is_refused(self) -> None:
        async def check(service: Service) -> None:
            service.world.server.put(
                "pods", {"metadata": {"name": "web", "namespace": NAMESPACE}, "spec": {}}
            )
            assert (await service.send(LOSS, pod="web"))[0] == 403

        self._test(check)

    def test_an_attempt_whose_outcome_is_on_record_is_over(self) -> None:
        async def check(service: Service) -> None:
            service.world.end("a-1-1", Result(0, '{"loss": 2}'))
            await service.world.settle()
            status, answer = await service.send({"metrics": {"loss": 9}, "final": True})
            assert status == 410
            assert "over" in answer["error"]
            assert service.status()["value"] == 2

        self._test(check)

    def test_a_body_that_is_not_what_its_headers_say_is_refused(self) -> None:
        async def check(service: Service) -> None:
            sent = {"Authorization": "Bearer good:a-1-1-pod", "Content-Encoding": "gzip"}
            async with service.client.post(PATH, data=b"no gzip", headers=sent) as answer:
                assert answer.status == 400
                assert "send plain JSON" in (await answer.json())["error"]

        self._test(check)

    def test_a_body_that_is_too_large_is_refused(self) -> None:
        async def check(service: Service) -> None:
            status, answer = await service.send(body=b" " * (MAX_BODY + 1))
            assert status == 413
            assert "fewer" in answer["error"]

        self._test(check)

    def test_a_body_that_is_no_report_is_told_what_is_wrong(self) -> None:
        async def check(service: Service) -> None:
            status, answer = await service.send({"loss": 1})
            assert status == 400
            assert "metrics" in answer["error"]

        self._test(check)

    def test_a_burst_is_refused_until_a_while_later(self) -> None:
        async def check(service: Service) -> None:
            many = [LOSS] * 500
            answers = [(await service.send(*many))[0] for _ in range(6)]
            assert answers[0] == 200
            assert answers[-1] == 429

        self._test(check)

    def test_without_an_answer_from_the_api_server_it_is_to_be_sent_again(self) -> None:
        async def check(service: Service) -> None:
            service.world.server.fail(NO_ANSWER, method="PATCH", plural="sweepruns")
            assert (await service.send(FINAL))[0] == 503
            assert (await service.send(FINAL))[0] == 200

        self._test(check)

    def test_where_the_runs_are_not_known_yet_it_is_to_be_sent_again(self) -> None:
        async def check(service: Service) -> None:
            service.stand_in.must_list = lambda namespace: namespace == NAMESPACE
            assert (await service.send(FINAL))[0] == 503
            service.stand_in.must_list = lambda _: False
            assert (await service.send(FINAL))[0] == 200

        self._test(check)

    def test_another_path_or_method_is_told_the_right_one(self) -> None:
        async def check(service: Service) -> None:
            async with service.client.get(PATH) as answer:
                assert answer.status == 405
                assert PATH in (await answer.json())["error"]

        self._test(check)


class TestStandby:
    def test_it_hands_reports_to_the_leader(self) -> None:
        async def main() -> None:
            async with service() as leader, service() as standby:
                standby.stand_in.takes_reports = False
                address = f"{leader.client.host}:{leader.client.port}"

                async def leads() -> str:
                    return address

                standby.stand_in.leadership.leader_address = leads
                assert await standby.send(FINAL) == (200, {"stop": False})
                assert leader.status()["value"] == 0.5
                assert "value" not in standby.status()
                assert (await standby.send(FINAL, token="bad"))[0] == 401

        asyncio.run(main())

    def test_without_a_leader_it_asks_for_patience_and_nothing_goes_round(self) -> None:
        async def main() -> None:
            async with service() as standby:
                standby.stand_in.takes_reports = False
                status, _ = await standby.send(FINAL)
                assert status == 503

                async def itself() -> str:
                    return f"{standby.client.host}:{standby.client.port}"

                standby.stand_in.leadership.leader_address = itself
                assert (await standby.send(FINAL))[0] == 503

        asyncio.run(main())


class TestTokens:
    def test_an_answer_is_remembered_for_a_minute(self) -> None:
        async def main() -> None:
            world = await running_world()
            world.server.__class__ = Reviewer
            clock = Clock(0)
            tokens = Tokens(world.server, clock)
            pod = await tokens.pod_of("good:a-1-1-pod")
            assert pod is not None
            assert pod == PodIdentity(NAMESPACE, "a-1-1-pod", pod.uid)
            clock.now = REMEMBERED - 1
            assert await tokens.pod_of("good:a-1-1-pod") == pod
            assert world.server.reviews == 1
            world.server.remove("pods", "a-1-1-pod")
            clock.now = REMEMBERED
            assert await tokens.pod_of("good:a-1-1-pod") is None

        asyncio.run(main())


class TestRate:
    def test_a_burst_is_allowed_and_then_so_many_a_second(self) -> None:
        clock = Clock(0)
        rate = Rate(clock)
        assert rate.allows("a", int(BURST))
        assert not rate.allows("a", 1)
        assert rate.allows("b", 1)
        clock.now = 1
        assert rate.allows("a", int(PER_SECOND))
        assert not rate.allows("a", 1)
