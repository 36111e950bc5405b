"""Points that are run several times, pass by pass."""

import asyncio
import json
from typing import Any

import pytest
from tests.fakes.asked import Asked, a_tenth
from tests.fakes.world import Result, World, sweep
from typing_extensions import override

from sweep_operator.api.sweep import SweepStatus
from sweep_operator.effects.suggester import Question, Suggester
from sweep_operator.search.method import Parameters

LOSSES = [1, 9, 8, 3, 2, 4, 2]
"""Of runs 1 to 7: the means are 6, 3 and, of a point that is cut, 2."""


def program(number: int, _attempt: int) -> Result:
    return Result(0, json.dumps({"loss": LOSSES[number - 1]}))


def lived(program: Any = program, **spec: Any) -> World:
    async def main() -> World:
        world = World(sweep(**{"runCap": 7, "parallelism": 2, "repeats": 3, **spec}), program)
        await world.live(lambda: world.phase == "Finished")
        return world

    return asyncio.run(main())


def variables(job: dict[str, Any]) -> dict[str, str]:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


@pytest.fixture(scope="module")
def seven() -> World:
    return lived()


def test_the_cap_counts_runs_and_consecutive_ones_have_the_same_parameters(seven: World) -> None:
    assert sorted(seven.made("sweepruns")) == [f"a-{number}" for number in range(1, 8)]
    drawn = [seven.parameters[f"a-{number}"]["x"] for number in range(1, 8)]
    assert drawn[0:3] == [drawn[0]] * 3
    assert drawn[3:6] == [drawn[3]] * 3
    assert len(set(drawn)) == 3


def test_the_points_are_those_of_a_sweep_without_repeats(seven: World) -> None:
    alone = lived(repeats=1, runCap=3)
    assert [alone.parameters[f"a-{point}"] for point in (1, 2, 3)] == [
        seven.parameters[f"a-{number}"] for number in (1, 4, 7)
    ]


def test_the_best_is_the_one_with_the_best_mean() -> None:
    world = lived(runCap=6)
    SweepStatus.model_validate(world.status)
    assert world.status["best"] == {
        "run": "a-4",
        "number": 4,
        "value": 3,
        "parameters": world.parameters["a-4"],
    }


def test_a_point_that_the_cap_cuts_counts_with_the_runs_it_has(seven: World) -> None:
    assert (seven.status["best"]["run"], seven.status["best"]["value"]) == ("a-7", 2)


def test_the_program_learns_which_repeat_it_is_and_has_a_seed_for_each(seven: World) -> None:
    found = [variables(seven.server.named("jobs", f"a-{number}-1")) for number in range(1, 8)]
    assert [each["SWEEP_REPEAT"] for each in found] == ["1", "2", "3", "1", "2", "3", "1"]
    seeds = [each["SWEEP_SEED"] for each in found]
    assert seeds[0:3] == seeds[3:6]
    assert len(set(seeds)) == 3
    assert all(0 <= int(seed) < 2**31 for seed in seeds)


def test_a_grid_has_so_many_runs_of_each_point_and_ends() -> None:
    grid: dict[str, Any] = {"method": "grid", "parameters": {"x": {"values": [1, 2]}}}
    world = lived(**grid, runCap=50)
    drawn = [world.parameters[f"a-{number}"]["x"] for number in range(1, 7)]
    assert drawn == [1, 1, 1, 2, 2, 2]
    assert len(world.parameters) == 6


@pytest.mark.parametrize("after", [False, True], ids=["before it arrived", "after it took effect"])
def test_an_operator_killed_at_any_request_goes_on_with_the_same_points(
    seven: World, *, after: bool
) -> None:
    async def main(number: int) -> World:
        world = World(sweep(runCap=7, parallelism=2, repeats=3), program)
        world.server.die_at(number, after=after)
        await world.live(lambda: world.phase == "Finished")
        return world

    for number in range(1, len(seven.server.calls) + 1):
        world = asyncio.run(main(number))
        assert world.parameters == seven.parameters
        assert world.status["best"] == seven.status["best"]


def test_a_search_that_learns_is_asked_once_a_point_and_learns_means() -> None:
    async def main() -> Asked:
        asked = Asked(a_tenth)
        manifest = sweep(runCap=9, parallelism=1, repeats=3, method="tpe")
        world = World(manifest, lambda number, _: Result(0, f'{{"loss": {number}}}'), asked)
        await world.live(lambda: world.phase == "Finished")
        return asked

    questions = asyncio.run(main()).questions
    assert [question.number for question in questions] == [1, 2, 3]
    told = [(each.number, each.parameters, each.value) for each in questions[2].observations]
    assert told == [(1, {"x": 0.1}, 2), (2, {"x": 0.2}, 5)]
    assert not questions[2].pending


class Fickle(Suggester):
    """Never gives the same answer twice: what it said stands in records alone."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    @override
    async def suggest(self, question: Question, namespace: str = "") -> Parameters | None:
        self.asked += 1
        return {"x": self.asked / 1000}


@pytest.mark.parametrize("after", [False, True], ids=["before it arrived", "after it took effect"])
def test_what_is_on_record_of_a_point_is_what_all_its_runs_get(
    seven: World, *, after: bool
) -> None:
    async def main(number: int) -> World:
        world = World(sweep(runCap=7, parallelism=2, repeats=3), program, Fickle())
        world.server.die_at(number, after=after)
        await world.live(lambda: world.phase == "Finished")
        return world

    for number in range(1, len(seven.server.calls) + 1):
        found = asyncio.run(main(number)).parameters
        drawn = [found[f"a-{each}"]["x"] for each in range(1, 8)]
        assert drawn == [drawn[0]] * 3 + [drawn[3]] * 3 + [drawn[6]]
        assert len(set(drawn)) == 3


def test_a_target_is_reached_by_a_mean() -> None:
    metric = {"name": "loss", "goal": "minimize", "target": 3}
    world = lived(metric=metric, parallelism=1)
    assert world.status["endReason"] == "Target"
    assert len(world.made("sweepruns")) == 6
