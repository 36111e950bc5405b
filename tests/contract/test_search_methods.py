"""The contract of every method of search: one suite that each passes."""

import itertools
import json
import math
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from sweep_operator.api.parameters import Parameter
from sweep_operator.search import METHODS, SearchMethod, Space, SpaceError
from sweep_operator.search.method import Observation, Pending

COUNTABLE: dict[str, Any] = {
    "batch": {"values": [16, 32, 64]},
    "augment": {"values": [True, False, None]},
    "epochs": {"value": 3},
    "layers": {"distribution": "int_uniform", "min": 2, "max": 4},
    "model": {
        "parameters": {
            "dropout": {"distribution": "q_uniform", "min": 0.05, "max": 0.35, "q": 0.1},
            "width": {"distribution": "q_uniform", "min": 10, "max": 30, "q": 10},
            "blocks": {"values": [[1, 2], {"kind": "res"}]},
        }
    },
}

CONTINUOUS: dict[str, Any] = {
    "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 0.1},
    "momentum": {"min": 0.5, "max": 0.99},
    "noise": {"distribution": "normal", "mu": 1, "sigma": 0.1},
    "mix": {"distribution": "beta", "a": 2, "b": 2},
    "steps": {"distribution": "q_log_uniform_values", "min": 10, "max": 1000, "q": 10},
    "head": {
        "parameters": {"kind": {"values": ["a", "b"], "probabilities": [0.9, 0.1]}},
    },
}


def space_of(parameters: Mapping[str, Any]) -> Space:
    return Space.of({name: Parameter.model_validate(each) for name, each in parameters.items()})


PARAMETERS = {"countable": COUNTABLE, "continuous": {**COUNTABLE, **CONTINUOUS}}
SPACES = {kind: space_of(parameters) for kind, parameters in PARAMETERS.items()}

BY_NUMBER_ALONE = {"grid", "random"}
"""Methods that don't learn."""

CASES = [
    pytest.param(method, space, id=f"{name}-{kind}")
    for name, method in METHODS.items()
    for kind, space in SPACES.items()
    if not (name == "grid" and kind == "continuous")
]

each_method = pytest.mark.parametrize(("method", "space"), CASES)


def suggest(method: SearchMethod, space: Space, number: int, seed: int = 1) -> dict[str, Any]:
    found = method.suggest(space, seed, number, (), ())
    assert found is not None
    return dict(found)


def key(parameters: object) -> str:
    return json.dumps(parameters, sort_keys=True)


@each_method
def test_the_same_arguments_give_the_same_parameters(method: SearchMethod, space: Space) -> None:
    in_order = [suggest(method, space, number) for number in range(1, 21)]
    backwards = [suggest(method, space, number) for number in range(20, 0, -1)]

    assert in_order == backwards[::-1]


@each_method
def test_neither_a_restart_nor_the_order_of_keys_changes_anything(
    method: SearchMethod, space: Space
) -> None:
    (kind,) = (kind for kind in SPACES if SPACES[kind] is space)
    turned = space_of(dict(reversed(PARAMETERS[kind].items())))
    restarted = type(method)()

    for number in range(1, 21):
        assert suggest(restarted, turned, number) == suggest(method, space, number)


@each_method
def test_every_parameter_is_there_under_its_nested_name(method: SearchMethod, space: Space) -> None:
    for number in range(1, 21):
        found = suggest(method, space, number)

        assert set(found) == {dimension.path[0] for dimension in space.dimensions}
        assert set(found["model"]) == {"dropout", "width", "blocks"}


@each_method
def test_parameters_are_plain_json(method: SearchMethod, space: Space) -> None:
    for number in range(1, 101):
        found = suggest(method, space, number)

        assert json.loads(json.dumps(found, allow_nan=False)) == found


@each_method
def test_bounds_types_and_steps_are_kept(method: SearchMethod, space: Space) -> None:
    for number in range(1, 301):
        found = suggest(method, space, number)

        assert found["epochs"] == 3
        assert found["batch"] in (16, 32, 64)
        assert found["augment"] in (True, False, None)
        assert type(found["layers"]) is int
        assert 2 <= found["layers"] <= 4
        assert found["model"]["dropout"] in (0.1, 0.2, 0.3)
        assert found["model"]["width"] in (10, 20, 30)
        assert type(found["model"]["width"]) is int
        assert found["model"]["blocks"] in ([1, 2], {"kind": "res"})
        if "lr" in found:
            assert 1e-5 <= found["lr"] <= 0.1
            assert 0.5 <= found["momentum"] <= 0.99
            assert 0 <= found["mix"] <= 1
            assert math.isfinite(found["noise"])
            assert found["steps"] in range(10, 1001, 10)
            assert found["head"]["kind"] in ("a", "b")


@each_method
def test_every_value_of_every_parameter_is_tried(method: SearchMethod, space: Space) -> None:
    tried = [suggest(method, space, number) for number in range(1, 487)]

    for name, count in {"batch": 3, "augment": 3, "layers": 3, "epochs": 1}.items():
        assert len({key(found[name]) for found in tried}) == count
    for name, count in {"dropout": 3, "width": 3, "blocks": 2}.items():
        assert len({key(found["model"][name]) for found in tried}) == count


@pytest.mark.parametrize("name", sorted(BY_NUMBER_ALONE))
def test_a_method_that_needs_only_the_number_ignores_what_is_known(name: str) -> None:
    method, space = METHODS[name], SPACES["countable"]
    known = (Observation(1, suggest(method, space, 1), 0.5), Observation(2, {}, None, failed=True))
    pending = (Pending(3, suggest(method, space, 3)),)

    assert method.suggest(space, 1, 4, known, pending) == suggest(method, space, 4)


@each_method
@pytest.mark.parametrize("number", [0, -1])
def test_runs_are_numbered_from_one(method: SearchMethod, space: Space, number: int) -> None:
    with pytest.raises(ValueError, match="from 1"):
        method.suggest(space, 1, number, (), ())


@each_method
def test_a_method_ends_exactly_after_its_size(method: SearchMethod, space: Space) -> None:
    size = method.size(space)
    if size is None:
        assert method.suggest(space, 1, 10**9, (), ()) is not None
    else:
        assert method.suggest(space, 1, size, (), ()) is not None
        assert method.suggest(space, 1, size + 1, (), ()) is None


def test_a_grid_tries_every_point_once_keys_sorted_the_last_fastest() -> None:
    space, grid = SPACES["countable"], METHODS["grid"]
    expected = [
        {
            "augment": augment,
            "batch": batch,
            "epochs": epochs,
            "layers": layers,
            "model": {"blocks": blocks, "dropout": dropout, "width": width},
        }
        for augment, batch, epochs, layers, blocks, dropout, width in itertools.product(
            [True, False, None],
            [16, 32, 64],
            [3],
            [2, 3, 4],
            [[1, 2], {"kind": "res"}],
            [0.1, 0.2, 0.3],
            [10, 20, 30],
        )
    ]
    size = grid.size(space)
    assert size == len(expected) == 486

    found = [suggest(grid, space, number, seed=number) for number in range(1, size + 1)]

    assert found == expected
    assert len({key(point) for point in found}) == size


def test_a_grid_of_any_shape_never_repeats_and_leaves_out_nothing() -> None:
    random = Random(23)
    for _ in range(30):
        counts = [random.randint(1, 5) for _ in range(random.randint(1, 5))]
        space = space_of(
            {f"p{n}": {"values": list(range(count))} for n, count in enumerate(counts)}
        )
        grid = METHODS["grid"]
        size = grid.size(space)
        assert size == math.prod(counts)

        points = [suggest(grid, space, number) for number in range(1, size + 1)]

        ranges = [range(count) for count in counts]
        assert [tuple(point.values()) for point in points] == list(itertools.product(*ranges))


def test_a_grid_far_too_large_to_list_is_no_burden() -> None:
    space = space_of(
        {f"p{n:02d}": {"distribution": "int_uniform", "min": 0, "max": 10**9} for n in range(9)}
    )

    assert METHODS["grid"].size(space) == (10**9 + 1) ** 9
    assert suggest(METHODS["grid"], space, 10**9 + 2)["p07"] == 1


@pytest.mark.parametrize("parameter", ["lr", "momentum", "noise", "mix", "steps"])
def test_a_grid_refuses_a_continuous_parameter_by_name(parameter: str) -> None:
    space = space_of({"a": {"value": 1}, "group": {"parameters": {"x": CONTINUOUS[parameter]}}})

    for act in (
        lambda: METHODS["grid"].size(space),
        lambda: METHODS["grid"].suggest(space, 1, 1, (), ()),
    ):
        with pytest.raises(SpaceError, match=r"write values, or distribution: q_uniform") as caught:
            act()
        assert caught.value.path == "spec.parameters.group.parameters.x"


def test_a_grid_refuses_probabilities() -> None:
    with pytest.raises(SpaceError, match="leave out probabilities"):
        METHODS["grid"].size(space_of({"a": {"values": [1, 2], "probabilities": [0.5, 0.5]}}))


def test_random_draws_each_parameter_by_its_own_likelihood() -> None:
    space, method = SPACES["continuous"], METHODS["random"]
    tried = [suggest(method, space, number) for number in range(1, 3_001)]

    batches = Counter(found["batch"] for found in tried)
    kinds = Counter(found["head"]["kind"] for found in tried)
    pairs = Counter((found["batch"], found["layers"]) for found in tried)

    assert all(900 < count < 1_100 for count in batches.values())
    assert 2_600 < kinds["a"] < 2_800
    assert len(pairs) == 9
    assert all(250 < count < 420 for count in pairs.values())
    assert sum(found["lr"] < 1e-3 for found in tried) == pytest.approx(1_500, abs=120)


def test_random_may_repeat_a_point_since_draws_are_independent() -> None:
    space = space_of({"a": {"values": [1, 2]}})

    points = [suggest(METHODS["random"], space, number)["a"] for number in range(1, 101)]

    assert 30 < points.count(1) < 70


def test_a_parameter_added_changes_no_draw_of_the_others() -> None:
    alone = space_of({"lr": CONTINUOUS["lr"]})
    method = METHODS["random"]

    for number in range(1, 21):
        together = suggest(method, SPACES["continuous"], number)
        assert suggest(method, alone, number)["lr"] == together["lr"]


def test_random_with_another_seed_is_another_search() -> None:
    method, space = METHODS["random"], SPACES["continuous"]

    assert suggest(method, space, 1, seed=1) != suggest(method, space, 1, seed=2)
