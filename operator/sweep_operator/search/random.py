"""Random search: each parameter of each run is drawn on its own, as W&B's.

Counter-based on seed, number and the parameter's path: runs may be suggested in any order, and a
parameter added to a sweep changes no draw of the others. Points may repeat: draws don't know of
each other.
"""

from collections.abc import Sequence

from sweep_operator.search.method import Observation, Parameters, Pending
from sweep_operator.search.seed import unit
from sweep_operator.search.space import Space


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
        return space.nest(
            dimension.domain.quantile(unit(seed, number, *dimension.path))
            for dimension in space.dimensions
        )
