"""How long a search has got no better: a plateau, in the order in which its runs ended.

Losses are signed: lower is better. Facts may come in any order, and what ended in the same second
does; so each is put where it belongs, and counted from there on when somebody asks.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple


class Told(NamedTuple):
    """A value at its place in time."""

    ended: float
    point: int
    loss: float
    runs: int
    """Of which it is the mean."""


class _Standing(NamedTuple):
    """Where a search stood once something had ended."""

    mark: float
    """The loss that the next must beat by more than the least improvement."""
    since: int
    """Runs since that was reached."""


@dataclass(slots=True)
class Stillness:
    """Runs in a row without improvement."""

    min_improvement: float
    _told: list[Told] = field(default_factory=list)
    _standings: list[_Standing] = field(default_factory=list)
    """One for each told, as far as they are known."""

    def put(self, told: Told) -> None:
        """Take in what has ended."""
        insort(self._told, told)
        del self._standings[bisect_left(self._told, told) :]

    def drop(self, told: Told) -> None:
        """Take it out again."""
        place = bisect_left(self._told, told)
        del self._told[place], self._standings[place:]

    @property
    def runs(self) -> int:
        """How many runs have ended since one was better than all before by more than the least."""
        mark, since = self._standings[-1] if self._standings else _Standing(inf, 0)
        for told in self._told[len(self._standings) :]:
            improved = mark - told.loss > self.min_improvement
            mark, since = (told.loss, 0) if improved else (mark, since + told.runs)
            self._standings.append(_Standing(mark, since))
        return since
