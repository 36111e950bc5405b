"""L-BFGS within bounds: a minimum of a smooth function of some numbers, by its gradient.

Nocedal and Wright, Numerical Optimization (2nd edition), algorithms 7.4 (two-loop recursion) and
3.1 (backtracking), with steps cut off at the bounds. It is as exact as a model's hyperparameters
need, and spares the operator a library of 140 MB.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Function = Callable[[Array], tuple[float, Array]]
"""Gives the value and the gradient."""

_MEMORY: Final = 8
_MAX_BACKTRACKS: Final = 12
_SHRINK: Final = 0.4
_SUFFICIENT_DECREASE: Final = 1e-4
_LONGEST_STEP: Final = 2.0
_FLAT: Final = 1e-3
_LITTLE: Final = 1e-4


def minimize(
    function: Function, start: Array, low: Array, high: Array, steps: int
) -> tuple[Array, float]:
    """The best point found, and the value there.

    Args:
        function: smooth, of numbers about 1 apart; its values differ in what is above 1e-4.
        start: where to begin, shape (n,).
        low, high: the bounds, shape (n,).
        steps: how many at most.
    """
    x = np.clip(start, low, high)
    value, gradient = function(x)
    pairs: deque[tuple[Array, Array]] = deque(maxlen=_MEMORY)
    for _ in range(steps):
        free = ~(((x <= low) & (gradient > 0)) | ((x >= high) & (gradient < 0)))
        if np.abs(gradient * free).max() < _FLAT:
            break
        direction = -_two_loops(gradient * free, pairs) * free
        if direction @ gradient >= 0:
            pairs.clear()
            direction = -gradient * free
        step = min(1.0, _LONGEST_STEP / np.abs(direction).max())
        for _ in range(_MAX_BACKTRACKS):
            new_x = np.clip(x + step * direction, low, high)
            new_value, new_gradient = function(new_x)
            if new_value <= value + _SUFFICIENT_DECREASE * (gradient @ (new_x - x)):
                break
            step *= _SHRINK
        else:
            break
        moved, bent, gained = new_x - x, new_gradient - gradient, value - new_value
        x, value, gradient = new_x, new_value, new_gradient
        if moved @ bent > 1e-10:
            pairs.append((moved, bent))
        if gained < _LITTLE:
            break
    return x, value


def _two_loops(gradient: Array, pairs: deque[tuple[Array, Array]]) -> Array:
    """The gradient times the inverse Hessian, as far as the last steps tell of it."""
    if not pairs:
        return gradient / max(1.0, float(np.linalg.norm(gradient)))
    found = gradient.copy()
    shares = []
    for moved, bent in reversed(pairs):
        share = (moved @ found) / (moved @ bent)
        shares.append(share)
        found -= share * bent
    moved, bent = pairs[-1]
    found *= (moved @ bent) / (bent @ bent)
    for (moved, bent), share in zip(pairs, reversed(shares), strict=True):
        found += moved * (share - (bent @ found) / (moved @ bent))
    return found
