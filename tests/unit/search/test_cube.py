"""Coordinates of a space, and telling its points apart."""

from itertools import pairwise
from random import Random
from typing import Any

import pytest

from sweep_operator.api.parameters import Parameter
from sweep_operator.search.cube import Cube
from sweep_operator.search.space import Space


def cube(**parameters: Any) -> Cube:
    return Cube.of(
        Space.of({name: Parameter.model_validate(each) for name, each in parameters.items()})
    )


def coordinate(parameter: Any, value: Any) -> float:
    return cube(a=parameter).coordinates({"a": value})[0]


ORDERED: list[tuple[dict[str, Any], list[Any]]] = [
    ({"distribution": "uniform", "min": -1, "max": 1}, [-1, -0.25, 0.5, 1]),
    ({"distribution": "log_uniform_values", "min": 1e-5, "max": 0.1}, [1e-5, 1e-3, 0.1]),
    ({"distribution": "normal"}, [-3, 0, 0.1, 4]),
    ({"distribution": "log_normal"}, [0.01, 1, 30]),
    ({"distribution": "beta", "a": 2, "b": 5}, [0.01, 0.3, 0.9]),
    ({"distribution": "int_uniform", "min": 1, "max": 8}, [1, 4, 8]),
    ({"distribution": "int_uniform", "min": 0, "max": 10**9}, [0, 5, 10**9]),
    ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.1}, [0.0, 0.3, 0.7, 1.0]),
    ({"distribution": "q_log_uniform_values", "min": 8, "max": 64, "q": 8}, [8, 16, 64]),
    ({"distribution": "q_normal", "mu": 10, "q": 0.5}, [8.0, 10.0, 10.5]),
    ({"values": [64, 16, 32]}, [16, 32, 64]),
    ({"values": [0.5, 0.1], "probabilities": [0.9, 0.1]}, [0.1, 0.5]),
]


@pytest.mark.parametrize(("parameter", "values"), ORDERED)
def test_what_has_an_order_keeps_it_between_0_and_1(
    parameter: dict[str, Any], values: list[Any]
) -> None:
    found = [coordinate(parameter, value) for value in values]

    assert cube(a=parameter).axes[0].ordered
    assert all(0 <= each <= 1 for each in found)
    assert all(low < high for low, high in pairwise(found))


@pytest.mark.parametrize(("parameter", "values"), ORDERED)
def test_a_value_comes_back_from_its_coordinate(
    parameter: dict[str, Any], values: list[Any]
) -> None:
    axis = cube(a=parameter).axes[0]
    for value in values:
        back = axis.value(axis.coordinate(value))

        assert back == pytest.approx(value, rel=1e-9, abs=1e-9)
        assert type(back) is type(value) or axis.levels is None


def test_a_coordinate_is_where_draws_are_as_likely() -> None:
    log = {"distribution": "log_uniform_values", "min": 1e-4, "max": 1}

    assert coordinate(log, 1e-2) == pytest.approx(0.5)
    assert coordinate({"distribution": "normal", "mu": 3}, 3) == pytest.approx(0.5)
    assert coordinate({"values": [16, 32, 64, 128]}, 64) == pytest.approx(0.625)
    assert coordinate({"distribution": "q_uniform", "min": 0, "max": 10, "q": 5}, 5) == 0.5


def test_what_has_no_order_is_numbered() -> None:
    axis = cube(a={"values": ["adam", "sgd", None]}).axes[0]

    assert not axis.ordered
    assert [axis.coordinate(value) for value in ("adam", "sgd", None)] == [0, 1, 2]
    assert [axis.value(each) for each in (0.0, 1.0, 2.0)] == ["adam", "sgd", None]


def test_between_two_values_is_the_nearer_one() -> None:
    axis = cube(a={"values": [1, 2, 3, 4]}).axes[0]

    assert [axis.value(each) for each in (0.0, 0.24, 0.26, 0.6, 1.0)] == [1, 1, 2, 3, 4]


def test_true_is_not_one_and_1_0_is() -> None:
    found = cube(a={"values": [1, True, "1", [1]]})

    keys = [found.key({"a": value}) for value in (1.0, True, "1", [1.0])]
    assert keys == [(0,), (1,), (2,), (3,)]


def test_a_missing_field_is_null() -> None:
    found = cube(group={"parameters": {"a": {"values": [None, 1, "x"]}}})

    assert found.key({"group": {}}) == found.key({"group": {"a": None}}) == (0,)


@pytest.mark.parametrize(
    "stranger", [{}, {"a": 9}, {"a": "x"}, {"a": 2.5}, {"a": True}, {"a": [1]}, {"b": 1}]
)
def test_a_point_of_another_space_has_no_key(stranger: dict[str, Any]) -> None:
    assert cube(a={"distribution": "int_uniform", "min": 1, "max": 8}).key(stranger) is None


def test_what_never_varies_is_no_axis() -> None:
    found = cube(
        a={"value": 3},
        b={"values": [1, 2]},
        c={"values": ["x", "y"], "probabilities": [0, 1]},
    )

    assert len(found.axes) == 1
    assert found.size == 2
    assert found.parameters([0.75]) == {"a": 3, "b": 2, "c": "y"}


def test_the_points_that_are_left_are_found_one_by_one() -> None:
    found = cube(
        a={"values": ["x", "y", "z"]},
        b={"distribution": "int_uniform", "min": 1, "max": 4},
        c={"parameters": {"d": {"values": [True, False]}}},
    )
    random = Random(5)
    seen = set()

    for _ in range(24):
        point = found.unseen(seen, random.randrange(10**6))
        key = found.key(point)
        assert key is not None
        assert key not in seen
        seen.add(key)

    assert found.size == 24
    with pytest.raises(StopIteration):
        found.unseen(seen, 7)


def test_a_size_may_be_far_too_large_to_list() -> None:
    wide = {"distribution": "int_uniform", "min": 0, "max": 10**9}

    assert cube(a=wide, b=wide).size == (10**9 + 1) ** 2
    assert cube(a=wide, b={"min": 0.5, "max": 1}).size is None
    assert cube(a=wide).unseen({(5,)}, 5) == {"a": 6}


OPTIMIZER: dict[str, Any] = {
    "momentum": {"min": 0.5, "max": 0.9, "when": {"name": ["sgd"]}},
    "name": {"values": ["adam", "sgd"]},
}


def test_what_is_not_there_has_one_coordinate_and_a_key_of_its_own() -> None:
    found = cube(**OPTIMIZER)

    assert found.coordinates({"name": "adam"}) == (0.5, 0)
    assert found.settled((0.9, 0)) == found.settled((0.1, 0)) == (0.5, 0)
    assert found.settled((0.9, 1)) == (0.9, 1)
    keys = {found.key({"name": "adam"}), found.key({"name": "sgd", "momentum": 0.7})}
    assert None not in keys
    assert len(keys) == 2
    assert found.parameters((0.9, 0)) == {"name": "adam"}


@pytest.mark.parametrize("parameters", [{"name": "sgd"}, {"name": "adam", "momentum": 0.7}])
def test_a_run_with_too_little_or_too_much_is_of_no_conditional_space(parameters: Any) -> None:
    assert cube(**OPTIMIZER).key(parameters) is None
