"""The beta distribution's quantile, in plain Python: the operator carries no numerical library.

The formulas are Press et al., Numerical Recipes (3rd edition), section 6.4 (incomplete beta
function by Lentz's continued fraction, and the first guess of its inverse) and section 9.4
(Newton's method kept inside a bracket). It knows nothing of parameters or sweeps.
"""

from math import exp, lgamma, log, log1p
from typing import Final

MAX_SHAPE: Final = 1e6
"""The greatest a or b: the fraction needs about sqrt(max(a, b)) terms, and such a beta is a peak
of a thousandth's width, better written as a value or a normal."""

_EPSILON: Final = 2.0**-52
_TINY: Final = 1e-300
_MAX_TERMS: Final = 20_000
_MAX_STEPS: Final = 200


def cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b): how likely a draw is at most x.

    x is in [0, 1]; a and b are in (0, MAX_SHAPE].
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = exp(a * log(x) + b * log1p(-x) - _log_beta(a, b))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def quantile(u: float, a: float, b: float) -> float:
    """The x in [0, 1] with I_x(a, b) = u, for u in [0, 1].

    Newton's steps, each replaced by a bisection where it would leave the bracket.
    """
    if u <= 0:
        return 0.0
    if u >= 1:
        return 1.0
    low, high = 0.0, 1.0
    x = min(max(_first_guess(u, a, b), _TINY), 1 - _EPSILON)
    for _ in range(_MAX_STEPS):
        error = cdf(x, a, b) - u
        if error < 0:
            low = x
        else:
            high = x
        density = exp((a - 1) * log(x) + (b - 1) * log1p(-x) - _log_beta(a, b))
        better = x - error / density if density > 0 else low
        if not low < better < high:
            better = (low + high) / 2
        if abs(better - x) <= _EPSILON * x or better <= _TINY:
            return better
        x = better
    return x


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _first_guess(u: float, a: float, b: float) -> float:
    if a > 1 and b > 1:
        # The mode, where the curve turns: from there Newton's steps never pass the solution.
        return (a - 1) / (a + b - 2)
    # The power law of the nearer end: exact in the limit, where Newton alone is slowest.
    left = exp(a * log(a / (a + b))) / a
    right = exp(b * log(b / (a + b))) / b
    both = left + right
    if u < left / both:
        return float((a * both * u) ** (1 / a))
    return 1 - float((b * both * (1 - u)) ** (1 / b))


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of I_x(a, b), by the modified Lentz method."""

    def away_from_zero(number: float) -> float:
        return _TINY if abs(number) < _TINY else number

    c = 1.0
    d = 1 / away_from_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / away_from_zero(1 + term * d)
            c = away_from_zero(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < 3 * _EPSILON:
            return value
    raise ArithmeticError(f"the incomplete beta function doesn't converge for a={a}, b={b}, x={x}")
