"""A sink that follows one collection through lists, watches and their ends."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.fakes.apiserver import GONE, ApiServer, Call
from tests.fakes.virtual import run

from sweep_operator.effects.api import ApiError
from sweep_operator.effects.metrics import LISTS, WATCHES, Metrics
from sweep_operator.effects.reflector import Reflector

PATH = "/apis/batch/v1/jobs"
SERVER_ERROR = ApiError(500, "InternalError", "")


class Mirror:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.things: dict[tuple[str, str], str] = {}
        self.relists = 0

    def put(self, thing: Mapping[str, Any]) -> None:
        metadata = thing["metadata"]
        self.things[metadata["namespace"], metadata["name"]] = metadata["resourceVersion"]

    def drop(self, thing: Mapping[str, Any]) -> None:
        self.things.pop((thing["metadata"]["namespace"], thing["metadata"]["name"]), None)

    def keep_only(self, names: set[tuple[str, str]], version: int) -> None:
        self.relists += 1
        for name in set(self.things) - names:
            del self.things[name]


def job(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "lab", "labels": labels}, "spec": {}}


class Setup:
    """A reflector under way."""

    def __init__(self, selector: str = "") -> None:
        self.server = ApiServer()
        self.mirror = Mirror()
        self.metrics = Metrics()
        self.reflector = Reflector(
            self.server,
            PATH,
            self.mirror,
            clock=asyncio.get_running_loop().time,
            label_selector=selector,
            metrics=self.metrics,
        )
        self.task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        self.task = asyncio.create_task(self.reflector.run())
        await self.reflector.synced.wait()

    async def rest(self, seconds: float = 30.0) -> None:
        """Let things happen; a reflector that has died says so."""
        assert self.task is not None
        await asyncio.sleep(seconds)
        if self.task.done():
            self.task.result()

    @property
    def is_true(self) -> bool:
        """Whether the sink holds what the server holds."""
        return self.mirror.things == {
            key[1:]: thing["metadata"]["resourceVersion"]
            for key, thing in self.server.objects.items()
            if key[0] == "jobs"
        }

    def count(self, method: str) -> int:
        return self.server.count(method, "jobs")


def reflect(scenario: Callable[[Setup], Any], selector: str = "") -> None:
    async def main() -> None:
        setup = Setup(selector)
        await scenario(setup)
        if setup.task is not None:
            setup.task.cancel()

    run(main())


class TestFollowing:
    def test_what_is_there_is_in_the_sink_once_it_is_synced(self) -> None:
        async def scenario(setup: Setup) -> None:
            for index in range(1234):  # several pages
                setup.server.put("jobs", job(f"j{index}"))
            await setup.begin()
            assert setup.is_true
            assert len(setup.mirror.things) == 1234

        reflect(scenario)

    def test_what_comes_changes_and_goes_afterwards_is_followed(self) -> None:
        async def scenario(setup: Setup) -> None:
            setup.server.put("jobs", job("a"))
            await setup.begin()
            setup.server.put("jobs", job("b"))
            setup.server.change("jobs", "a", {"status": {"active": 1}})
            await setup.rest()
            assert setup.is_true
            setup.server.remove("jobs", "a")
            await setup.rest()
            assert setup.is_true
            assert setup.mirror.relists == 1

        reflect(scenario)

    def test_other_labels_are_not_asked_for(self) -> None:
        async def scenario(setup: Setup) -> None:
            setup.server.put("jobs", job("theirs"))
            setup.server.put("jobs", job("ours", mine="yes"))
            await setup.begin()
            setup.server.put("jobs", job("later"))
            await setup.rest()
            assert set(setup.mirror.things) == {("lab", "ours")}

        reflect(scenario, selector="mine")


class TestEndsOfWatches:
    def test_a_watch_that_ends_goes_on_where_it_was_without_a_list(self) -> None:
        async def scenario(setup: Setup) -> None:
            await setup.begin()
            for index in range(5):
                setup.server.end_watches()
                setup.server.put("jobs", job(f"j{index}"))
                await setup.rest()
            assert setup.is_true
            assert setup.count("GET") == 1

        reflect(scenario)

    def test_after_410_all_is_listed_again_and_what_is_gone_is_dropped(self) -> None:
        async def scenario(setup: Setup) -> None:
            for name in ("a", "b"):
                setup.server.put("jobs", job(name))
            await setup.begin()
            setup.server.fail(SERVER_ERROR, method="WATCH", times=3)
            setup.server.end_watches()
            setup.server.remove("jobs", "a")
            setup.server.put("jobs", job("c"))
            setup.server.compacted = setup.server.version
            await setup.rest(60)
            assert setup.is_true
            assert set(setup.mirror.things) == {("lab", "b"), ("lab", "c")}

        reflect(scenario)

    def test_a_410_in_the_stream_is_one_too(self) -> None:
        async def scenario(setup: Setup) -> None:
            await setup.begin()
            setup.server.put("jobs", job("a"))
            with pytest.raises(ApiError) as caught:
                setup.reflector._take({"type": "ERROR", "object": {"code": 410, "message": "x"}})
            assert caught.value.code == 410

        reflect(scenario)

    def test_the_first_list_is_tried_until_it_succeeds(self) -> None:
        async def scenario(setup: Setup) -> None:
            setup.server.put("jobs", job("a"))
            setup.server.fail(SERVER_ERROR, method="GET", times=5)
            await setup.begin()
            assert setup.is_true

        reflect(scenario)

    def test_it_is_not_synced_before_its_last_page(self) -> None:
        async def scenario(setup: Setup) -> None:
            for index in range(1234):
                setup.server.put("jobs", job(f"j{index}"))
            pages = 0

            def second_page() -> BaseException:
                assert not setup.reflector.synced.is_set()
                return SERVER_ERROR

            def hits(call: Call) -> bool:
                nonlocal pages
                pages += call.method == "GET"
                return pages == 2

            fault = setup.server.fail(times=1)
            fault.hits, fault.error = hits, second_page
            await setup.begin()
            assert setup.is_true

        reflect(scenario)

    @pytest.mark.parametrize(
        "error", [SERVER_ERROR, GONE, None], ids=["500", "410", "an end without a word"]
    )
    def test_a_watch_that_never_holds_is_not_asked_for_in_a_hot_loop(
        self, error: ApiError | None
    ) -> None:
        async def scenario(setup: Setup) -> None:
            if error is not None:
                setup.server.fail(error, method="WATCH", times=None)
            setup.server._ended = 10**9  # every watch ends at once
            setup.task = asyncio.create_task(setup.reflector.run())
            await setup.rest(600)
            assert setup.count("WATCH") < 100
            assert setup.count("GET") < 100

        reflect(scenario)

    def test_a_watch_that_lasted_is_opened_again_at_once(self) -> None:
        async def scenario(setup: Setup) -> None:
            await setup.begin()
            await setup.rest(290)
            before = setup.count("WATCH")
            setup.server.end_watches()
            await setup.rest(0.01)
            assert setup.count("WATCH") == before + 1

        reflect(scenario)


def test_lists_and_watches_are_counted_by_resource() -> None:
    async def scenario(setup: Setup) -> None:
        await setup.begin()
        for _ in range(2):
            await setup.rest()
            setup.server.end_watches()
        await setup.rest()
        count = setup.metrics.registry.get_sample_value
        assert count(LISTS.name, {"resource": "jobs"}) == 1
        assert count(WATCHES.name, {"resource": "jobs"}) == 3

    reflect(scenario)


class TestSilence:
    def test_one_that_has_not_begun_is_not_silent(self) -> None:
        async def scenario(setup: Setup) -> None:
            await asyncio.sleep(3600)  # a standby's long wait
            assert setup.reflector.hearing.silent_for == 0.0

        reflect(scenario)

    def test_it_counts_from_the_last_word(self) -> None:
        async def scenario(setup: Setup) -> None:
            await setup.begin()
            await setup.rest(100)
            assert setup.reflector.hearing.silent_for == 100
            setup.server.put("jobs", job("a"))
            await setup.rest(1)
            assert setup.reflector.hearing.silent_for == 1

        reflect(scenario)
