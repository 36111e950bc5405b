"""Grid search: every point once, keys in alphabetical order, the last key fastest, as W&B's.

A point is decoded from the run's number, so a grid of 10**12 points costs no memory, and the search
goes on after a restart where it was. Only where some combinations are no points are those listed
that are.
"""

from collections.abc import Sequence
from math import prod

from pydantic import JsonValue

from sweep_operator.api.parameters import grid_problem
from sweep_operator.search.method import Observation, Parameters, Pending
from sweep_operator.search.shuffle import shuffled
from sweep_operator.search.space import Space, SpaceError
from sweep_operator.search.validity import Listing, too_many


class Grid:
    """Takes what can be gone through one by one: constants, values, int_uniform and q_uniform."""

    learns = False

    def size(self, space: Space) -> int:
        sizes = _sizes(space)
        return len(_listing(space)) if space.restricted else prod(sizes)

    def suggest(
        self,
        space: Space,
        seed: int,
        number: int,
        observations: Sequence[Observation],  # noqa: ARG002 - a grid needs the number alone
        pending: Sequence[Pending],  # noqa: ARG002
    ) -> Parameters | None:
        if number < 1:
            raise ValueError(f"runs are numbered from 1, not {number}")
        sizes = _sizes(space)
        listing = _listing(space) if space.restricted else None
        size = prod(sizes) if listing is None else len(listing)
        if number > size:
            return None
        index = self._place(number - 1, size, seed)
        return space.nest(
            _values(space, sizes, index) if listing is None else listing.values(index)
        )

    def _place(self, index: int, size: int, seed: int) -> int:  # noqa: ARG002 - for those below
        """Which point of the grid comes at this place, both from 0."""
        return index


class ShuffledGrid(Grid):
    """The same in random order."""

    def _place(self, index: int, size: int, seed: int) -> int:
        return shuffled(index, size, seed)


def _values(space: Space, sizes: Sequence[int], rest: int) -> list[JsonValue]:
    """The number's digits, each in the base of its own dimension, the last digit first."""
    values: list[JsonValue] = []
    for dimension, size in zip(reversed(space.dimensions), reversed(sizes), strict=True):
        rest, index = divmod(rest, size)
        values.append(dimension.domain.at(index))
    return values[::-1]


def _listing(space: Space) -> Listing:
    """The points of a grid of which not all combinations are points."""
    if space.listing is None:
        field = "spec.constraints" if space.constraints else "spec.parameters"
        raise SpaceError(
            field, f"a grid with when or constraints is gone through, and {too_many(space)}"
        )
    return space.listing


def _sizes(space: Space) -> list[int]:
    """How many values each dimension has. SpaceError names the one that has no such number."""
    sizes = []
    for dimension in space.dimensions:
        size = dimension.domain.size
        problem = grid_problem(dimension.parameter)
        if problem or size is None:
            raise SpaceError(dimension.field, problem or "a grid needs values that can be counted")
        sizes.append(size)
    return sizes
