"""From a search's history to points worth trying, by a Gaussian process.

It needs numpy, so `bayes.py` imports it only when it is asked something: an operator without such
sweeps does without.
"""

from collections.abc import Iterator
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sweep_operator.search.acquisition import Axes, best_points
from sweep_operator.search.cube import Coordinates, Cube
from sweep_operator.search.gp import Array, GaussianProcess, Mask, fit
from sweep_operator.search.learner import History
from sweep_operator.search.warp import warped

MOST_LESSONS: Final = 300
"""More than these teach little and cost much: time grows with the number's cube."""

MOST_FITTED: Final = 120
"""Of so many the function's shape is learnt; the others count only for what is at their places."""

MOST_PENDING: Final = 200


def proposals(history: History) -> Iterator[Coordinates]:
    """Points by the improvement expected of them, best first.

    Runs under way are believed to end as predicted.
    """
    lessons = history.lessons
    kept = _thinned(np.array([lesson.loss for lesson in lessons]), MOST_LESSONS)
    points = np.array([lessons[number].point for number in kept])
    losses = warped(np.array([lessons[number].loss for number in kept]))
    axes = _axes(history.cube)
    few = _thinned(losses, MOST_FITTED)
    hyper = fit(points[few], losses[few], axes.ordered)
    process = GaussianProcess.given(hyper, points, losses, axes.ordered)
    pending = np.array(history.pending[-MOST_PENDING:]).reshape(-1, points.shape[1])
    rng = np.random.default_rng(history.entropy)
    for point in best_points(process.believing(pending), axes, rng):
        yield tuple(point.tolist())


def _thinned(losses: Array, most: int) -> NDArray[np.intp]:
    """Which of some losses to keep: the best, and as many of the others, evenly by number."""
    if len(losses) <= most:
        return np.arange(len(losses))
    order = np.argsort(losses, kind="stable")
    others = np.sort(order[most // 2 :])
    even = np.linspace(0, len(others) - 1, most - most // 2).astype(int)
    return np.sort(np.concatenate([order[: most // 2], others[even]]))


def _axes(cube: Cube) -> Axes:
    levels = [
        None if axis.levels is None else np.array(axis.levels, dtype=float) for axis in cube.axes
    ]
    settled = partial(_settled, cube) if cube.space.restricted else None
    return Axes(levels, np.array([axis.ordered for axis in cube.axes]), settled)


def _settled(cube: Cube, points: Array) -> tuple[Array, Mask]:
    """Points without what isn't there, and which are valid; one that isn't stays as it is."""
    found = [cube.settled(point) for point in points.tolist()]
    valid = np.array([each is not None for each in found], dtype=bool)
    kept = [old if new is None else new for old, new in zip(points, found, strict=True)]
    return np.array(kept).reshape(points.shape), valid
