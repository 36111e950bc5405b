"""Quantiles of W&B's distributions, and what holds for every one of them."""

from itertools import pairwise
from math import inf, isfinite
from random import Random
from typing import Any

import pytest

from sweep_operator.api.parameters import Parameter
from sweep_operator.search.distributions import (
    GREATEST_U,
    Beta,
    Categorical,
    Constant,
    DistributionError,
    Domain,
    IntUniform,
    LogNormal,
    LogUniform,
    Normal,
    Quantized,
    Uniform,
    WeightedCategorical,
)
from sweep_operator.search.space import Space

SHARES = (0.03, 0.3, 0.47, 0.77, 0.98)

# HyperParameter("x", config).ppf(share) of W&B's `sweeps` 0.3.0, for each of SHARES.
WANDB: list[tuple[dict[str, Any], list[Any]]] = [
    ({"distribution": "uniform", "min": -0.5, "max": 2.5}, [-0.41, 0.4, 0.91, 1.81, 2.44]),
    ({"distribution": "int_uniform", "min": 1, "max": 8}, [1, 3, 4, 7, 8]),
    ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.1}, [0.0, 0.3, 0.5, 0.8, 1.0]),
    ({"distribution": "q_uniform", "min": 0, "max": 100, "q": 5}, [5, 30, 45, 75, 100]),
    (
        {"distribution": "log_uniform_values", "min": 1e-05, "max": 0.1},
        [
            1.3182567385564076e-05,
            0.00015848931924611147,
            0.0007585775750291834,
            0.012022644346174135,
            0.08317637711026707,
        ],
    ),
    (
        {"distribution": "inv_log_uniform_values", "min": 1e-05, "max": 0.1},
        [
            1.3182567385564076e-05,
            0.00015848931924611147,
            0.0007585775750291834,
            0.012022644346174135,
            0.08317637711026711,
        ],
    ),
    (
        {"distribution": "q_log_uniform_values", "min": 8, "max": 1024, "q": 8},
        [8, 32, 80, 336, 928],
    ),
    (
        {"distribution": "log_uniform", "min": -9, "max": -1},
        [
            0.00015688460858652242,
            0.0013603680375478939,
            0.005300256835870402,
            0.05842566596450083,
            0.31348618088260527,
        ],
    ),
    (
        {"distribution": "inv_log_uniform", "min": 1, "max": 9},
        [
            0.00015688460858652242,
            0.0013603680375478939,
            0.005300256835870402,
            0.05842566596450083,
            0.31348618088260527,
        ],
    ),
    (
        {"distribution": "q_log_uniform", "min": 0, "max": 5, "q": 0.5},
        [1.0, 4.5, 10.5, 47.0, 134.5],
    ),
    (
        {"distribution": "normal"},
        [
            -1.880793608151251,
            -0.5244005127080409,
            -0.0752698620998299,
            0.7388468491852137,
            2.0537489106318225,
        ],
    ),
    (
        {"distribution": "normal", "mu": 10, "sigma": 2.5},
        [
            5.298015979621872,
            8.688998718229898,
            9.811825344750424,
            11.847117122963034,
            15.134372276579557,
        ],
    ),
    (
        {"distribution": "q_normal", "mu": 10, "sigma": 2.5, "q": 0.25},
        [5.25, 8.75, 9.75, 11.75, 15.25],
    ),
    (
        {"distribution": "log_normal"},
        [
            0.1524690570441307,
            0.5919101006095541,
            0.9274931573019063,
            2.0935199777548386,
            7.797076927954588,
        ],
    ),
    (
        {"distribution": "log_normal", "mu": 1, "sigma": 0.5},
        [
            1.0614152890599131,
            2.091328988688217,
            2.6178806257501686,
            3.9330823230467153,
            7.5903253440372564,
        ],
    ),
    ({"distribution": "q_log_normal", "mu": 3, "sigma": 1, "q": 2}, [4, 12, 18, 42, 156]),
    ({"distribution": "beta"}, [0.03, 0.3, 0.47, 0.77, 0.98]),
    (
        {"distribution": "beta", "a": 2, "b": 5},
        [
            0.04768709038396942,
            0.18180347131894917,
            0.25166029013261465,
            0.402118402610099,
            0.6582664902679591,
        ],
    ),
    (
        {"distribution": "beta", "a": 0.5, "b": 0.5},
        [
            0.002219017698459993,
            0.2061073738537634,
            0.4529458433407428,
            0.8750555348152299,
            0.9990133642141359,
        ],
    ),
    ({"distribution": "q_beta", "a": 2, "b": 5, "q": 0.05}, [0.05, 0.2, 0.25, 0.4, 0.65]),
    ({"values": ["a", "b", "c"]}, ["a", "a", "b", "c", "c"]),
    (
        {"values": ["a", "b", "c", "d"], "probabilities": [0.1, 0.2, 0.0, 0.7]},
        ["a", "b", "d", "d", "d"],
    ),
    ({"value": None}, [None, None, None, None, None]),
]


@pytest.mark.parametrize(("config", "expected"), WANDB, ids=lambda each: str(each)[:70])
def test_quantiles_are_those_of_wandb(config: dict[str, Any], expected: list[Any]) -> None:
    (dimension,) = Space.of({"x": Parameter.model_validate(config)}).dimensions

    found = [dimension.domain.quantile(share) for share in SHARES]

    for value, wandb in zip(found, expected, strict=True):
        if isinstance(wandb, float):
            assert value == pytest.approx(wandb, rel=1e-11)
        else:
            assert value == wandb
            assert type(value) is type(wandb)


NUMERIC: list[Domain] = [
    IntUniform(-3, 4),
    Uniform(-0.1, 0.3),
    Uniform(0.1, 0.1 + 1e-16),
    LogUniform(1e-5, 0.1),
    LogUniform(3, 7),
    LogUniform.of_exponents(-9.3, -1.1),
    LogUniform.of_inverse_exponents(1.1, 9.3),
    Normal(3, 0.1),
    LogNormal(0, 2),
    Beta(0.5, 3),
    Beta(8, 2),
    Quantized(Uniform(0.05, 0.95), 0.1),
    Quantized(Uniform(1, 2), 0.3),
    Quantized(Uniform(5, 24), 10),
    Quantized(LogUniform(1, 1000), 8),
    Quantized(Normal(0, 3), 0.7),
    Quantized(LogNormal(0, 1), 0.25),
    Quantized(Beta(2, 2), 0.15),
]


def _is_whole(domain: Domain) -> bool:
    if isinstance(domain, Quantized):
        return float(domain.q).is_integer()
    return isinstance(domain, IntUniform)


@pytest.mark.parametrize("domain", NUMERIC, ids=str)
def test_every_draw_is_finite_within_bounds_and_grows_with_u(domain: Domain) -> None:
    random = Random(7)
    shares = sorted([0.0, GREATEST_U, *(random.random() for _ in range(2_000))])

    values = [domain.quantile(share) for share in shares]

    assert domain.bounds is not None
    low, high = domain.bounds
    for value in values:
        assert type(value) is (int if _is_whole(domain) else float)
        assert isfinite(value)
        assert low <= value <= high
    assert all(before <= after for before, after in pairwise(values))  # type: ignore[operator]


@pytest.mark.parametrize("domain", [d for d in NUMERIC if d.size is not None], ids=str)
def test_a_finite_domain_lists_exactly_what_it_draws(domain: Domain) -> None:
    random = Random(11)
    assert domain.size is not None

    listed = [domain.at(index) for index in range(domain.size)]

    drawn = {domain.quantile(random.random()) for _ in range(5_000)}
    assert drawn == set(listed)
    assert listed == sorted(listed)  # type: ignore[type-var]
    assert (listed[0], listed[-1]) == domain.bounds


@pytest.mark.parametrize("domain", [d for d in NUMERIC if d.size is not None], ids=str)
@pytest.mark.parametrize("past", [-1_000, 1_000])
def test_there_is_no_value_beyond_the_size(domain: Domain, past: int) -> None:
    with pytest.raises(IndexError):
        domain.at(past)


def test_a_continuous_domain_has_no_size_and_no_numbered_values() -> None:
    assert Uniform(0, 1).size is None
    with pytest.raises(IndexError, match="Uniform"):
        Uniform(0, 1).at(0)


def test_an_unbounded_q_distribution_has_no_size() -> None:
    assert Quantized(Normal(), 1).size is None
    assert Quantized(Normal(), 1).bounds == (-inf, inf)


def test_a_large_domain_is_computed_not_listed() -> None:
    assert IntUniform(0, 10**15).at(10**14) == 10**14
    assert Quantized(Uniform(0, 1e9), 1e-6).at(3) == 3e-6


@pytest.mark.parametrize("q", [0.1, 0.01, 0.3, 0.007, 1e-05])
def test_multiples_have_no_more_decimals_than_q(q: float) -> None:
    domain = Quantized(Uniform(0, 1), q)
    decimals = {0.1: 1, 0.01: 2, 0.3: 1, 0.007: 3, 1e-05: 5}[q]
    random = Random(3)

    for _ in range(1_000):
        value = domain.quantile(random.random())

        assert value == round(value, decimals)
        assert repr(value) == repr(round(value, decimals))


def test_whole_q_gives_integers_however_it_is_written() -> None:
    for q in (5, 5.0):
        value = Quantized(Uniform(0.5, 99.5), q).quantile(0.5)
        assert (value, type(value)) == (50, int)
    assert type(Quantized(Uniform(0, 10), 2.5).quantile(0.0)) is float


def test_q_never_steps_over_a_bound() -> None:
    domain = Quantized(Uniform(5, 24), 10)

    assert [domain.at(index) for index in range(2)] == [10, 20]
    assert (domain.quantile(0.0), domain.quantile(GREATEST_U)) == (10, 20)


def test_a_bound_as_written_is_a_multiple_though_its_double_is_not() -> None:
    assert Quantized(Uniform(0.1, 0.3), 0.1).bounds == (0.1, 0.3)


def test_q_without_a_multiple_in_range_is_an_error_on_q() -> None:
    with pytest.raises(DistributionError, match=r"no multiple between 0.1 and 0.4") as caught:
        Quantized(Uniform(0.1, 0.4), 1)
    assert caught.value.field == "q"


def test_int_uniform_draws_both_ends_and_all_alike() -> None:
    random = Random(5)
    drawn = [IntUniform(1, 3).quantile(random.random()) for _ in range(3_000)]

    assert all(900 < drawn.count(value) < 1_100 for value in (1, 2, 3))


def test_the_greatest_u_is_in_the_last_cell_of_any_number_of_cells() -> None:
    random = Random(13)
    for _ in range(2_000):
        count = random.randint(1, 10 ** random.randint(1, 15))
        assert IntUniform(1, count).quantile(GREATEST_U) == count


def test_a_value_of_probability_zero_is_never_drawn() -> None:
    domain = WeightedCategorical(["no", "yes", "never"], [0.0, 1.0, 0.0])

    assert {domain.quantile(u) for u in (0.0, 0.5, GREATEST_U)} == {"yes"}


def test_probabilities_that_sum_nearly_to_one_leave_no_gap() -> None:
    domain = WeightedCategorical(["a", "b", "c"], [0.333333] * 3)

    assert domain.quantile(GREATEST_U) == "c"


def test_probabilities_of_zero_alone_are_an_error() -> None:
    with pytest.raises(DistributionError, match="make them sum to 1"):
        WeightedCategorical(["a"], [0.0])


def test_values_of_any_kind_come_back_as_they_are() -> None:
    values: list[Any] = [None, False, 0, "", [1, "a"], {"b": 2}]

    domain = Categorical(values)

    assert [domain.at(index) for index in range(domain.size)] == values
    assert [domain.quantile((index + 0.5) / 6) for index in range(6)] == values
    assert domain.bounds is None


def test_a_constant_is_the_same_for_each_u() -> None:
    assert [Constant([1]).quantile(u) for u in (0.0, GREATEST_U)] == [[1], [1]]
    assert (Constant(None).size, Constant(None).at(0)) == (1, None)


def test_a_beta_that_is_one_point_is_an_error_that_says_what_to_write() -> None:
    with pytest.raises(DistributionError, match="write value") as caught:
        Beta(1, 1e7)
    assert caught.value.field == "b"
