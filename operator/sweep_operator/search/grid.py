"""Grid search: every point once, keys in alphabetical order, the last key fastest, as W&B's.

A point is decoded from the run's number, so a grid of 10**12 points costs no memory, and the search
goes on after a restart where it was.
"""

from collections.abc import Sequence
from math import prod

from pydantic import JsonValue

from sweep_operator.api.parameters import grid_problem
from sweep_operator.search.method import Observation, Parameters, Pending
from sweep_operator.search.space import Space, SpaceError


class Grid:
    """Takes what can be gone through one by one: constants, values, int_uniform and q_uniform."""

    learns = False

    def size(self, space: Space) -> int:
        return prod(_sizes(space))

    def suggest(
        self,
        space: Space,
        seed: int,  # noqa: ARG002 - a grid needs the number alone
        number: int,
        observations: Sequence[Observation],  # noqa: ARG002
        pending: Sequence[Pending],  # noqa: ARG002
    ) -> Parameters | None:
        if number < 1:
            raise ValueError(f"runs are numbered from 1, not {number}")
        sizes = _sizes(space)
        rest = number - 1
        if rest >= prod(sizes):
            return None
        # The number's digits, each in the base of its own dimension, the last digit first.
        values: list[JsonValue] = []
        for dimension, size in zip(reversed(space.dimensions), reversed(sizes), strict=True):
            rest, index = divmod(rest, size)
            values.append(dimension.domain.at(index))
        return space.nest(reversed(values))


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
