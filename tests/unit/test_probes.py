"""What the kubelet and Prometheus are told: of an operator that works, stands by, or hangs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from kubernetes.aio.client import Configuration
from tests.fakes.apiserver import ApiServer, Clock

from sweep_operator.effects.api import ApiError
from sweep_operator.effects.hearing import Hearing
from sweep_operator.effects.metrics import LEADER, LISTS, WATCH_SILENCE, WATCHES, Metrics
from sweep_operator.effects.workqueue import Key
from sweep_operator.handlers.connection import kopf_session
from sweep_operator.handlers.controller import SILENCE, Controller, Identity
from sweep_operator.handlers.probes import probes

SWEEPS = "/apis/sweep-operator.io/v1alpha1/sweeps"


class Setup:
    """An operator whose clock is moved by hand."""

    def __init__(self, clock: Clock, client: Any, operator: Controller, server: ApiServer) -> None:
        self.clock = clock
        self._client = client
        self.operator = operator
        self.server = server

    async def ask(self, path: str) -> tuple[int, str]:
        async with self._client.get(path) as answer:
            return answer.status, await answer.text()

    def value(self, name: str, **labels: str) -> float | None:
        return self.operator.metrics.registry.get_sample_value(name, labels)


@asynccontextmanager
async def standby() -> AsyncIterator[Setup]:
    clock = Clock()
    server = ApiServer()
    operator = Controller(server, server, Identity("me", "system"), monotonic=clock, wall=clock)
    async with TestClient(TestServer(probes(operator))) as client:
        yield Setup(clock, client, operator, server)


@asynccontextmanager
async def leader() -> AsyncIterator[Setup]:
    async with standby() as setup:
        task = asyncio.create_task(setup.operator.run())
        await everything()
        assert setup.operator.takes_reports
        yield setup
        task.cancel()
        await asyncio.wait([task])


async def everything() -> None:
    """Let all happen for which no time has to go by."""
    for _ in range(200):
        await asyncio.sleep(0)


Check = Callable[[Setup], Awaitable[None]]


def lead(check: Check) -> None:
    async def main() -> None:
        async with leader() as setup:
            await check(setup)

    asyncio.run(main())


def stand_by(check: Check) -> None:
    async def main() -> None:
        async with standby() as setup:
            await check(setup)

    asyncio.run(main())


def test_a_leader_that_works_is_alive_ready_and_says_that_it_leads() -> None:
    async def check(setup: Setup) -> None:
        setup.operator.hearing_of_sweeps(SWEEPS).begin()
        setup.clock.now += SILENCE
        assert await setup.ask("/livez") == (200, "ok")
        assert await setup.ask("/readyz") == (200, "ok")
        status, text = await setup.ask("/metrics")
        assert status == 200
        assert f"{LEADER.name} 1.0" in text
        assert f'{WATCH_SILENCE.name}{{resource="jobs"}} {SILENCE}' in text

    lead(check)


def test_a_standby_is_alive_ready_and_says_that_it_does_not_lead() -> None:
    async def check(setup: Setup) -> None:
        setup.clock.now += 10 * SILENCE
        assert await setup.ask("/livez") == (200, "ok")
        assert await setup.ask("/readyz") == (200, "ok")
        assert f"{LEADER.name} 0.0" in (await setup.ask("/metrics"))[1]

    stand_by(check)


def test_a_leader_whose_watch_of_jobs_hangs_is_neither_alive_nor_ready() -> None:
    async def check(setup: Setup) -> None:
        setup.clock.now += SILENCE + 1
        status, why = await setup.ask("/livez")
        assert status == 503
        assert "/apis/batch/v1/jobs" in why
        assert (await setup.ask("/readyz"))[0] == 503

    lead(check)


def test_so_is_a_standby_whose_watch_of_sweeps_hangs() -> None:
    async def check(setup: Setup) -> None:
        setup.operator.hearing_of_sweeps(SWEEPS).begin()
        setup.clock.now += SILENCE + 1
        assert await setup.ask("/livez") == (503, f"no word from the watch of {SWEEPS}")
        assert (await setup.ask("/readyz"))[0] == 503
        setup.operator.hearing_of_sweeps(SWEEPS).word()
        assert await setup.ask("/livez") == (200, "ok")

    stand_by(check)


def test_one_watch_of_several_is_enough() -> None:
    async def check(setup: Setup) -> None:
        one, other = (f"/apis/g/v1/namespaces/{name}/sweeps" for name in ("one", "other"))
        for path in (one, other):
            setup.operator.hearing_of_sweeps(path).begin()
        setup.clock.now += SILENCE + 1
        setup.operator.hearing_of_sweeps(other).word()
        assert await setup.ask("/livez") == (503, f"no word from the watch of {one}")
        assert setup.value(WATCH_SILENCE.name, resource="sweeps") == SILENCE + 1

    stand_by(check)


class ApiServerOfKopf:
    """Answers kopf's requests as a test wants."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.metrics = Metrics()
        self.hearings: dict[str, Hearing] = {}
        self.status = 200
        self.drop = False
        self.asked: list[str | None] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.headers.get("Authorization"))
        if self.drop and request.transport:
            request.transport.abort()
        return web.json_response({}, status=self.status)

    def hearing_of(self, path: str) -> Hearing:
        return self.hearings.setdefault(path, Hearing(self.clock))

    def count(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"resource": "sweeps"})


def with_kopf(check: Callable[[ApiServerOfKopf, Any], Awaitable[None]]) -> None:
    async def main() -> None:
        fake = ApiServerOfKopf()
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", fake.answer)
        async with TestServer(application) as server:
            found = Configuration()
            found.host = str(server.make_url("")).rstrip("/")
            found.api_key = {"BearerToken": "Bearer secret"}
            info = await kopf_session(found, fake.hearing_of, fake.metrics)
            async with info.aiohttp_session as session:

                async def get(path: str) -> None:
                    async with session.get(info.server + path) as answer:
                        await answer.read()

                await check(fake, get)

    asyncio.run(main())


class TestKopfsWatch:
    def test_each_list_and_each_watch_of_sweeps_is_a_word(self) -> None:
        async def check(fake: ApiServerOfKopf, get: Callable[[str], Awaitable[None]]) -> None:
            for path in (SWEEPS, f"{SWEEPS}?continue=x", f"{SWEEPS}?watch=true"):
                await get(path)
                assert fake.hearings[SWEEPS].silent_for == 0.0
                fake.clock.now += 100
                assert fake.hearings[SWEEPS].silent_for == 100
            assert fake.count(LISTS.name) == 1
            assert fake.count(WATCHES.name) == 1
            assert fake.asked == ["Bearer secret"] * 3

        with_kopf(check)

    def test_other_requests_of_kopf_are_none(self) -> None:
        async def check(fake: ApiServerOfKopf, get: Callable[[str], Awaitable[None]]) -> None:
            await get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions?watch=true")
            assert not fake.hearings

        with_kopf(check)

    @pytest.mark.parametrize("status", [403, 500])
    def test_a_refusal_is_no_word_and_no_hanging(self, status: int) -> None:
        async def check(fake: ApiServerOfKopf, get: Callable[[str], Awaitable[None]]) -> None:
            await get(SWEEPS)
            fake.clock.now += SILENCE + 1
            fake.status = status
            await get(f"{SWEEPS}?watch=true")
            assert fake.hearings[SWEEPS].silent_for == SILENCE + 1
            assert not fake.hearings[SWEEPS].hangs(SILENCE)

        with_kopf(check)

    def test_requests_without_an_answer_are_hanging_in_the_end(self) -> None:
        async def check(fake: ApiServerOfKopf, get: Callable[[str], Awaitable[None]]) -> None:
            fake.drop = True
            for _ in range(2):
                with pytest.raises(Exception, match="disconnected"):
                    await get(f"{SWEEPS}?watch=true")
                fake.clock.now += SILENCE
            assert fake.hearings[SWEEPS].hangs(SILENCE)

        with_kopf(check)


def test_a_pass_that_fails_is_counted_by_what_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(setup: Setup) -> None:
        name = "sweep_operator_reconcile_errors_total"
        monkeypatch.setattr(setup.operator.queue, "add_after", lambda *_: None)  # no second try
        for error in (ApiError(500, "", ""), RuntimeError("a defect")):

            async def fail(_: Any, error: Exception = error) -> None:
                raise error

            monkeypatch.setattr(setup.operator._reconciler, "reconcile", fail)
            setup.operator.queue.add(Key("lab", "u"))
            await everything()
        assert setup.value(name, kind="api") == 1
        assert setup.value(name, kind="defect") == 1
        took = "sweep_operator_reconcile_duration_seconds_count"
        assert setup.value(took) == 2
        assert setup.value("sweep_operator_queue_wait_seconds_count") == 2

    lead(check)
