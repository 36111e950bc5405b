"""Losses as a Gaussian process gets them."""

import numpy as np
import pytest

from sweep_operator.search.warp import warped

LOSSES = {
    "normal": np.random.default_rng(1).standard_normal(40),
    "skewed": np.exp(3 * np.random.default_rng(2).standard_normal(40)),
    "exploded": np.array([*np.linspace(0.1, 0.9, 39), 1e30]),
    "at-the-end-of-numbers": np.array([*np.linspace(-1, 1, 5), 1e308, -1e308]),
    "tiny": 1e-300 * np.arange(9),
    "far-from-zero": 1e9 + np.arange(9),
    "two": np.array([1.0, 2.0]),
    "nearly-all-alike": np.array([1.0] * 9 + [0.5]),
}


@pytest.mark.parametrize("losses", LOSSES.values(), ids=LOSSES)
@pytest.mark.filterwarnings("error")
def test_the_order_stays_and_the_scale_is_1(losses: np.ndarray) -> None:
    found = warped(losses)

    assert np.all(np.isfinite(found))
    assert (found.mean(), found.std()) == pytest.approx((0, 1), abs=1e-9)
    in_order = found[np.argsort(losses, kind="stable")]
    assert np.all(np.diff(in_order) >= 0)


def test_one_mad_run_does_not_flatten_the_others() -> None:
    found = warped(LOSSES["exploded"])

    assert found[38] - found[0] > 1


def test_nor_where_most_are_alike() -> None:
    found = warped(np.array([1.0] * 30 + [0.5] * 5 + [1e30]))

    assert found[0] - found[30] > 0.1


@pytest.mark.parametrize("value", [0.0, 5.0, -1e308, 1e-320])
def test_losses_that_are_all_alike_are_all_0(value: float) -> None:
    assert warped(np.full(7, value)).tolist() == [0.0] * 7
