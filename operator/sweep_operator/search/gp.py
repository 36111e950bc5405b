"""A Gaussian process: from points and their losses to what is believed of any other point.

Formulas are those of Rasmussen and Williams, Gaussian Processes for Machine Learning (2006),
chapters 2 and 5: mean and variance by Cholesky's factor (algorithm 2.1), hyperparameters where
likelihood times prior is greatest (5.8 and 5.9). The mean and the signal's variance have closed
forms, given the others. Must know no space, no acquisition and no random numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sweep_operator.search.lbfgs import minimize

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

Kernel = Callable[[Array], tuple[Array, Array]]
"""From squared distances to the correlations and their derivatives by the squared distance."""

LENGTH_SPREAD: Final = 0.7
"""Standard deviation of the logarithm of a length scale, before anything is known."""

NOISE: Final = 1e-6
NOISE_SPREAD: Final = 4.0
"""Median of the noise's share of the signal's variance, and the deviation of its logarithm: as good
as none for most, while a tenth is within what data can convince of."""

VARIANCE_SHAPE: Final = 1.0
VARIANCE_RATE: Final = 0.5
"""The signal's variance comes from this inverse gamma distribution: mode 1/4, wide."""

MOST_LENGTHS: Final = 32
"""More axes share one length scale: so many can't be told apart by what a sweep can pay."""

_LENGTHS: Final = (0.02, 50.0)
_NOISES: Final = (1e-8, 1.0)
_JITTER: Final = 1e-10
_STEPS: Final = 60
_STARTS: Final = (1.0, 3.0)
_START_NOISE: Final = 1e-4
_NO_EVIDENCE: Final = 1e10


def matern52(squared: Array) -> tuple[Array, Array]:
    """Twice differentiable functions: what training losses are taken for. Equation 4.17."""
    root = np.sqrt(5 * squared)
    decay = np.exp(-root)
    return (1 + root + root**2 / 3) * decay, -5 / 6 * (1 + root) * decay


def squared_exponential(squared: Array) -> tuple[Array, Array]:
    """Very smooth functions. Equation 4.9."""
    found = np.exp(-squared / 2)
    return found, -found / 2


KERNELS: Final[tuple[Kernel, ...]] = (matern52, squared_exponential)


@dataclass(frozen=True)
class Hyperparameters:
    """What was learnt of the function's shape.

    `weights` are one over the length scales' squares, shape (axes,); `noise` is relative to
    `variance`.
    """

    kernel: Kernel
    weights: Array
    noise: float
    mean: float
    variance: float


@dataclass(frozen=True)
class GaussianProcess:
    """What is believed after some points.

    Shapes: `points` (n, axes), `values` (n,), `ordered` (axes,). On an axis without order two
    points are at distance 0 or 1.
    """

    hyper: Hyperparameters
    points: Array
    values: Array
    ordered: Mask
    factor: Array
    """The inverse of Cholesky's lower factor of the correlations, noise included; shape (n, n)."""

    @classmethod
    def given(
        cls, hyper: Hyperparameters, points: Array, values: Array, ordered: Mask
    ) -> "GaussianProcess":
        """What these points say, with hyperparameters known."""
        correlations = hyper.kernel(_distances(points, points, hyper.weights, ordered))[0]
        diagonal = np.diag_indices_from(correlations)
        noise = max(hyper.noise, _JITTER)
        while True:
            correlations[diagonal] += noise
            try:
                factor = np.linalg.inv(np.linalg.cholesky(correlations))
            except np.linalg.LinAlgError:
                noise *= 10  # points so near each other that rounding makes them contradict
            else:
                return cls(hyper, points, values, ordered, factor)

    def predict(self, points: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the function at some points, shapes (m,) and (m,)."""
        hyper = self.hyper
        between = hyper.kernel(_distances(points, self.points, hyper.weights, self.ordered))[0]
        projected = between @ self.factor.T
        mean = hyper.mean + projected @ (self.factor @ (self.values - hyper.mean))
        left = np.maximum(1 - (projected**2).sum(axis=1), 1e-12)
        return mean, np.sqrt(hyper.variance * left)

    def believing(self, points: Array) -> "GaussianProcess":
        """The same, as if what is predicted at some points had been observed: "kriging believer".

        Ginsbourger, Le Riche and Carraro, "Kriging is well-suited to parallelize optimization"
        (2010), section 4.
        """
        if not len(points):
            return self
        values = np.concatenate([self.values, self.predict(points)[0]])
        together = np.concatenate([self.points, points])
        return GaussianProcess.given(self.hyper, together, values, self.ordered)


def fit(points: Array, values: Array, ordered: Mask) -> Hyperparameters:
    """The most probable hyperparameters, over both kernels.

    Args:
        points: shape (n, axes), ordered axes in [0, 1].
        values: shape (n,), about 0 on average and 1 in spread.
        ordered: which axes have an order, shape (axes,).
    """
    shared = points.shape[1] > MOST_LENGTHS
    squared = _by_axis(points, ordered)
    if shared:
        squared = squared.sum(axis=0, keepdims=True)
    # Two points drawn at random are sqrt(axes / 6) apart: less than half of that correlates well.
    length = log(0.2 * sqrt(points.shape[1]))
    low, high = (
        np.array([log(lengths)] * len(squared) + [log(noise)])
        for lengths, noise in zip(_LENGTHS, _NOISES, strict=True)
    )
    found = []
    for kernel in KERNELS:
        posterior = _Posterior(kernel, squared, values, length)
        for longer in _STARTS:
            start = np.array([length + log(longer)] * len(squared) + [log(_START_NOISE)])
            logs, value = minimize(posterior, start, low, high, _STEPS)
            found.append((value, posterior, logs))
    _, posterior, logs = min(found, key=lambda each: each[0])
    return posterior.hyperparameters(logs, points.shape[1])


class _Posterior:
    """Minus the logarithm of likelihood times prior, as a function of (log lengths, log noise).

    Args:
        squared: squared distances along each axis, shape (lengths, n, n).
        values: shape (n,).
        length: the logarithm of a length scale's median.
    """

    def __init__(self, kernel: Kernel, squared: Array, values: Array, length: float) -> None:
        self._kernel = kernel
        self._squared = squared
        self._values = values
        self._centre = np.array([length] * len(squared) + [log(NOISE)])
        self._spread = np.array([LENGTH_SPREAD] * len(squared) + [NOISE_SPREAD])

    def __call__(self, logs: Array) -> tuple[float, Array]:
        weights, noise = np.exp(-2 * logs[:-1]), exp(logs[-1])
        correlations, slopes = self._kernel(np.tensordot(weights, self._squared, 1))
        correlations[np.diag_indices_from(correlations)] += noise + _JITTER
        try:
            lower = np.linalg.cholesky(correlations)
        except np.linalg.LinAlgError:
            return _NO_EVIDENCE, np.zeros_like(logs)
        factor = np.linalg.inv(lower)
        inverse = factor.T @ factor
        _, variance, residual = self._closed_forms(inverse)
        count = len(self._values) + 2 * VARIANCE_SHAPE
        away = (logs - self._centre) / self._spread
        value = count / 2 * log(variance) + np.log(np.diag(lower)).sum() + away @ away / 2
        # Equation 5.9; mean and variance are at their own optimum, so they add nothing.
        pull = inverse - np.outer(residual, residual) / variance
        gradient = away / self._spread
        gradient[:-1] -= weights * np.tensordot(self._squared, pull * slopes, 2)
        gradient[-1] += noise * np.trace(pull) / 2
        return float(value), gradient

    def hyperparameters(self, logs: Array, axes: int) -> Hyperparameters:
        """Those that the logarithms stand for, with the best mean and variance given them."""
        weights, noise = np.exp(-2 * logs[:-1]), exp(logs[-1]) + _JITTER
        correlations = self._kernel(np.tensordot(weights, self._squared, 1))[0]
        correlations[np.diag_indices_from(correlations)] += noise
        mean, variance, _ = self._closed_forms(np.linalg.inv(correlations))
        return Hyperparameters(self._kernel, np.broadcast_to(weights, axes), noise, mean, variance)

    def _closed_forms(self, inverse: NDArray[Any]) -> tuple[float, float, Array]:
        """Mean, variance, and the inverse correlations times what is left of the values."""
        ones = inverse.sum(axis=0)
        mean = float(ones @ self._values / ones.sum())
        residual = inverse @ (self._values - mean)
        squares = float((self._values - mean) @ residual)
        count = len(self._values) + 2 * VARIANCE_SHAPE
        return mean, (squares + 2 * VARIANCE_RATE) / count, residual


def _by_axis(points: Array, ordered: Mask) -> Array:
    """Squared distances between points along each axis, shape (axes, n, n)."""
    columns = points.T
    apart = columns[:, :, None] - columns[:, None, :]
    return np.where(ordered[:, None, None], apart**2, apart != 0)


def _distances(left: Array, right: Array, weights: Array, ordered: Mask) -> Array:
    """Squared distances, weighted and summed over the axes; shape (len(left), len(right))."""
    roots = np.sqrt(weights[ordered])
    a, b = left[:, ordered] * roots, right[:, ordered] * roots
    found = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    np.maximum(found, 0, out=found)
    for axis in np.flatnonzero(~ordered):
        found += weights[axis] * (left[:, axis, None] != right[:, axis])
    return np.asarray(found)
