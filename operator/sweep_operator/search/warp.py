"""Losses bent so that a Gaussian process can follow them: one mad run mustn't flatten all others.

Yeo and Johnson's power transformation, with the power that makes the losses most like normal ones:
"A new family of power transformations to improve normality or symmetry" (Biometrika, 2000),
sections 2 and 3. It is monotone: the order of runs is untouched.
"""

from typing import Final

import numpy as np

from sweep_operator.search.gp import Array

_POWERS: Final = np.linspace(-2, 4, 61)
_FARTHEST: Final = 1e6
"""In those units: what is farther away is as bad as that."""


def warped(losses: Array) -> Array:
    """Losses with mean 0 and standard deviation 1, or all 0 if they are all alike; shape (n,)."""
    centred = _centred(losses)
    best = max(_POWERS, key=lambda power: _likelihood(centred, power))
    return _standardised(_bent(centred, best))


def _centred(losses: Array) -> Array:
    """Losses less their median, in units of the distance between their quartiles.

    Halves are taken because the difference of two numbers may be too large for a number.
    """
    quarter, middle, three_quarters = np.quantile(losses / 2, [0.25, 0.5, 0.75], method="nearest")
    away = losses / 2 - middle
    unit = float(three_quarters - quarter)
    if unit == 0:  # most are alike: the others tell the unit
        others = np.abs(away[away != 0])
        unit = float(np.median(others)) if len(others) else 1.0
    centred: Array = np.clip(away, -unit * _FARTHEST, unit * _FARTHEST) / unit
    return centred


def _likelihood(losses: Array, power: float) -> float:
    """The logarithm of how likely bent losses are, were they normal; equation 3.1's maximum."""
    variance = float(_bent(losses, power).var())
    growth = float((np.sign(losses) * np.log1p(np.abs(losses))).sum())
    return (power - 1) * growth - len(losses) / 2 * float(np.log(variance + 1e-300))


def _bent(losses: Array, power: float) -> Array:
    """Equation 2.1."""
    above, below = np.maximum(losses, 0), np.maximum(-losses, 0)
    bent: Array = _power(above, power) - _power(below, 2 - power)
    return bent


def _power(size: Array, power: float) -> Array:
    """(1 + size)**power, less 1, divided by the power: the logarithm where that is 0."""
    logarithm = np.log1p(size)
    return logarithm if abs(power) < 1e-9 else np.expm1(power * logarithm) / power


def _standardised(losses: Array) -> Array:
    deviation = float(losses.std())
    standard: Array = (losses - losses.mean()) / (deviation if deviation > 0 else 1.0)
    return standard
