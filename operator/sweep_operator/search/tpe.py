"""Search by a tree-structured Parzen estimator: where good runs were and bad ones weren't.

Optuna does it: its sampler on a study made anew of the records for each suggestion, with runs under
way as its own running trials.
"""

from collections.abc import Iterator

from sweep_operator.search.cube import Coordinates
from sweep_operator.search.learner import History, Learner


class Tpe(Learner):
    """Takes every space. Ends when a finite one has no point left."""

    def startup(self, axes: int) -> int:  # noqa: ARG002 - Optuna's own number
        return 10

    def propose(self, history: History) -> Iterator[Coordinates]:
        from sweep_operator.search.parzen import proposals  # noqa: PLC0415 - Optuna, 33 MB

        return proposals(history)
