"""Expected improvement, and where it is greatest."""

from math import exp, inf, log, pi, sqrt
from statistics import NormalDist

import numpy as np
import pytest

from sweep_operator.search.acquisition import Axes, best_points, log_expected_improvement
from sweep_operator.search.gp import GaussianProcess, Hyperparameters, matern52


def test_expected_improvement_is_that_of_the_formula() -> None:
    normal = NormalDist()
    for mean in (-2.0, 0.0, 0.5, 3.0):
        for deviation in (0.1, 1.0, 5.0):
            u = (0.2 - mean) / deviation
            expected = deviation * (u * normal.cdf(u) + normal.pdf(u))
            (found,) = log_expected_improvement(np.array([mean]), np.array([deviation]), 0.2)
            if expected > 1e-12:
                assert exp(found) == pytest.approx(expected, rel=1e-4)


def test_its_logarithm_goes_on_where_it_is_zero_itself() -> None:
    means = np.linspace(0, 1e4, 2_001)
    found = log_expected_improvement(means, np.ones_like(means), 0.0)

    assert np.all(np.isfinite(found))
    assert np.all(np.diff(found) < 0)
    # phi(u) / u**2, to which it tends.
    assert found[-1] == pytest.approx(-(1e8) / 2 - log(sqrt(2 * pi)) - 2 * log(1e4))


def process(points: np.ndarray, values: np.ndarray, ordered: list[bool]) -> GaussianProcess:
    count = points.shape[1]
    hyper = Hyperparameters(matern52, np.full(count, 4.0), 1e-8, 0.0, 1.0)
    return GaussianProcess.given(hyper, points, values, np.array(ordered))


def test_points_come_best_first_and_are_possible() -> None:
    levels = [None, np.array([0.1, 0.5, 0.9]), np.arange(3.0)]
    axes = Axes(levels, np.array([True, True, False]))
    points = axes.anywhere(np.random.default_rng(1), 10)
    gp = process(points, np.sin(9 * points[:, 0]) + points[:, 2], [True, True, False])

    found = np.array(list(best_points(gp, axes, np.random.default_rng(2))))

    assert np.all((found[:, 0] >= 0) & (found[:, 0] <= 1))
    assert set(found[:, 1]) <= {0.1, 0.5, 0.9}
    assert set(found[:, 2]) <= {0.0, 1.0, 2.0}
    least = gp.predict(points)[0].min()
    heights = log_expected_improvement(*gp.predict(found), least)
    assert heights[0] == heights.max()


def test_the_greatest_improvement_is_found_exactly() -> None:
    points = np.array([[0.0], [0.3], [0.7], [1.0]])
    gp = process(points, np.array([1.0, -1.0, -0.9, 1.0]), [True])
    axes = Axes([None], np.array([True]))

    first = next(best_points(gp, axes, np.random.default_rng(3)))

    fine = np.linspace(0, 1, 100_001)[:, None]
    heights = log_expected_improvement(*gp.predict(fine), -1.0)
    assert first[0] == pytest.approx(fine[heights.argmax(), 0], abs=2e-4)
    assert heights.max() > -inf


def test_no_point_outside_of_what_is_valid_comes_before_one_inside() -> None:
    points = np.array([[0.0], [0.3], [0.7], [1.0]])
    gp = process(points, np.array([1.0, -1.0, -0.9, 1.0]), [True])

    def settled(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return points, points[:, 0] > 0.6

    axes = Axes([None], np.array([True]), settled)
    found = [float(point[0]) for point in best_points(gp, axes, np.random.default_rng(3))]

    fine = np.linspace(0.6, 1, 40_001)[1:, None]
    heights = log_expected_improvement(*gp.predict(fine), -1.0)
    assert found[0] == pytest.approx(fine[heights.argmax(), 0], abs=2e-3)
    inside = [each > 0.6 for each in found[6:]]
    assert inside == sorted(inside, reverse=True)
