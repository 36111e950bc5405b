"""The operator killed between any two writes of a cancel, stop, pause or resume: the same end.

Each command is given to a sweep with one run ended, two started and three that wait for their
start. It is carried out once undisturbed, to count the operator's writes, and then once for each of
them and for either moment: killed right before it is sent, or before its answer is seen.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import NamedTuple

import pytest
from tests.integration.conftest import Place, Places
from tests.integration.hands import gated, sweep
from tests.integration.journal import Journal
from tests.integration.live_operator import Moment, Operator
from tests.integration.view import Picture, ended

from sweep_operator.effects.api import ApiError

pytestmark = [pytest.mark.integration, pytest.mark.slow]

RUNS, AT_A_TIME = 8, 5
ENDED, STARTED, UNSTARTED = 1, (2, 3), (4, 5, 6)
AT_ONCE = 8
"""Operators, each with a namespace and a sweep of its own."""


def summary(picture: Picture) -> Counter[tuple[str, str]]:
    """How many runs are in each phase, and why."""
    return Counter((run.phase, run.reason) for run in picture.runs.values())


def acknowledged(picture: Picture) -> bool:
    assert picture.sweep is not None
    return bool(picture.status.get("observedGeneration") == picture.sweep["metadata"]["generation"])


def is_cancelled(picture: Picture) -> bool:
    return (
        (picture.phase, picture.condition("Complete")) == ("Cancelled", True)
        and summary(picture) == {("Finished", "Completed"): 1, ("Killed", "Cancelled"): 5}
        and all(ended(pod) for pod in picture.pods)
        and told(picture, finished=1, killed=5)
    )


def is_stopped_and_drains(picture: Picture) -> bool:
    started = [picture.runs[number] for number in STARTED]
    return (
        picture.phase == "Stopped"
        and summary(picture)["Killed", "NotStarted"] == 3
        and all(run.phase == "Running" and run.active for run in started)
        and not jobs_of_unstarted(picture)
        and told(picture, active=2, killed=3)
    )


def is_paused_and_holds(picture: Picture) -> bool:
    started = [picture.runs[number] for number in STARTED]
    unstarted = [picture.runs[number] for number in UNSTARTED]
    return (
        picture.phase == "Paused"
        and acknowledged(picture)
        and all(run.phase == "Running" and run.active for run in started)
        and all(run.phase == "Pending" and not run.active for run in unstarted)
        and not jobs_of_unstarted(picture)
        and told(picture, active=2, pending=3)
    )


def goes_on(picture: Picture) -> bool:
    held = [picture.runs[number] for number in UNSTARTED]
    return (
        picture.phase == "Running"
        and acknowledged(picture)
        and all(run.jobs for run in held)
        and told(picture, active=AT_A_TIME)
    )


def jobs_of_unstarted(picture: Picture) -> list[int]:
    return [number for number in UNSTARTED if picture.runs[number].jobs]


def told(picture: Picture, active: int = 0, **counts: int) -> bool:
    """Whether the sweep's status has these counts."""
    runs = picture.status.get("runs", {})
    return picture.status.get("active") == active and all(
        runs.get(phase) == count for phase, count in counts.items()
    )


class Command(NamedTuple):
    """An edit of spec.state, and what is to come of it."""

    before: str
    state: str
    reached: Callable[[Picture], bool]
    """Once it is carried out, with the pods as they are."""
    ends: Counter[tuple[str, str]]
    """How the runs end, once those that are left have ended and a paused sweep is resumed."""


FINISHED = ("Finished", "Completed")
COMMANDS = {
    "cancel": Command(
        "Running", "Cancelled", is_cancelled, Counter({FINISHED: 1, ("Killed", "Cancelled"): 5})
    ),
    "stop": Command(
        "Running",
        "Stopped",
        is_stopped_and_drains,
        Counter({FINISHED: 3, ("Killed", "NotStarted"): 3}),
    ),
    "pause": Command("Running", "Paused", is_paused_and_holds, Counter({FINISHED: RUNS})),
    "resume": Command("Paused", "Running", goes_on, Counter({FINISHED: RUNS})),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_each_write_of(
    places: Places, name: str, record_property: Callable[[str, object], None]
) -> None:
    async def main() -> None:
        command = COMMANDS[name]
        writes = [str(call) for call in await carry_out(places, command, 0, Moment.BEFORE)]
        assert writes
        limit = asyncio.Semaphore(AT_ONCE)

        async def killed(at: int, moment: Moment) -> Sequence[object]:
            async with limit:
                try:
                    return await carry_out(places, command, at, moment)
                except AssertionError as error:
                    raise AssertionError(f"killed at {at}, {moment}: {error}") from error

        points = [(at, moment) for at in range(1, len(writes) + 1) for moment in Moment]
        seen = await asyncio.gather(*(killed(*point) for point in points))
        kills = sum(len(calls) >= at for (at, _), calls in zip(points, seen, strict=True))
        record_property("writes", writes)
        record_property("kills", kills)
        # How many writes there are varies: statuses are drawn together by chance. Each point that
        # was reached had the same end; here, that most were reached.
        assert kills >= len(points) * 3 // 4

    asyncio.run(main())


async def carry_out(places: Places, command: Command, at: int, moment: Moment) -> Sequence[object]:
    """Give a command, kill the operator at a write, and see what a successor makes of it.

    Returns the writes from the command on that the first operator came to.
    """
    async with places() as place, AsyncExitStack() as operators:
        journal = Journal()

        async def start() -> Operator:
            made = Operator(place.connection, place.namespace, journal)
            return await operators.enter_async_context(made)

        operator = await start()
        await prepare(place)
        if command.before == "Paused":
            await place.hands.edit("s", state="Paused")
            await place.view.until("s", is_paused_and_holds)
        operator.fuse.light(at, moment)
        await place.hands.edit("s", state=command.state)
        successor = asyncio.create_task(succeed(operator, start))
        try:
            await place.view.until("s", command.reached)
            writes = list(operator.fuse.writes)
            await see_to_the_end(place, command)
        finally:
            await call_off(successor)
        return writes


async def call_off(task: "asyncio.Task[None]") -> None:
    """End a task in the background, whose own failure is the test's."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def succeed(operator: Operator, start: Callable[[], Awaitable[Operator]]) -> None:
    """Start another operator when one has died."""
    await operator.died()
    await start()


async def prepare(place: Place) -> None:
    """One run ended, two started, three that wait for their start."""
    await place.hands.apply(sweep("s", runCap=RUNS, parallelism=AT_A_TIME))
    picture = await place.view.until("s", lambda now: len(now.pods) == AT_A_TIME)
    for number in (ENDED, *STARTED):
        await place.hands.start(picture.runs[number].pods[1])
    await place.hands.end(picture.runs[ENDED].pods[1])

    def ready(now: Picture) -> bool:
        return (
            len(now.pods) == AT_A_TIME + 1
            and now.runs[ENDED].phase == "Finished"
            and all(now.runs[number].phase == "Running" for number in STARTED)
            and all(now.runs[number].reason == "SchedulingGated" for number in UNSTARTED)
            and told(now, active=AT_A_TIME, finished=1, running=2)
        )

    await place.view.until("s", ready)


async def see_to_the_end(place: Place, command: Command) -> None:
    """Let all pods come to their end, resume if need be, and look at what became of the runs."""
    usher = asyncio.create_task(let_all_pass(place))
    try:
        if command.state == "Paused":
            drained = await place.view.until("s", lambda now: told(now, finished=3, pending=3))
            assert drained.phase == "Paused"
            await place.hands.edit("s", state="Running")
        end = await place.view.until(
            "s", lambda now: now.condition("Complete") and not now.status["active"]
        )
    finally:
        await call_off(usher)
    assert summary(end) == command.ends
    assert list(end.runs) == list(range(1, len(end.runs) + 1))
    assert place.view.made_twice() == []
    for number in (ENDED, *STARTED):
        assert [each["number"] for each in end.runs[number].attempts] == [1]


async def let_all_pass(place: Place) -> None:
    """Let each pod start, and end at once."""
    seen: set[str] = set()

    def fresh(now: Picture) -> list[str]:
        return [pod["metadata"]["name"] for pod in now.pods if pod["metadata"]["name"] not in seen]

    while True:
        picture = await place.view.until("s", fresh, within=600)
        for pod in picture.pods:
            if pod["metadata"]["name"] not in seen:
                seen.add(pod["metadata"]["name"])
                with suppress(ApiError):  # a pod that was just withdrawn
                    if gated(pod):
                        await place.hands.start(pod)
                    await place.hands.end(pod)
