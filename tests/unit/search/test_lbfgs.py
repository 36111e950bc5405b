"""The minimizer, on functions whose minimum is known."""

import numpy as np
import pytest

from sweep_operator.search.lbfgs import Array, minimize


def rosenbrock(x: Array) -> tuple[float, Array]:
    a, b = x
    gradient = np.array([400 * a * (a**2 - b) + 2 * (a - 1), 200 * (b - a**2)])
    return float(100 * (b - a**2) ** 2 + (1 - a) ** 2), gradient


WIDE = np.array([10.0, 10.0])


def test_it_follows_a_bent_valley() -> None:
    x, value = minimize(rosenbrock, np.array([-1.2, 1.0]), -WIDE, WIDE, steps=200)

    assert value < 1e-3
    assert x == pytest.approx([1, 1], abs=0.05)


def test_it_stays_within_bounds() -> None:
    x, _ = minimize(rosenbrock, np.array([3.0, 3.0]), -WIDE, np.array([0.5, 10.0]), steps=200)

    assert x == pytest.approx([0.5, 0.25], abs=0.02)


def test_it_stops_where_nothing_slopes() -> None:
    start = np.array([2.0, 3.0])

    x, value = minimize(lambda x: (7.0, np.zeros_like(x)), start, -WIDE, WIDE, steps=9)

    assert (x.tolist(), value) == (start.tolist(), 7.0)
