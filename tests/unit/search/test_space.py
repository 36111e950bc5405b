"""Parameters as a space: inference, nesting, order, and errors that say where."""

import pickle
from typing import Any

import pytest

from sweep_operator.api.parameters import FORMS, Distribution, Parameter
from sweep_operator.search.distributions import Normal, Quantized, Uniform
from sweep_operator.search.space import Space, SpaceError, infer


def space(**parameters: dict[str, Any]) -> Space:
    return Space.of({name: Parameter.model_validate(each) for name, each in parameters.items()})


def domain(**parameter: Any) -> Any:
    return space(x=parameter).dimensions[0].domain


@pytest.mark.parametrize(
    ("parameter", "distribution"),
    [
        ({"value": 3}, "constant"),
        ({"value": None}, "constant"),
        ({"values": [1, 2]}, "categorical"),
        ({"values": [1, 2], "probabilities": [0.5, 0.5]}, "categorical_w_probabilities"),
        ({"min": 0.5, "max": 2}, "uniform"),
        ({"min": 0, "max": 0.5}, "uniform"),
        ({"min": 0, "max": 5, "distribution": "int_uniform"}, "int_uniform"),
        ({"min": 0, "max": 5, "distribution": "uniform"}, "uniform"),
    ],
)
def test_the_distribution_is_inferred_as_wandb_does(
    parameter: dict[str, Any], distribution: str
) -> None:
    assert infer(Parameter.model_validate(parameter)) is Distribution(distribution)


def test_whole_number_bounds_without_a_distribution_are_no_guess_of_ours() -> None:
    unchecked = Parameter.model_construct(min=1, max=8.0)

    with pytest.raises(SpaceError, match="int_uniform or uniform") as caught:
        Space.of({"layers": unchecked})

    assert caught.value.path == "spec.parameters.layers.min"
    assert str(caught.value).startswith("spec.parameters.layers.min: ")


def test_an_empty_parameter_is_an_error_that_says_what_may_stand_there() -> None:
    with pytest.raises(SpaceError, match=r"spec\.parameters\.x: write value, values"):
        Space.of({"x": Parameter.model_construct()})


def test_every_distribution_has_a_domain() -> None:
    numbers = {"min": 0.5, "max": 9.0, "value": 1, "values": [1], "probabilities": [1.0]}
    for distribution, form in FORMS.items():
        given: dict[str, Any] = {name: numbers[name] for name in form.required}
        if distribution is Distribution.INT_UNIFORM:
            given = {"min": 1, "max": 9}

        found = domain(distribution=distribution.value, **given)

        assert found.quantile(0.5) is not None


def test_what_is_left_out_is_as_in_wandb() -> None:
    assert domain(distribution="normal") == Normal(0, 1)
    assert domain(distribution="q_uniform", min=1, max=4) == Quantized(Uniform(1, 4), 1)
    assert domain(distribution="normal", mu=0.0, sigma=2).sigma == 2


def test_nested_parameters_become_paths_and_come_back_nested() -> None:
    found = space(
        optimizer={"parameters": {"name": {"value": "adam"}, "lr": {"min": 0.1, "max": 0.9}}},
        depth={"values": [3]},
    )

    assert [dimension.path for dimension in found.dimensions] == [
        ("depth",),
        ("optimizer", "lr"),
        ("optimizer", "name"),
    ]
    assert found.nest([3, 0.2, "adam"]) == {"depth": 3, "optimizer": {"lr": 0.2, "name": "adam"}}


def test_order_is_alphabetical_at_each_level_as_in_wandb() -> None:
    one: dict[str, Any] = {"value": 1}
    found = space(**{"a-b": one, "a": {"parameters": {"z": one}}, "B": one})

    assert [dimension.path for dimension in found.dimensions] == [("B",), ("a", "z"), ("a-b",)]


def test_one_value_for_each_dimension_no_more_no_less() -> None:
    with pytest.raises(ValueError, match="zip"):
        space(a={"value": 1}).nest([1, 2])


def test_an_error_names_the_nested_field() -> None:
    with pytest.raises(SpaceError) as caught:
        space(
            sgd={
                "parameters": {
                    "momentum": {"distribution": "q_uniform", "min": 0.1, "max": 0.4, "q": 1}
                }
            }
        )

    assert caught.value.path == "spec.parameters.sgd.parameters.momentum.q"
    assert "write a q smaller than 1" in caught.value.message


@pytest.mark.parametrize(
    "parameter",
    [
        {"distribution": "uniform", "min": -1.5e308, "max": 1.5e308},
        {"distribution": "q_uniform", "min": -1.5e308, "max": 1.5e308},
        {"distribution": "log_normal", "mu": 1000},
        {"distribution": "log_normal", "sigma": 100},
        {"distribution": "q_log_normal", "mu": 1000},
        {"distribution": "normal", "mu": 1.5e308, "sigma": 1e308},
    ],
    ids=str,
)
def test_a_range_that_leaves_the_doubles_is_an_error_before_the_first_run(
    parameter: dict[str, Any],
) -> None:
    with pytest.raises(SpaceError, match="write smaller numbers"):
        space(x=parameter)


def test_exponents_are_accepted_with_a_warning() -> None:
    found = space(
        lr={"distribution": "log_uniform", "min": -9, "max": -1},
        wd={"distribution": "log_uniform_values", "min": 0.1, "max": 1},
    )

    (warning,) = found.warnings
    assert warning.startswith("spec.parameters.lr: ")
    assert "log_uniform_values" in warning


KIND = {"values": ["a", "b"]}


def test_what_is_not_there_is_left_out_and_so_is_its_group() -> None:
    found = space(
        kind=KIND,
        lr={"value": 1, "when": {"kind": ["a"]}},
        own={"parameters": {"x": {"value": 2}}, "when": {"kind": ["a"]}},
        each={"parameters": {"x": {"value": 3, "when": {"kind": ["a"]}}}},
        some={"parameters": {"x": {"value": 4, "when": {"kind": ["a"]}}, "y": {"value": 5}}},
    )

    assert found.nest([3, "a", 1, 2, 4, 5]) == {
        "kind": "a",
        "lr": 1,
        "own": {"x": 2},
        "each": {"x": 3},
        "some": {"x": 4, "y": 5},
    }
    assert found.nest([3, "b", 1, 2, 4, 5]) == {"kind": "b", "some": {"y": 5}}
    assert found.optional == {"lr", "own", "own.x", "each", "each.x", "some.x"}


def test_all_of_several_conditions_have_to_hold() -> None:
    found = space(a=KIND, b=KIND, c={"value": 1, "when": {"a": ["b"], "b": ["a", "b"]}})

    assert found.there(["b", "a", 1]) == [True, True, True]
    assert found.there(["a", "a", 1]) == [True, True, False]


def test_what_needs_something_that_is_not_there_is_not_there_whatever_its_value() -> None:
    found = space(
        a={"values": [1, 2], "when": {"b": [1]}}, b={"values": [1, 2], "when": {"c": [1]}}, c=KIND2
    )

    assert found.there([1, 1, 1]) == [True, True, True]
    assert found.there([1, 1, 2]) == [False, False, True]


KIND2 = {"values": [1.0, 2]}
"""Compared as JSON: 1 is 1.0."""


def test_a_space_without_conditions_has_nothing_that_is_optional() -> None:
    assert space(a=KIND).optional == frozenset()
    assert not space(a=KIND).restricted


def test_conditions_that_can_not_be_are_an_error_of_the_field() -> None:
    with pytest.raises(SpaceError) as caught:
        space(g={"parameters": {"x": {"value": 1, "when": {"nobody": [1]}}}})

    assert caught.value.path == "spec.parameters.g.parameters.x.when"


def test_an_error_comes_back_from_another_process_whole() -> None:
    back = pickle.loads(pickle.dumps(SpaceError("spec.x", "is wrong")))

    assert (back.path, back.message, str(back)) == ("spec.x", "is wrong", "spec.x: is wrong")
