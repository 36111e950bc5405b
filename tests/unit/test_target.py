"""A sweep that ends because its metric is good enough, pass by pass."""

import asyncio

from tests.fakes.world import Result, World, sweep

METRIC = {"name": "loss", "goal": "minimize", "target": 3}


def falling(number: int, _attempt: int) -> Result:
    """Run 1 has a loss of 5, run 2 of 4, and so on."""
    return Result(0, f'{{"loss": {6 - number}}}')


def finished(world: World) -> bool:
    return world.phase == "Finished"


def ended() -> World:
    async def main() -> World:
        world = World(sweep(runCap=50, parallelism=2, metric=METRIC), falling)
        await world.live(lambda: finished(world))
        return world

    return asyncio.run(main())


def test_no_runs_are_made_once_it_is_reached_and_those_that_run_go_on() -> None:
    world = ended()
    assert len(world.made("jobs")) <= 4
    assert world.status["best"]["value"] <= 3
    assert "target" in world.condition("Ready")["message"]
    assert world.status["endReason"] == "Target"


def test_a_target_moved_afterwards_reopens_nothing() -> None:
    async def main() -> tuple[int, World]:
        world = World(sweep(runCap=50, parallelism=2, metric=METRIC), falling)
        await world.live(lambda: finished(world))
        made = len(world.made("jobs"))
        world.server.change("sweeps", "a", {"spec": {"metric": {"target": 1}}})
        await world.settle()
        world.start()
        await world.settle()
        return made, world

    made, world = asyncio.run(main())
    assert world.phase == "Finished"
    assert len(world.made("jobs")) == made


def test_one_moved_before_keeps_it_running() -> None:
    async def main() -> World:
        world = World(sweep(runCap=50, parallelism=1, metric=METRIC), falling)
        await world.live(lambda: len(world.made("jobs")) == 2)
        world.server.change("sweeps", "a", {"spec": {"metric": {"target": 1}}})
        await world.live(lambda: finished(world))
        return world

    assert asyncio.run(main()).status["best"]["value"] == 1


def test_runs_that_wait_for_a_node_are_killed_then() -> None:
    async def main() -> World:
        world = World(sweep(runCap=50, parallelism=2, metric={**METRIC, "target": 5}), falling)
        await world.settle()
        world.step()
        await world.settle()
        world.start_pod("a-1-1")
        await world.settle()
        world.end("a-1-1", Result(0, '{"loss": 5}'))
        await world.settle()
        world.server.collect_garbage()
        await world.settle()
        return world

    world = asyncio.run(main())
    assert (world.run(2)["status"]["phase"], world.run(2)["status"]["reason"]) == (
        "Killed",
        "NotStarted",
    )
    assert world.phase == "Finished"
