"""A suggester that can be asked afterwards what it was asked."""

from collections.abc import Callable

from typing_extensions import override

from sweep_operator.effects.suggester import Question, Suggester, answer
from sweep_operator.search.method import Parameters


class Asked(Suggester):
    """Answers in this process, and keeps the questions.

    Args:
        by: what answers; without it the methods themselves do.
    """

    def __init__(self, by: Callable[[Question], Parameters | None] = answer) -> None:
        super().__init__()
        self.questions: list[Question] = []
        self._by = by

    @override
    async def suggest(self, question: Question, namespace: str = "") -> Parameters | None:
        self.questions.append(question)
        return self._by(question)


def a_tenth(question: Question) -> Parameters:
    """An x that tells the number of what was asked for."""
    return {"x": question.number / 10}
