"""The Sobol' sequence: its digits, its scrambling, and where it ends."""

from itertools import product

import pytest

from sweep_operator.api.parameters import Parameter
from sweep_operator.search.seed import unit
from sweep_operator.search.sobol import DIGITS, MAX_DIMENSIONS, Sobol, sobol_digits
from sweep_operator.search.space import Space

# The first points in the first, second, third and last of the table's dimensions, in Gray code's
# order, by scipy.stats.qmc.Sobol(64, scramble=False) of SciPy 1.17.
SCIPY = [
    (0.0, 0.0, 0.0, 0.0),
    (0.5, 0.5, 0.5, 0.5),
    (0.75, 0.25, 0.25, 0.75),
    (0.25, 0.75, 0.75, 0.25),
    (0.375, 0.375, 0.625, 0.125),
    (0.875, 0.875, 0.125, 0.625),
    (0.625, 0.125, 0.875, 0.875),
    (0.125, 0.625, 0.375, 0.375),
]


def numbers(count: int) -> Space:
    """Some numbers between 0 and 1."""
    each = Parameter.model_validate({"distribution": "uniform", "min": 0, "max": 1})
    return Space.of({f"p{number:03d}": each for number in range(count)})


def points(space: Space, count: int, seed: int = 1) -> list[list[float]]:
    found = [Sobol().suggest(space, seed, number, (), ()) for number in range(1, count + 1)]
    return [[float(str(value)) for value in point.values()] for point in found]


def test_digits_are_those_of_joe_and_kuo() -> None:
    gray = [number ^ (number >> 1) for number in range(len(SCIPY))]

    for index, expected in zip(gray, SCIPY, strict=True):
        found = [sobol_digits(index, coordinate) / 2**DIGITS for coordinate in (0, 1, 2, 63)]
        assert tuple(found) == expected


@pytest.mark.parametrize("coordinate", range(MAX_DIMENSIONS))
def test_each_block_of_a_power_of_two_has_one_point_in_each_slice(coordinate: int) -> None:
    for first in (0, 256, 768):
        block = [sobol_digits(index, coordinate) for index in range(first, first + 256)]

        assert sorted(digits >> (DIGITS - 8) for digits in block) == list(range(256))


def test_scrambled_points_are_as_even_in_two_dimensions() -> None:
    for seed in range(5):
        found = points(numbers(2), 64, seed)

        for split in range(7):
            cells = {(int(x * 2**split), int(y * 2 ** (6 - split))) for x, y in found}
            assert cells == set(product(range(2**split), range(2 ** (6 - split))))


def test_a_point_is_the_same_in_each_version_of_the_operator() -> None:
    # An upgrade in the middle of a sweep must not change the runs that are still to come.
    assert points(numbers(2), 3, seed=42)[2] == [0.332218891329369, 0.9035304479660814]


def test_a_constant_takes_no_coordinate() -> None:
    alone = Space.of({"b": Parameter.model_validate({"min": 0.5, "max": 1})})
    beside = Space.of(
        {
            "a": Parameter.model_validate({"value": 3}),
            "b": Parameter.model_validate({"min": 0.5, "max": 1}),
        }
    )

    for number in range(1, 9):
        together = Sobol().suggest(beside, 1, number, (), ())
        assert together["b"] == Sobol().suggest(alone, 1, number, (), ())["b"]


def test_beyond_the_table_each_parameter_is_drawn_on_its_own() -> None:
    (first,) = points(numbers(MAX_DIMENSIONS + 2), 1, seed=3)

    assert first[-2:] == [unit(3, 1, "p064"), unit(3, 1, "p065")]
    assert first[-3] != unit(3, 1, "p063")
