"""What methods that learn have in common: where they begin, that they never repeat, how they end.

Must know no model: what to try next, best first, is each method's own.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import inf, isfinite
from typing import TypeVar

from sweep_operator.search.cube import Coordinates, Cube, Key
from sweep_operator.search.method import Observation, Parameters, Pending
from sweep_operator.search.random import valid_draws
from sweep_operator.search.seed import hash64
from sweep_operator.search.sobol import Sobol
from sweep_operator.search.space import Space


@dataclass(frozen=True)
class Lesson:
    """A point that was tried, and how bad it was: lower is better."""

    point: Coordinates
    loss: float


@dataclass(frozen=True)
class History:
    """What a search has come to so far, as coordinates."""

    cube: Cube
    lessons: Sequence[Lesson]
    """In the order of their numbers. Runs without a value count as the worst that has one."""
    pending: Sequence[Coordinates]
    """Points under way, in the order of their numbers."""
    entropy: int
    """A number for this seed and run: where random numbers are drawn, they are drawn from it."""


class Learner(ABC):
    """A method that asks a model what to try next.

    A run's point is the best that the model proposes and no other run has. The first runs, and all
    as long as none told anything, are those of the Sobol' sequence. A finite space ends when each
    of its points has been tried or is under way.
    """

    learns = True

    @abstractmethod
    def startup(self, axes: int) -> int:
        """How many runs must have told a number before the model is asked; at least 2."""

    @abstractmethod
    def propose(self, history: History) -> Iterator[Coordinates]:
        """Points to try, best first."""

    def size(self, space: Space) -> int | None:
        return Cube.of(space).size

    def suggest(
        self,
        space: Space,
        seed: int,
        number: int,
        observations: Sequence[Observation],
        pending: Sequence[Pending],
    ) -> Parameters | None:
        if number < 1:
            raise ValueError(f"runs are numbered from 1, not {number}")
        cube = Cube.of(space)
        tried = _of_this_space(cube, observations)
        waiting = _of_this_space(cube, pending)
        seen = {key for key, run in tried if not run.foreign} | {key for key, _ in waiting}
        if cube.size is not None and len(seen) >= cube.size:
            return None
        entropy = hash64("learner", seed, number)
        taught = [run for _, run in tried if not run.ignored]
        told = sum(isfinite(_loss(run, inf)) for run in taught)
        if told < self.startup(len(cube.axes)):
            found = Sobol().suggest(space, seed, number, (), ())
            return _new(cube, seen, iter([found]), entropy)
        lessons = _lessons(cube, taught)
        points = [cube.coordinates(run.parameters) for _, run in waiting]
        proposed = self.propose(History(cube, lessons, points, entropy))
        return _new(cube, seen, map(cube.parameters, proposed), entropy)


Run = TypeVar("Run", Observation, Pending)


def _of_this_space(cube: Cube, runs: Sequence[Run]) -> list[tuple[Key, Run]]:
    """The runs by number, each with its point. One of other parameters teaches nothing here."""
    keyed = [(cube.key(run.parameters), run) for run in sorted(runs, key=lambda run: run.number)]
    return [(key, run) for key, run in keyed if key is not None]


def _lessons(cube: Cube, runs: Sequence[Observation]) -> list[Lesson]:
    worst = max((_loss(run, -inf) for run in runs), default=inf)
    return [Lesson(cube.coordinates(run.parameters), _loss(run, worst)) for run in runs]


def _loss(run: Observation, otherwise: float) -> float:
    return run.value if run.value is not None and isfinite(run.value) else otherwise


def _new(cube: Cube, seen: Collection[Key], points: Iterator[Parameters], start: int) -> Parameters:
    """The first valid one that no run has. A finite space has one left, whatever was proposed."""
    first: Parameters | None = None
    for point in points:
        key = cube.key(point)
        if key is not None and key not in seen:
            return point
        if key is not None and first is None:
            first = point
    if cube.size is not None:
        return cube.unseen(seen, start)
    # Where there is no end of points, an equal one is as good as none: nothing else is known.
    return _drawn(cube, seen, start) if cube.space.restricted or first is None else first


def _drawn(cube: Cube, seen: Collection[Key], seed: int) -> Parameters:
    """A draw that no run has, or else one that is valid: nobody knows if there are others."""
    drawn = map(cube.space.nest, valid_draws(cube.space, seed, 1))
    first = next(drawn)
    return next((point for point in chain([first], drawn) if cube.key(point) not in seen), first)
