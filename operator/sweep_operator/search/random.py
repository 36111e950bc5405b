"""Random search: each parameter of each run is drawn on its own, as W&B's.

Counter-based on seed, number and the parameter's path: runs may be suggested in any order, and a
parameter added to a sweep changes no draw of the others. Points may repeat: draws don't know of
each other.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import JsonValue

from sweep_operator.search.method import Observation, Parameters, Pending
from sweep_operator.search.seed import unit
from sweep_operator.search.space import Space, SpaceError

MOST_DRAWS: Final = 1_000
"""Without a valid one among so many, there is next to nothing to be found."""


class Random:
    """Takes every space, and never ends by itself."""

    learns = False

    def size(self, space: Space) -> None:  # noqa: ARG002 - the same for each space
        return None

    def suggest(
        self,
        space: Space,
        seed: int,
        number: int,
        observations: Sequence[Observation],  # noqa: ARG002 - draws don't learn
        pending: Sequence[Pending],  # noqa: ARG002
    ) -> Parameters:
        if number < 1:
            raise ValueError(f"runs are numbered from 1, not {number}")
        return space.nest(next(valid_draws(space, seed, number)))


def valid_draws(space: Space, seed: int, number: int, first: int = 1) -> Iterator[list[JsonValue]]:
    """The valid ones of a run's draws, from draw `first` on: values, one for each dimension.

    SpaceError where there is none, instead of an end.
    """
    found = False
    for values in draws(space, seed, number, first):
        if space.valid(values):
            found = True
            yield values
    if not found:
        raise SpaceError(
            "spec.constraints",
            f"leave next to nothing: of {MOST_DRAWS:,} draws for run {number} none met all of "
            "them. Loosen them, or narrow the ranges to where they hold",
        )


def draws(space: Space, seed: int, number: int, first: int = 1) -> Iterator[list[JsonValue]]:
    """A run's draws, one after the other."""
    for draw in range(first, MOST_DRAWS + 1):
        # No parameter's name begins with a digit, so that this is none's path.
        again = [f"{draw}"] if draw > 1 else []
        yield [
            dimension.domain.quantile(unit(seed, number, *dimension.path, *again))
            for dimension in space.dimensions
        ]
