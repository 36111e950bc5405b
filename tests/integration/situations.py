"""The situations a sweep can be in, by spec.state and phase, and how a test brings one about."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from tests.integration.conftest import Place
from tests.integration.hands import sweep
from tests.integration.oracle import REFUSED_FROM
from tests.integration.view import Picture

STATES = ("Running", "Paused", "Stopped", "Cancelled")
PHASES = (*STATES, "Finished", "Failed", "Crashed")

Role = str
"""ended, started or unstarted."""


class Situation(NamedTuple):
    """A state, a phase, and which runs there are."""

    state: str
    phase: str
    roles: Mapping[Role, str]
    """Which of the things below it a run of a role has: R SweepRun, J Job, P pod."""
    prepare: Callable[[Place, str], Awaitable[object]]
    note: str = ""

    def __str__(self) -> str:
        return "-".join(filter(None, (self.state, self.phase, self.note)))


ENDED = {"ended": "RJP"}
BUSY = {**ENDED, "started": "RJP"}

Check = Callable[[Picture], object]


def is_now(phase: str) -> Check:
    """Whether a sweep is in a phase."""
    return lambda now: now.phase == phase


def phases(*expected: str) -> Check:
    """Whether the runs are in these phases, from the first on, and the sweep's counts say so."""

    def check(now: Picture) -> bool:
        found = [run.phase for run in now.runs.values()]
        counts = {key: value for key, value in now.status.get("runs", {}).items() if value}
        return found == list(expected) and counts == {
            phase.lower(): expected.count(phase) for phase in expected
        }

    return check


async def let_start(place: Place, name: str, *numbers: int) -> Picture:
    """Let the first attempts of runs start, and wait until they are Running."""
    now = await place.view.until(name, lambda now: all(_has_pod(now, each) for each in numbers))
    for number in numbers:
        await place.hands.start(now.runs[number].pods[1])
    return await place.view.until(
        name, lambda now: all(now.runs[number].phase == "Running" for number in numbers)
    )


def _has_pod(now: Picture, number: int) -> bool:
    return number in now.runs and bool(now.runs[number].pods)


def _waits(now: Picture, number: int) -> bool:
    return number in now.runs and now.runs[number].reason == "SchedulingGated"


def _is_withdrawn(now: Picture, number: int) -> bool:
    return not now.runs[number].jobs and not now.runs[number].pods


async def busy(place: Place, name: str, exit_code: int = 0, **spec: Any) -> None:
    """Run 1 has ended, 2 has started, 3 waits for its start."""
    settings = {"runCap": 6, "parallelism": 2, "failurePolicy": {"maxFailures": 2}, **spec}
    await place.hands.apply(sweep(name, **settings))
    now = await let_start(place, name, 1, 2)
    if settings["parallelism"] > 2:
        await place.view.until(name, lambda now: _waits(now, 3))
    await place.hands.end(now.runs[1].pods[1], exit_code)
    if not exit_code and "labels" not in spec:
        await place.view.until(name, lambda now: _has_pod(now, 3) and _waits(now, 3))
        await place.view.until(name, phases("Finished", "Running", "Pending"))


async def finished(place: Place, name: str) -> None:
    """All of two runs have finished."""
    await place.hands.apply(sweep(name, runCap=2, parallelism=2, failurePolicy={"maxFailures": 2}))
    now = await let_start(place, name, 1, 2)
    for number in (1, 2):
        await place.hands.end(now.runs[number].pods[1])
    await place.view.until(name, is_now("Finished"))


async def failing(place: Place, name: str) -> None:
    """Run 1 has failed, as many as may; 2 has started, 3 is held."""
    await busy(place, name, exit_code=1, parallelism=3, failurePolicy={"maxFailures": 1})
    await place.view.until(name, phases("Failed", "Running", "Pending"))
    await place.view.until(name, lambda now: now.phase == "Failed" and _is_withdrawn(now, 3))


async def failed(place: Place, name: str) -> None:
    """Run 1 has failed, as many as may; 2 has finished, 3 is held."""
    await failing(place, name)
    await place.hands.end(place.view.of(name).runs[2].pods[1])
    await place.view.until(name, phases("Failed", "Finished", "Pending"))


async def crashed(place: Place, name: str) -> None:
    """Run 1 has ended, 2 has started, and the API server refuses 3's Job for good."""
    await busy(place, name, labels={REFUSED_FROM: "3"})
    await place.view.until(name, is_now("Crashed"))
    await place.view.until(name, phases("Finished", "Running", "Pending"))


async def drained(place: Place, name: str) -> None:
    """Stopped, run 2 has finished too."""
    await place.hands.end(place.view.of(name).runs[2].pods[1])
    await place.view.until(name, phases("Finished", "Finished", "Killed"))


async def withdrawn(place: Place, name: str) -> None:
    """Run 3's Job is gone, and its pod too."""
    await place.view.until(name, lambda now: _is_withdrawn(now, 3))


def then(
    first: Callable[[Place, str], Awaitable[object]],
    state: str,
    *reached: Check,
    last: Callable[[Place, str], Awaitable[object]] | None = None,
) -> Callable[[Place, str], Awaitable[None]]:
    """A situation, and an edit of spec.state that is acknowledged."""

    async def prepare(place: Place, name: str) -> None:
        await first(place, name)
        await place.hands.edit(name, state=state)
        await place.view.until(name, lambda now: now.status.get("observedGeneration") == 2)
        for check in reached:
            await place.view.until(name, check)
        if last is not None:
            await last(place, name)

    return prepare


HELD = phases("Finished", "Running", "Pending")
NOT_STARTED = phases("Finished", "Running", "Killed")
ALL_KILLED = phases("Finished", "Killed", "Killed")
ALL_ENDED = phases("Failed", "Finished", "Killed")

SITUATIONS = (
    Situation("Running", "Running", {**BUSY, "unstarted": "RJP"}, busy),
    Situation("Running", "Finished", ENDED, finished),
    Situation("Running", "Failed", {**BUSY, "unstarted": "R"}, failing, "busy"),
    Situation("Running", "Failed", {**ENDED, "unstarted": "R"}, failed),
    Situation("Running", "Crashed", {**BUSY, "unstarted": "R"}, crashed),
    Situation(
        "Paused", "Paused", {**BUSY, "unstarted": "R"}, then(busy, "Paused", HELD, last=withdrawn)
    ),
    Situation("Paused", "Finished", ENDED, then(finished, "Paused")),
    Situation("Paused", "Failed", {**ENDED, "unstarted": "R"}, then(failed, "Paused")),
    Situation("Stopped", "Stopped", BUSY, then(busy, "Stopped", NOT_STARTED), "busy"),
    Situation("Stopped", "Stopped", ENDED, then(busy, "Stopped", NOT_STARTED, last=drained)),
    Situation("Stopped", "Finished", ENDED, then(finished, "Stopped")),
    Situation("Stopped", "Failed", ENDED, then(failed, "Stopped", ALL_ENDED)),
    Situation("Cancelled", "Cancelled", ENDED, then(busy, "Cancelled", ALL_KILLED)),
    Situation("Cancelled", "Finished", ENDED, then(finished, "Cancelled")),
    Situation("Cancelled", "Failed", ENDED, then(failed, "Cancelled", ALL_ENDED)),
)
