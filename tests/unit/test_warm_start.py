"""A sweep that learns from another's records, pass by pass."""

import asyncio
import json
from typing import Any

import pytest
from tests.fakes.asked import Asked
from tests.fakes.world import NAMESPACE, Result, World, sweep

from sweep_operator.api.parameters import Parameter
from sweep_operator.effects.suggester import Question
from sweep_operator.search import METHODS, Space
from sweep_operator.search.method import Observation

SPACE: dict[str, Any] = {"x": {"distribution": "uniform", "min": 0, "max": 1}}
RUNS = 12
"""More than either method begins with."""


def loss(number: int) -> float:
    return (number - 5) ** 2 / 10


def program(number: int, _attempt: int) -> Result:
    return Result(0, json.dumps({"loss": loss(number)}))


def learner(method: str = "tpe", *names: str, **spec: Any) -> dict[str, Any]:
    warm = {"warmStart": {"sweeps": names}} if names else {}
    return sweep("b", **{"method": method, "parallelism": 1, "runCap": 3, **warm, **spec})


async def taught(manifest: dict[str, Any], **teacher: Any) -> World:
    """A world in which a sweep `a` has finished, and another has just been applied."""
    world = World(sweep("a", runCap=RUNS, **teacher), program, Asked())
    await world.live(lambda: world.phase == "Finished")
    world.sweep = world.server.put("sweeps", manifest)
    return world


def lived(manifest: dict[str, Any], **teacher: Any) -> World:
    async def main() -> World:
        world = await taught(manifest, **teacher)
        await world.live(lambda: world.phase == "Finished")
        return world

    return asyncio.run(main())


def asked(world: World) -> list[Question]:
    """What was asked for the sweep that learns."""
    assert isinstance(world.suggester, Asked)
    return [question for question in world.suggester.questions if question.method != "random"]


def known(world: World) -> list[Observation]:
    """The records of `a`, read as a person would."""
    return [
        Observation(number - RUNS, world.parameters[f"a-{number}"], loss(number))
        for number in range(1, RUNS + 1)
    ]


@pytest.mark.parametrize("method", ["bayes", "tpe"])
def test_its_first_run_is_what_the_method_makes_of_the_others_records(method: str) -> None:
    world = lived(learner(method, "a", runCap=1))
    cold = lived(learner(method, runCap=1))
    space = Space.of({"x": Parameter.model_validate(SPACE["x"])})
    direct = METHODS[method].suggest(space, 7, 1, known(world), ())
    assert world.parameters["b-1"] == direct
    assert world.parameters["b-1"] != cold.parameters["b-1"]


def test_it_learns_from_its_own_runs_too_and_they_come_last() -> None:
    world = lived(learner("tpe", "a"))
    assert [each.number for each in asked(world)[2].observations] == [*range(1 - RUNS, 1), 1, 2]


def test_the_same_records_teach_the_same_after_a_restart() -> None:
    async def main() -> World:
        world = await taught(learner("tpe", "a"))
        for _ in range(60):
            world.start()
            await world.attempt()
            if world.phase == "Finished":
                return world
            world.step()
            world.clock.now += 1.0
        raise AssertionError(world.status)

    assert asyncio.run(main()).parameters == lived(learner("tpe", "a")).parameters


def test_what_has_ended_so_far_of_one_that_still_runs_counts() -> None:
    async def main() -> World:
        world = World(sweep("a", runCap=RUNS, parallelism=2), program, Asked())
        await world.live(lambda: world.status.get("runs", {}).get("finished", 0) == 4)
        world.sweep = world.server.put("sweeps", learner("tpe", "a", runCap=1))
        await world.settle()
        return world

    (question,) = asked(asyncio.run(main()))
    assert [each.number for each in question.observations] == [-3, -2, -1, 0]
    assert not question.pending


def test_its_points_are_the_means_of_its_repeats() -> None:
    world = lived(learner("tpe", "a", runCap=1), repeats=3)
    means = [(loss(n) + loss(n + 1) + loss(n + 2)) / 3 for n in range(1, RUNS, 3)]
    told = [each.value for each in asked(world)[0].observations]
    assert told == pytest.approx(means)


def test_one_of_another_metric_teaches_nothing_and_a_warning_says_so_once() -> None:
    world = lived(learner("tpe", "a", metric={"name": "error", "goal": "minimize"}))
    assert [len(question.observations) for question in asked(world)] == [0, 1, 2]
    told = [each.note for each in world.teller.told if each.reason == "Discouraged"]
    assert told == ["spec.warmStart.sweeps: a teaches nothing here: its metric is loss, not error."]


class TestMissing:
    def test_a_sweep_that_is_not_there_stalls_it_before_its_first_run(self) -> None:
        async def main() -> World:
            world = await taught(learner("tpe", "a", "c"))
            await world.live(lambda: world.condition("Stalled")["status"] == "True")
            return world

        world = asyncio.run(main())
        stalled = world.condition("Stalled")
        assert stalled["reason"] == "WarmStartMissing"
        assert "spec.warmStart.sweeps: there is no Sweep c in this namespace" in stalled["message"]
        assert world.phase == "Running"
        assert not asked(world)

    def test_it_goes_on_once_that_is_there(self) -> None:
        async def main() -> World:
            world = await taught(learner("tpe", "a", "c"))
            await world.live(lambda: world.condition("Stalled")["status"] == "True")
            world.server.put("sweeps", sweep("c"))
            await world.live(lambda: world.phase == "Finished")
            return world

        world = asyncio.run(main())
        assert world.condition("Stalled")["status"] == "False"
        assert len(asked(world)[0].observations) == RUNS

    def test_one_that_goes_later_teaches_nothing_and_holds_nothing_up(self) -> None:
        async def main() -> World:
            world = await taught(learner("tpe", "a"))
            await world.live(lambda: "b-1" in world.made("sweepruns"))
            path = "/apis/sweep-operator.io/v1alpha1/namespaces/lab/sweeps/a"
            await world.server.delete(path, {})
            world.server.collect_garbage()
            world.deliver()
            await world.live(lambda: world.phase == "Finished")
            return world

        world = asyncio.run(main())
        assert [len(question.observations) for question in asked(world)] == [RUNS, 1, 2]
        assert world.condition("Stalled")["status"] == "False"

    def test_one_of_which_the_watch_is_yet_to_tell_is_waited_for(self) -> None:
        async def main() -> World:
            world = await taught(learner("tpe", "a", runCap=1))
            world.deliver()
            theirs = world.cache.find_sweep(NAMESPACE, "a")
            assert theirs is not None
            (key,) = (key for key, each in world.cache.sweeps.items() if each is theirs)
            world.cache.drop_sweep(key)
            assert await world.reconcile() == 1.0
            assert world.condition("Stalled")["status"] == "False"
            world.cache.put_sweep(theirs)
            await world.live(lambda: world.phase == "Finished")
            return world

        assert len(asked(asyncio.run(main()))[0].observations) == RUNS
