"""The beta distribution's quantile against known values."""

from math import asin, pi, sqrt
from random import Random

import pytest

from sweep_operator.search import beta

# scipy.stats.beta.ppf(u, a, b), SciPy 1.17
SCIPY = [
    # u, a, b, x
    (0.5, 2, 5, 0.26444998329566005),
    (0.001, 2, 5, 0.008255492787746678),
    (0.999, 2, 5, 0.818613866919134),
    (0.1, 0.5, 0.5, 0.024471741852423214),
    (0.9, 0.1, 3, 0.09839299551030133),
    (1e-12, 3, 4, 3.684133294738866e-05),
    (0.25, 30, 70, 0.2683678202609764),
    (0.75, 1000, 2000, 0.33911831884051913),
    (0.3, 0.01, 0.02, 2.0289416312649547e-35),
    (0.4, 1, 9, 0.05517769163081481),
    (0.4, 9, 1, 0.9032010701366823),
    (0.01, 100000, 50, 0.9993213630684367),
]


@pytest.mark.parametrize(("u", "a", "b", "x"), SCIPY)
def test_quantiles_are_those_of_scipy(u: float, a: float, b: float, x: float) -> None:
    assert beta.quantile(u, a, b) == pytest.approx(x, rel=1e-9)


def test_where_a_closed_form_is_known_it_is_that() -> None:
    for x in (0.001, 0.2, 0.5, 0.9):
        assert beta.cdf(x, 1, 1) == pytest.approx(x, rel=1e-14)
        assert beta.cdf(x, 3, 1) == pytest.approx(x**3, rel=1e-13)
        assert beta.cdf(x, 1, 3) == pytest.approx(1 - (1 - x) ** 3, rel=1e-13)
        assert beta.cdf(x, 0.5, 0.5) == pytest.approx(2 / pi * asin(sqrt(x)), rel=1e-13)


def test_cdf_undoes_quantile_for_shapes_of_every_size() -> None:
    random = Random(19)
    for _ in range(500):
        u, a, b = random.random(), 10 ** random.uniform(-1, 4), 10 ** random.uniform(-1, 4)

        x = beta.quantile(u, a, b)

        # Near 1 the doubles are too coarse to tell shares apart.
        if 0 < x < 1 - 1e-9:
            assert beta.cdf(x, a, b) == pytest.approx(u, abs=1e-9)


@pytest.mark.parametrize("shape", [1e-300, 1e-3, 1, beta.MAX_SHAPE])
def test_the_ends_and_extreme_shapes_stay_in_the_unit_interval(shape: float) -> None:
    for u in (0.0, 1e-17, 0.5, 1 - 2.0**-53, 1.0):
        assert 0 <= beta.quantile(u, shape, 1) <= 1
        assert 0 <= beta.quantile(u, 1, shape) <= 1
    assert (beta.cdf(0, shape, 1), beta.cdf(1, shape, 1)) == (0, 1)
