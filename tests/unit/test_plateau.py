"""A sweep that ends because it gets no better, pass by pass."""

import asyncio

from tests.fakes.world import Result, World, sweep

PLATEAU = {"runs": 4, "minImprovement": 0.5}


def program(number: int, _attempt: int) -> Result:
    """Run 1 has a loss of 3, run 2 of 2, and those that follow are hardly better."""
    return Result(0, f'{{"loss": {max(4 - number, 2) - number / 100}}}')


def finished(world: World) -> bool:
    return world.phase == "Finished"


def new_world() -> World:
    return World(sweep(runCap=50, parallelism=2, plateau=PLATEAU), program)


def test_it_ends_once_so_many_runs_were_no_better_and_says_so() -> None:
    async def main() -> World:
        world = new_world()
        await world.live(lambda: finished(world))
        return world

    world = asyncio.run(main())
    assert 6 <= len(world.made("jobs")) <= 7
    assert world.status["endReason"] == "Plateau"
    assert (
        "No improvement of more than 0.5 in the last 4 runs; 6 of 50 runs made"
        in world.condition("Complete")["message"]
    )


def test_an_operator_that_knows_nothing_but_the_records_ends_it_too() -> None:
    async def main() -> World:
        world = new_world()
        for _ in range(40):
            world.start()
            await world.attempt()
            if finished(world):
                return world
            world.step()
            world.clock.now += 1.0
        raise AssertionError(world.status)

    assert 6 <= len(asyncio.run(main()).made("jobs")) <= 7


def test_what_has_ended_so_stays_so_whatever_becomes_of_its_records() -> None:
    async def main() -> tuple[int, World]:
        world = new_world()
        await world.live(lambda: finished(world))
        made = len(world.made("jobs"))
        await world.server.delete(
            "/apis/sweep-operator.io/v1alpha1/namespaces/lab/sweepruns/a-5", {}
        )
        for restart in (False, True):
            if restart:
                world.start()
            await world.settle()
        return made, world

    made, world = asyncio.run(main())
    assert finished(world)
    assert len(world.made("jobs")) == made


def test_a_run_under_way_that_is_better_lets_it_go_on() -> None:
    def late_luck(number: int, _attempt: int) -> Result:
        return Result(0, f'{{"loss": {0.5 if number == 2 else 2}}}')

    async def main() -> World:
        world = World(sweep(runCap=50, parallelism=2, plateau=PLATEAU), late_luck)
        await world.settle()
        for _ in range(12):  # run 2 takes long
            for job in world.server.of("jobs"):
                name = job["metadata"]["name"]
                if job.get("status", {}).get("conditions"):
                    continue
                if not world.server.objects.get(("pods", "lab", f"{name}-pod")):
                    world.add_pod(job)
                    world.start_pod(name)
                elif name != "a-2-1":
                    world.end(name, Result(0, '{"loss": 2}'))
            world.clock.now += 1.0
            await world.settle()
        assert world.phase == "Running"
        assert len(world.made("jobs")) == 6
        world.end("a-2-1", Result(0, '{"loss": 0.5}'))
        await world.live(lambda: finished(world))
        return world

    world = asyncio.run(main())
    assert len(world.made("jobs")) >= 10
    assert world.status["best"]["run"] == "a-2"
