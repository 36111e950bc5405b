"""Bayesian search: a Gaussian process believes what it was told, and says where to look next.

The model is `surrogate`, made of `gp`, `warp` and `acquisition`; docs/adr/0012 says why it is so.
"""

from collections.abc import Iterator

from sweep_operator.search.cube import Coordinates
from sweep_operator.search.learner import History, Learner


class Bayes(Learner):
    """Takes every space. Ends when a finite one has no point left."""

    def startup(self, axes: int) -> int:
        """One more than axes, as many as a plane needs; from 16 on each point more teaches less."""
        return max(3, min(axes + 1, 16))

    def propose(self, history: History) -> Iterator[Coordinates]:
        from sweep_operator.search.surrogate import proposals  # noqa: PLC0415 - numpy, 16 MB

        return proposals(history)
