"""What a run without a value counts as reaches the search, pass by pass."""

import asyncio

import pytest
from tests.fakes.world import Result, World, sweep
from typing_extensions import override

from sweep_operator.effects.suggester import Question, Suggester, answer
from sweep_operator.search.method import Parameters


class Listening(Suggester):
    """Keeps what it is asked, and answers by chance."""

    def __init__(self) -> None:
        super().__init__()
        self.questions: list[Question] = []

    @override
    async def suggest(self, question: Question) -> Parameters | None:
        self.questions.append(question)
        return answer(question._replace(method="random"))


@pytest.mark.parametrize(("written", "ignored"), [({}, False), ({"impute": "ignore"}, True)])
def test_a_failed_run_is_ignored_where_the_sweep_says_so(
    written: dict[str, str], ignored: bool
) -> None:
    async def main() -> list[Question]:
        listening = Listening()
        metric = {"name": "loss", **written}
        world = World(
            sweep(runCap=2, parallelism=1, method="tpe", metric=metric),
            lambda _number, _attempt: Result(3),
            suggester=listening,
        )
        await world.live(lambda: world.phase == "Finished")
        return listening.questions

    (failed,) = asyncio.run(main())[-1].observations
    assert (failed.number, failed.value, failed.ignored) == (1, None, ignored)
