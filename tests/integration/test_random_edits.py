"""200 random edits of state and parallelism over one sweep of 300 runs, with room for only 12.

What the operator may send is judged by its own journal: what it had received when it sent it.
"""

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import pytest
from tests.integration.conftest import Place, Places
from tests.integration.hands import sweep
from tests.integration.journal import Entry, Received, Sent, over_parallelism
from tests.integration.live_operator import Operator
from tests.integration.view import Json, Picture

from sweep_operator.api.parameters import Parameter
from sweep_operator.search import METHODS, Space

pytestmark = [pytest.mark.integration, pytest.mark.slow]

RUNS, EDITS, MOST, ROOM = 300, 200, 20, 12
SEED = 4
PARAMETERS = {
    "rate": {"distribution": "uniform", "min": 0.0, "max": 1.0},
    "depth": {"values": [1, 2, 3]},
}
RESOURCE = "example.com/room"


def test_random_edits(places: Places) -> None:
    async def main() -> None:
        async with places() as place, Operator(place.connection, place.namespace) as operator:
            await make_room(place)
            room = {"requests": {RESOURCE: "1"}, "limits": {RESOURCE: "1"}}
            container = {"name": "main", "image": "none", "resources": room}
            await place.hands.apply(
                sweep(
                    "s",
                    lasts="500ms",
                    pod={"containers": [container]},
                    method="random",
                    seed=SEED,
                    parameters=PARAMETERS,
                    runCap=RUNS,
                    parallelism=MOST,
                )
            )
            await edit_at_random(place, random.Random(SEED))
            await place.hands.edit("s", state="Running", parallelism=MOST)
            end = await place.view.until("s", is_finished, within=300)
            assert_each_run_once(place, end)
            entries = operator.journal.entries
            assert list(created_while_paused(entries, end)) == []
            assert list(over_parallelism(entries)) == []
            received = {entry.sweep["metadata"]["generation"] for entry in states(entries)}
            assert len(received) > EDITS / 2, "the operator has seen few of the edits"

    asyncio.run(main())


async def make_room(place: Place) -> None:
    """Give one KWOK node room for so many pods, and the others for none."""
    sizes = {RESOURCE: str(ROOM)}
    status = {"status": {"capacity": sizes, "allocatable": sizes}}
    await place.api.patch("/api/v1/nodes/kwok-0/status", status)


async def edit_at_random(place: Place, chance: random.Random) -> None:
    """Edit state and parallelism: at once after each other, or after a few runs more."""
    for number in range(1, EDITS + 1):
        state = chance.choice(("Running", "Running", "Paused"))
        edit = (
            {"state": state} if chance.random() < 0.6 else {"parallelism": chance.randint(1, MOST)}
        )
        await place.hands.edit("s", **edit)
        # Spread over the life of the sweep; one that is drained is not waited for.
        due = RUNS * number // EDITS - chance.randint(0, 20)
        with suppress(AssertionError):
            await place.view.until("s", partial(so_many_finished, due), within=0.5)


def so_many_finished(count: int, now: Picture) -> bool:
    """Whether at least so many runs have finished."""
    return sum(run.phase == "Finished" for run in now.runs.values()) >= count


def is_finished(now: Picture) -> bool:
    """Whether all is done and told."""
    told = now.status.get("runs", {}).get("finished")
    return now.phase == "Finished" and now.condition("Complete") and told == RUNS


def assert_each_run_once(place: Place, end: Picture) -> None:
    """All numbers, all finished, with the parameters that the search gives for each."""
    space = Space.of({name: Parameter.model_validate(spec) for name, spec in PARAMETERS.items()})
    assert list(end.runs) == list(range(1, RUNS + 1))
    for number, run in end.runs.items():
        wanted = METHODS["random"].suggest(space, SEED, number, (), ())
        assert run.record["spec"]["parameters"] == wanted
        assert run.phase == "Finished"
        assert [each["outcome"] for each in run.attempts].count("Finished") == 1
        assert [each["number"] for each in run.attempts] == list(range(1, run.current))
    assert place.view.made_twice() == []


def states(entries: list[Entry]) -> Iterator[Received]:
    """What the operator received of the sweep."""
    return (entry for entry in entries if isinstance(entry, Received))


def created_while_paused(entries: list[Entry], end: Picture) -> Iterator[str]:
    """Creations for runs that had never started, sent after a pause was received."""
    spec: Json = {}
    for entry in entries:
        if isinstance(entry, Received):
            spec = entry.sweep["spec"]
        elif isinstance(entry, Sent) and spec.get("state") == "Paused":
            call = entry.call
            again = call.makes_job and started_before(end, *call.attempt)
            if (call.makes_run or call.makes_job) and not again:
                yield str(call.body["metadata"]["name"])


def started_before(end: Picture, number: int, attempt: int) -> bool:
    """Whether a container of an earlier attempt of a run has started."""
    attempts = end.runs[number].attempts
    return any("started" in each for each in attempts if each["number"] < attempt)
