"""Where improvement is most to be expected: the next point that a Gaussian process would try.

Must know neither how the process was fitted nor what the coordinates mean.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log, pi, sqrt
from typing import Final

import numpy as np

from sweep_operator.search.gp import Array, GaussianProcess, Mask

_ANYWHERE: Final = 1_000
_NEAR: Final = 60
_INCUMBENTS: Final = 5
_NEARNESS: Final = (0.1, 0.02)
_CLIMBERS: Final = 6
_ROUNDS: Final = 25
_TRIES: Final = 30
_FIRST_STEP: Final = 0.1
_GROW: Final = 1.1
_SHRINK: Final = 0.6
"""How the search for the maximum goes: points anywhere, points near the best ones known, then a few
climb from where they are, by steps that shrink when none of the tries is higher."""


@dataclass(frozen=True)
class Axes:
    """What points are possible.

    `levels` are the only coordinates of an axis, upwards, or None; `ordered` as in the process.
    """

    levels: Sequence[Array | None]
    ordered: Mask
    settled: Callable[[Array], tuple[Array, Mask]] | None = None
    """Points as they are told apart, and which of them are valid; None where any is, as it is."""

    def anywhere(self, rng: np.random.Generator, count: int) -> Array:
        """Points drawn evenly, shape (count, axes)."""
        columns = [
            rng.random(count) if levels is None else rng.choice(levels, count)
            for levels in self.levels
        ]
        return np.stack(columns, axis=1)

    def near(self, rng: np.random.Generator, points: Array, steps: Array) -> Array:
        """One neighbour of each point: some of its coordinates moved, by about its step.

        One that has levels jumps half of the time, or it might never reach the next; one without
        order always does.
        """
        count, axes = points.shape
        moved = np.clip(points + steps[:, None] * rng.standard_normal((count, axes)), 0, 1)
        for axis, levels in enumerate(self.levels):
            if levels is not None:
                jump = rng.choice(levels, count)
                stay = self.ordered[axis] & (rng.random(count) < 0.5)
                moved[:, axis] = np.where(stay, _nearest(levels, moved[:, axis]), jump)
        chosen = rng.random((count, axes)) < max(0.4, 1.5 / axes)
        return np.where(chosen, moved, points)


def best_points(process: GaussianProcess, axes: Axes, rng: np.random.Generator) -> Iterator[Array]:
    """Points by the improvement expected of them, the best first; each of shape (axes,)."""
    known = process.predict(process.points)[0]
    least = float(known.min())

    def height(points: Array) -> tuple[Array, Array]:
        """The points as they are told apart, and how high each is: lowest if it isn't valid."""
        if axes.settled is None:
            return points, log_expected_improvement(*process.predict(points), least)
        points, valid = axes.settled(points)
        heights = log_expected_improvement(*process.predict(points), least)
        return points, np.where(valid, heights, -np.inf)

    incumbents = process.points[np.argsort(known)[:_INCUMBENTS]]
    near = [
        axes.near(rng, np.repeat(incumbents, _NEAR, axis=0), np.full(len(incumbents) * _NEAR, step))
        for step in _NEARNESS
    ]
    points = np.concatenate([axes.anywhere(rng, _ANYWHERE), *near])
    points, heights = height(points)
    order = np.argsort(-heights, kind="stable")
    starts = order[:_CLIMBERS]
    tops, reached = _climbed(points[starts], heights[starts], height, axes, rng)
    yield from tops[np.argsort(-reached, kind="stable")]
    yield from points[order]


def _climbed(
    points: Array,
    heights: Array,
    height: Callable[[Array], tuple[Array, Array]],
    axes: Axes,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Where each point gets to, and how high that is."""
    steps = np.full(len(points), _FIRST_STEP)
    every = np.arange(len(points))
    for _ in range(_ROUNDS):
        tries = axes.near(rng, np.repeat(points, _TRIES, axis=0), np.repeat(steps, _TRIES))
        tries, found = height(tries)
        reached = found.reshape(len(points), _TRIES)
        best = reached.argmax(axis=1)
        higher = reached[every, best] > heights
        tries = tries.reshape(len(points), _TRIES, -1)[every, best]
        points = np.where(higher[:, None], tries, points)
        heights = np.where(higher, reached[every, best], heights)
        steps = np.where(higher, steps * _GROW, steps * _SHRINK)
    return points, heights


def log_expected_improvement(mean: Array, deviation: Array, least: float) -> Array:
    """The logarithm of how far below `least` a normal number is to be expected, above counting 0.

    Jones, Schonlau and Welch, "Efficient Global Optimization of Expensive Black-Box Functions"
    (1998), equation 15; as a logarithm, or it is 0 wherever no improvement is near (Ament and
    others, "Unexpected Improvements to Expected Improvement", 2023).
    """
    return np.log(deviation) + _log_h((least - mean) / deviation)


def _log_h(u: Array) -> Array:
    """log(phi(u) + u Phi(u)), for the standard normal's density phi and distribution Phi."""
    log_phi = -(u**2) / 2 - log(2 * pi) / 2
    below = np.clip(u, -30, 0)
    # For u below 0 Phi(u) / phi(u) is Mills' ratio; h is then phi times what is left of 1.
    left = 1 + below * np.exp(_log_cdf_below(below) + below**2 / 2 + log(2 * pi) / 2)
    # So far down that the digits of `left` are lost, it is 1 / u**2.
    far = np.where(u < -30, 1 / np.maximum(u**2, 1), np.maximum(left, 1e-12))
    phi, tail = np.exp(log_phi), np.exp(_log_cdf_below(-np.abs(u)))
    cdf = np.where(u > 0, 1 - tail, tail)
    return np.where(u > -1, np.log(np.maximum(phi + u * cdf, 1e-300)), log_phi + np.log(far))


def _log_cdf_below(u: Array) -> Array:
    """log(Phi(u)) for u up to 0, to 7 digits of Phi.

    By erfc of Press et al., Numerical Recipes (2nd edition), section 6.2, erfcc.
    """
    z = -u / sqrt(2)
    t = 1 / (1 + z / 2)
    return np.log(t / 2) - z**2 + np.polynomial.polynomial.polyval(t, _ERFC)


_ERFC: Final = (
    -1.26551223,
    1.00002368,
    0.37409196,
    0.09678418,
    -0.18628806,
    0.27886807,
    -1.13520398,
    1.48851587,
    -0.82215223,
    0.17087277,
)


def _nearest(levels: Array, coordinates: Array) -> Array:
    middles = (levels[1:] + levels[:-1]) / 2
    return levels[np.searchsorted(middles, coordinates)]
