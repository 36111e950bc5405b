"""Sweeps whose combinations aren't all runs, pass by pass."""

import asyncio
import json
from typing import Any

import pytest
from tests.fakes.world import World, sweep
from typing_extensions import override

from sweep_operator.effects.suggester import Question, Suggester
from sweep_operator.search import SpaceError
from sweep_operator.search.method import Parameters

PARAMETERS: dict[str, Any] = {
    "optimizer": {"values": ["adam", "sgd"]},
    "momentum": {"values": [0.5, 0.9], "when": {"optimizer": ["sgd"]}},
    "size": {"values": [1, 2]},
}
CONSTRAINTS = ["momentum == null || momentum < 0.9 || size == 1"]
POINTS = [
    {"optimizer": "adam", "size": 1},
    {"optimizer": "adam", "size": 2},
    {"momentum": 0.5, "optimizer": "sgd", "size": 1},
    {"momentum": 0.5, "optimizer": "sgd", "size": 2},
    {"momentum": 0.9, "optimizer": "sgd", "size": 1},
]


def text(parameters: Any) -> str:
    return json.dumps(parameters, sort_keys=True)


def lived(suggester: Suggester | None = None, **spec: Any) -> World:
    async def main() -> World:
        written = {"parameters": PARAMETERS, "constraints": CONSTRAINTS, "runCap": None, **spec}
        manifest = sweep(**written)
        manifest["spec"] = {name: each for name, each in manifest["spec"].items() if each}
        world = World(manifest, suggester=suggester)
        await world.live(lambda: world.phase in {"Finished", "Crashed"})
        return world

    return asyncio.run(main())


@pytest.mark.parametrize("method", ["grid", "bayes", "tpe"])
def test_it_ends_after_each_valid_point_and_no_other(method: str) -> None:
    world = lived(method=method)

    assert world.phase == "Finished"
    assert sorted(map(text, world.parameters.values())) == sorted(map(text, POINTS))


def test_a_shuffled_grid_ends_after_the_same_points_in_another_order() -> None:
    plain, shuffled = lived(method="grid"), lived(method="grid", shuffle=True)

    assert [*plain.parameters.values()] != [*shuffled.parameters.values()]
    assert sorted(map(text, shuffled.parameters.values())) == sorted(map(text, POINTS))


class Barren(Suggester):
    """Finds two runs."""

    @override
    async def suggest(self, question: Question, namespace: str = "") -> Parameters | None:
        if question.number > 2:
            raise SpaceError("spec.constraints", "leave next to nothing")
        return await super().suggest(question)


def test_when_constraints_leave_next_to_nothing_the_sweep_is_stalled_and_says_so() -> None:
    world = lived(Barren(), method="random", runCap=5)

    stalled = world.condition("Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "InvalidSpec")
    assert stalled["message"] == "spec.constraints: leave next to nothing"
    assert world.made("sweepruns") == ["a-1", "a-2"]
