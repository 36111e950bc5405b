"""The Gaussian process: what it believes, and how its hyperparameters are found."""

from typing import Any

import numpy as np
import pytest

from sweep_operator.search.gp import (
    KERNELS,
    MOST_LENGTHS,
    GaussianProcess,
    Hyperparameters,
    Kernel,
    _by_axis,
    _Posterior,
    fit,
    matern52,
)

RNG = np.random.default_rng(7)
BOTH = np.array([True, True])


def wave(points: Any) -> Any:
    return np.sin(5 * points[:, 0]) + points[:, 1] ** 2


def hyper(**changes: Any) -> Hyperparameters:
    return Hyperparameters(
        **{
            "kernel": matern52,
            "weights": np.array([4.0, 1.0]),
            "noise": 1e-8,
            "mean": 0.5,
            "variance": 2.0,
        }
        | changes
    )


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_is_1_at_no_distance_and_its_slope_is_its_derivative(kernel: Kernel) -> None:
    at = np.array([0.0, 0.1, 1.0, 10.0])
    value, slope = kernel(at)
    step = 1e-6

    assert value[0] == 1
    assert np.all(np.diff(value) < 0)
    numerical = (kernel(at[1:] + step)[0] - kernel(at[1:] - step)[0]) / (2 * step)
    assert slope[1:] == pytest.approx(numerical, rel=1e-5)


def test_mean_and_variance_are_those_of_the_textbook() -> None:
    points, values = RNG.random((6, 2)), RNG.standard_normal(6)
    asked = RNG.random((3, 2))
    given = hyper(noise=0.1)

    mean, deviation = GaussianProcess.given(given, points, values, BOTH).predict(asked)

    def correlations(left: Any, right: Any) -> Any:
        apart = (left[:, None, :] - right[None, :, :]) ** 2 @ given.weights
        return given.kernel(apart)[0]

    inverse = np.linalg.inv(correlations(points, points) + 0.1 * np.eye(6))
    between = correlations(asked, points)
    assert mean == pytest.approx(0.5 + between @ inverse @ (values - 0.5))
    left = 1 - np.einsum("ij,jk,ik->i", between, inverse, between)
    assert deviation == pytest.approx(np.sqrt(2 * left))


def test_it_goes_through_what_was_observed_and_knows_nothing_far_away() -> None:
    points = RNG.random((8, 2))
    process = GaussianProcess.given(hyper(), points, wave(points), BOTH)

    mean, deviation = process.predict(points)
    assert mean == pytest.approx(wave(points), abs=1e-5)
    assert np.all(deviation < 1e-3)
    mean, deviation = process.predict(np.array([[50.0, 50.0]]))
    assert (mean[0], deviation[0]) == pytest.approx((0.5, 2**0.5))


def test_without_order_values_are_the_same_or_not() -> None:
    points = np.array([[0.0, 0.5], [1.0, 0.5], [2.0, 0.5]])
    process = GaussianProcess.given(
        hyper(), points, np.array([1.0, 0.0, 0.0]), np.array([False, True])
    )

    near, far = process.predict(np.array([[1.0, 0.6], [2.0, 0.6]]))[0]
    assert near == pytest.approx(far)


def test_a_believer_believes_what_it_predicts() -> None:
    points, waiting = RNG.random((8, 2)), RNG.random((3, 2))
    process = GaussianProcess.given(hyper(), points, wave(points), BOTH)
    before = process.predict(waiting)[0]

    believer = process.believing(waiting)

    mean, deviation = believer.predict(waiting)
    assert mean == pytest.approx(before, abs=1e-5)
    assert np.all(deviation < 1e-3)
    assert process.believing(np.empty((0, 2))) is process


def test_equal_points_that_contradict_each_other_are_noise() -> None:
    points = np.repeat(RNG.random((2, 2)), 5, axis=0)
    process = GaussianProcess.given(hyper(noise=0.0), points, np.arange(10.0), BOTH)

    assert np.all(np.isfinite(process.predict(points)[0]))


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_gradient_is_that_of_the_posterior(kernel: Kernel) -> None:
    points = np.column_stack([RNG.random(12), RNG.random(12), RNG.integers(0, 3, 12)])
    ordered = np.array([True, True, False])
    posterior = _Posterior(kernel, _by_axis(points, ordered), wave(points), -0.7)
    at, step = np.array([-1.0, 0.3, -0.2, -5.0]), 1e-5

    _, gradient = posterior(at)

    for place in range(4):
        aside = step * np.eye(4)[place]
        numerical = (posterior(at + aside)[0] - posterior(at - aside)[0]) / (2 * step)
        assert gradient[place] == pytest.approx(numerical, rel=1e-4, abs=1e-6)


def test_fitting_finds_out_which_axis_matters() -> None:
    points = RNG.random((30, 3))

    found = fit(points, np.sin(6 * points[:, 0]), np.array([True, True, True]))

    lengths = found.weights**-0.5
    assert lengths[0] < 0.5
    assert lengths[1] > 2 * lengths[0]
    assert lengths[2] > 2 * lengths[0]
    assert found.noise < 1e-3


def test_fitting_finds_out_that_there_is_noise() -> None:
    points = RNG.random((80, 1))
    values = np.sin(6 * points[:, 0]) + 0.5 * RNG.standard_normal(80)

    found = fit(points, values, np.array([True]))

    assert 0.05 < found.noise * found.variance < 1


def test_very_many_axes_share_one_length() -> None:
    points = RNG.random((20, MOST_LENGTHS + 1))

    found = fit(points, points.sum(axis=1) - 16, np.ones(MOST_LENGTHS + 1, dtype=bool))

    assert found.weights.shape == (MOST_LENGTHS + 1,)
    assert len(set(found.weights.tolist())) == 1
