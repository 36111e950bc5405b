"""Events as they are written: few, in order, and with the time at which it happened."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.fakes.apiserver import ApiServer
from tests.fakes.virtual import run

from sweep_operator.effects.api import ApiError
from sweep_operator.effects.metrics import EVENTS_LOST, Metrics
from sweep_operator.effects.pace import EVERY
from sweep_operator.effects.recorder import LOOK_EVERY, QUEUE_LENGTH, Recorder
from sweep_operator.planning.story import Happening

SWEEP: dict[str, Any] = {"metadata": {"name": "a", "namespace": "lab", "uid": "u"}}


def tally(count: int) -> Happening:
    return Happening("RunsFailed", f"{count} failed", warning=True, tally=True)


class Setup:
    def __init__(self) -> None:
        self.server = ApiServer()
        self.metrics = Metrics()
        clock = asyncio.get_running_loop().time
        self.recorder = Recorder(
            self.server, "test", lambda: f"at {clock():g}", clock, self.metrics
        )

    @property
    def events(self) -> list[dict[str, Any]]:
        return self.server.of("events")

    @property
    def lost(self) -> float | None:
        return self.metrics.registry.get_sample_value(EVENTS_LOST.name)


def recording(scenario: Callable[[Setup], Awaitable[None]]) -> None:
    async def main() -> None:
        setup = Setup()
        task = asyncio.create_task(setup.recorder.run())
        await scenario(setup)
        assert not task.done()
        task.cancel()

    run(main())


def test_a_thousand_failing_runs_make_few_events_and_the_last_has_the_total() -> None:
    async def scenario(setup: Setup) -> None:
        setup.recorder.tell(SWEEP, Happening("Running", "it runs"))
        for count in range(1, 1001):  # one status a second
            setup.recorder.tell(SWEEP, tally(count))
            await asyncio.sleep(1)
        setup.recorder.tell(SWEEP, Happening("Finished", "all done"))
        await asyncio.sleep(LOOK_EVERY)
        notes = [event["note"] for event in setup.events]
        assert len(notes) == 7
        assert notes[:2] == ["it runs", "1 failed"]
        assert notes[-2:] == ["1000 failed", "all done"]

    recording(scenario)


def test_an_event_held_back_has_the_time_at_which_it_happened() -> None:
    async def scenario(setup: Setup) -> None:
        setup.recorder.tell(SWEEP, tally(1))
        await asyncio.sleep(7)
        setup.recorder.tell(SWEEP, tally(2))
        await asyncio.sleep(EVERY + LOOK_EVERY)
        assert [event["eventTime"] for event in setup.events] == ["at 0", "at 7"]

    recording(scenario)


def test_an_event_is_about_its_sweep() -> None:
    async def scenario(setup: Setup) -> None:
        setup.recorder.tell(SWEEP, Happening("Failed", "x" * 2000, warning=True))
        await asyncio.sleep(1)
        (event,) = setup.events
        assert event["regarding"]["uid"] == "u"
        assert (event["type"], event["reason"]) == ("Warning", "Failed")
        assert len(event["note"]) == 1024

    recording(scenario)


@pytest.mark.parametrize(("code", "lost"), [(403, 1), (404, 0), (409, 0), (500, 1), (0, 1)])
def test_one_that_the_server_does_not_take_is_counted_unless_nobody_misses_it(
    code: int, lost: int
) -> None:
    async def scenario(setup: Setup) -> None:
        setup.server.fail(ApiError(code, "", ""), method="POST", times=1)
        for reason in ("Running", "Paused"):
            setup.recorder.tell(SWEEP, Happening(reason, reason))
        await asyncio.sleep(1)
        assert [event["note"] for event in setup.events] == ["Paused"]
        assert setup.lost == lost

    recording(scenario)


def test_those_that_find_no_place_are_counted() -> None:
    async def scenario(setup: Setup) -> None:
        for number in range(QUEUE_LENGTH + 5):
            setup.recorder.tell(SWEEP, Happening(f"Reason{number}", ""))
        assert setup.lost == 5

    recording(scenario)
