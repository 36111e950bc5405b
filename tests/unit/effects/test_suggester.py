"""Suggestions from processes that hang, die and fail."""

import asyncio
import os
import time
from collections.abc import Mapping
from typing import Any

import pytest

from sweep_operator.api.parameters import Parameter
from sweep_operator.effects import suggester as suggesting
from sweep_operator.effects.suggester import Question, Suggester, SuggestionError
from sweep_operator.search import Space, SpaceError

SPACE = Space.of({"x": Parameter.model_validate({"min": 0.5, "max": 1.5})})


class Learns:
    """A stand-in for any method that learns; the answers are the tests' own."""

    learns = True


@pytest.fixture(autouse=True)
def _method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggesting, "METHODS", {"test": Learns()})


def number_and_process(question: Question) -> Mapping[str, Any]:
    return {"number": question.number, "process": os.getpid()}


def trouble(question: Question) -> Mapping[str, Any] | None:
    """Run 1 takes its process along, 2 hangs, 3 fails, 4 panics as a native library does; for 5
    the space has next to nothing."""
    match question.number:
        case 1:
            os._exit(1)
        case 2:
            time.sleep(3600)
        case 3:
            raise ValueError("no good")
        case 4:
            raise KeyboardInterrupt("panic")
        case 5:
            raise SpaceError("spec.constraints", "leave next to nothing")
    return {"process": os.getpid()}


def question(number: int) -> Question:
    return Question("test", SPACE, 7, number, (), ())


def test_it_is_made_in_another_process_that_stays() -> None:
    async def main() -> list[Mapping[str, Any] | None]:
        suggester = Suggester(answer=number_and_process)
        try:
            return [await suggester.suggest(question(number)) for number in (1, 2)]
        finally:
            suggester.close()

    first, second = asyncio.run(main())
    assert first is not None
    assert second is not None
    assert (first["number"], second["number"]) == (1, 2)
    assert first["process"] == second["process"] != os.getpid()


@pytest.mark.parametrize(
    ("number", "said"),
    [(1, "process died"), (2, "more than 1 s for run 2"), (3, "ValueError: no good"), (4, "panic")],
)
def test_one_that_dies_hangs_or_fails_says_so_and_the_next_is_made_all_the_same(
    number: int, said: str
) -> None:
    async def main() -> None:
        suggester = Suggester(answer=trouble, limit=10.0)
        try:
            assert await suggester.suggest(question(9))  # a process takes its time to start
            suggester._limit = 1.0
            with pytest.raises(SuggestionError, match=said):
                await suggester.suggest(question(number))
            suggester._limit = 10.0
            assert await suggester.suggest(question(9))
        finally:
            suggester.close()

    asyncio.run(main())


def test_that_there_is_next_to_nothing_to_suggest_comes_back_as_what_it_is() -> None:
    async def main() -> None:
        suggester = Suggester(answer=trouble)
        try:
            with pytest.raises(SpaceError) as caught:
                await suggester.suggest(question(5))
            assert caught.value.path == "spec.constraints"
            assert await suggester.suggest(question(9))
        finally:
            suggester.close()

    asyncio.run(main())


def test_the_loop_goes_on_meanwhile() -> None:
    async def main() -> bool:
        suggester = Suggester(answer=trouble)
        waiting = asyncio.create_task(suggester.suggest(question(2)))
        await asyncio.sleep(0.1)
        waits = not waiting.done()
        suggester.close()
        with pytest.raises(SuggestionError):
            await waiting
        return waits

    assert asyncio.run(main())


def test_a_namespace_whose_search_hangs_holds_up_no_other() -> None:
    async def main() -> list[Mapping[str, Any] | None]:
        suggester = Suggester(answer=trouble, limit=3600.0)
        hanging = [asyncio.create_task(suggester.suggest(question(2), "slow")) for _ in range(3)]
        try:
            await asyncio.sleep(0)
            return [await suggester.suggest(question(9), "quick") for _ in range(2)]
        finally:
            for task in hanging:
                task.cancel()
            suggester.close()

    assert len(asyncio.run(main())) == 2
