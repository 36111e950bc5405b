"""A search that gives no answer for a while, pass by pass."""

import asyncio

from tests.fakes.world import World, sweep
from typing_extensions import override

from sweep_operator.effects.suggester import Question, Suggester, SuggestionError
from sweep_operator.search.method import Parameters


class Moody(Suggester):
    """Fails for one run, so many times."""

    def __init__(self, number: int, times: int) -> None:
        super().__init__()
        self.number, self.times = number, times

    @override
    async def suggest(self, question: Question, namespace: str = "") -> Parameters | None:
        if question.number == self.number and self.times:
            self.times -= 1
            raise SuggestionError("the search (test)'s process died")
        return await super().suggest(question)


def test_the_sweep_is_running_and_stalled_and_says_why() -> None:
    async def main() -> World:
        world = World(sweep(runCap=3, parallelism=1), suggester=Moody(2, times=99))
        await world.live(lambda: world.condition("Stalled")["status"] == "True")
        return world

    world = asyncio.run(main())
    assert world.phase == "Running"
    assert world.condition("Stalled")["reason"] == "SearchFails"
    assert "No parameters for run 2" in world.condition("Stalled")["message"]
    assert "SearchFails" in world.teller.reasons
    assert world.made("sweepruns") == ["a-1"]


def test_it_goes_on_by_itself_with_the_same_runs() -> None:
    async def lived(suggester: Suggester | None) -> World:
        world = World(sweep(runCap=3, parallelism=1), suggester=suggester)
        await world.live(lambda: world.phase == "Finished")
        return world

    moody, calm = asyncio.run(lived(Moody(2, times=3))), asyncio.run(lived(None))
    assert moody.parameters == calm.parameters
    assert moody.condition("Stalled")["status"] == "False"
