"""The contract of every method of search: one suite that each passes."""

import itertools
import json
import math
import pickle
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
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


CONDITIONS: dict[str, Any] = {
    "schedule": {"values": ["constant", "step"]},
    "step": {
        "when": {"schedule": ["step"]},
        "parameters": {
            "every": {"values": [1, 5]},
            "gamma": {"values": [0.1, 0.5], "when": {"batch": [32, 64]}},
        },
    },
}

CONSTRAINTS = (
    "batch < 64 || layers < 4",
    "step == null || step.gamma == null || double(step.every) * step.gamma <= 1.0",
    'parameters["augment"] != true || model.width > 10',
)


def space_of(parameters: Mapping[str, Any], constraints: Sequence[str] = ()) -> Space:
    return Space.of(
        {name: Parameter.model_validate(each) for name, each in parameters.items()}, constraints
    )


PARAMETERS = {
    "countable": COUNTABLE,
    "continuous": {**COUNTABLE, **CONTINUOUS},
    "countable-restricted": {**COUNTABLE, **CONDITIONS},
    "continuous-restricted": {
        **COUNTABLE,
        **CONTINUOUS,
        **CONDITIONS,
        "momentum": {**CONTINUOUS["momentum"], "when": {"schedule": ["constant"]}},
    },
}
CONSTRAINTS_OF = {
    "countable-restricted": CONSTRAINTS,
    "continuous-restricted": (*CONSTRAINTS, "momentum == null || momentum * lr < 0.05"),
}
SPACES = {
    kind: space_of(parameters, CONSTRAINTS_OF.get(kind, ()))
    for kind, parameters in PARAMETERS.items()
}

LEARNERS = ["bayes", "tpe"]
"""Methods to which it matters what is known."""

GRIDS = ["grid", "shuffled-grid"]

WITHOUT_REPETITION = [*GRIDS, *LEARNERS]

CASES = [
    pytest.param(method, space, id=f"{name}-{kind}")
    for name, method in METHODS.items()
    for kind, space in SPACES.items()
    if not (name in GRIDS and "continuous" in kind)
]

each_method = pytest.mark.parametrize(("method", "space"), CASES)
each_learner = pytest.mark.parametrize("name", LEARNERS)

Loss = Callable[[Mapping[str, Any]], float | None]


def suggest(method: SearchMethod, space: Space, number: int, seed: int = 1) -> dict[str, Any]:
    found = method.suggest(space, seed, number, (), ())
    assert found is not None
    return dict(found)


def key(parameters: object) -> str:
    return json.dumps(parameters, sort_keys=True)


def bowl(parameters: Mapping[str, Any]) -> float:
    """An easy loss over both spaces: 0 for batch 32, 3 layers, dropout 0.2, momentum 0.9."""
    return (
        abs(parameters["batch"] - 32) / 32
        + abs(parameters["layers"] - 3)
        + abs(parameters["model"]["dropout"] - 0.2)
        + (parameters.get("momentum", 0.9) - 0.9) ** 2
    )


def searched(
    method: SearchMethod, space: Space, runs: int, loss: Loss = bowl, parallel: int = 1
) -> list[dict[str, Any]]:
    """What a sweep tries, `parallel` runs at a time, the longest under way ending first."""
    tried: list[dict[str, Any]] = []
    while len(tried) < runs:
        ended = max(0, len(tried) - parallel + 1)
        known = [Observation(n, each, loss(each)) for n, each in enumerate(tried[:ended], start=1)]
        waiting = [Pending(n, each) for n, each in enumerate(tried[ended:], start=ended + 1)]
        found = method.suggest(space, 1, len(tried) + 1, known, waiting)
        if found is None:
            break
        tried.append(dict(found))
    return tried


def drawn(space: Space, count: int, loss: Loss = bowl) -> list[Observation]:
    """Runs at random points, from number 1."""
    points = [suggest(METHODS["random"], space, number) for number in range(1, count + 1)]
    return [Observation(number, each, loss(each)) for number, each in enumerate(points, start=1)]


def assert_of_the_space(found: Mapping[str, Any]) -> None:
    """Bounds, types, steps and nesting of COUNTABLE and CONTINUOUS, and what restricts them."""
    if "schedule" in found:
        assert_conditions_hold(found)
        assert_constraints_hold(found)
    names = set(found) - set(CONDITIONS) - {"momentum"}
    assert names in (set(COUNTABLE), (set(COUNTABLE) | set(CONTINUOUS)) - {"momentum"})
    assert set(found["model"]) == {"dropout", "width", "blocks"}
    assert found["epochs"] == 3
    assert found["batch"] in (16, 32, 64)
    assert any(found["augment"] is value for value in (True, False, None))
    assert type(found["layers"]) is int
    assert 2 <= found["layers"] <= 4
    assert found["model"]["dropout"] in (0.1, 0.2, 0.3)
    assert found["model"]["width"] in (10, 20, 30)
    assert type(found["model"]["width"]) is int
    assert found["model"]["blocks"] in ([1, 2], {"kind": "res"})
    if "lr" in found:
        assert 1e-5 <= found["lr"] <= 0.1
        assert 0.5 <= found.get("momentum", 0.5) <= 0.99
        assert 0 <= found["mix"] <= 1
        assert math.isfinite(found["noise"])
        assert found["steps"] in range(10, 1001, 10)
        assert found["head"]["kind"] in ("a", "b")


def assert_conditions_hold(found: Mapping[str, Any]) -> None:
    """What is there is what CONDITIONS say, no more and no less."""
    stepping = found["schedule"] == "step"
    assert ("step" in found) == stepping
    if stepping:
        assert set(found["step"]) == {"every"} | ({"gamma"} if found["batch"] > 16 else set())
    if "lr" in found:
        assert ("momentum" in found) == (not stepping)


def assert_constraints_hold(found: Mapping[str, Any]) -> None:
    """CONSTRAINTS, in Python."""
    assert found["batch"] < 64 or found["layers"] < 4
    step = found.get("step", {})
    assert step.get("every", 0) * step.get("gamma", 0) <= 1
    assert found["augment"] is not True or found["model"]["width"] > 10
    assert found.get("momentum", 0) * found.get("lr", 0) < 0.05


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
    turned = space_of(dict(reversed(PARAMETERS[kind].items())), CONSTRAINTS_OF.get(kind, ()))
    restarted = type(method)()

    for number in range(1, 21):
        assert suggest(restarted, turned, number) == suggest(method, space, number)


@each_method
def test_parameters_are_plain_json(method: SearchMethod, space: Space) -> None:
    for number in range(1, 41):
        found = suggest(method, space, number)

        assert json.loads(json.dumps(found, allow_nan=False)) == found


@each_method
def test_bounds_types_steps_and_nesting_are_kept(method: SearchMethod, space: Space) -> None:
    for number in range(1, 101):
        assert_of_the_space(suggest(method, space, number))


@each_method
def test_bounds_types_steps_and_nesting_are_kept_by_what_was_learnt(
    method: SearchMethod, space: Space
) -> None:
    for found in searched(method, space, 12, parallel=4):
        assert_of_the_space(found)
        assert json.loads(json.dumps(found, allow_nan=False)) == found


@each_method
def test_every_value_of_every_parameter_is_tried(method: SearchMethod, space: Space) -> None:
    tried = [suggest(method, space, n) for n in range(1, (method.size(space) or 60) + 1)]

    for name, count in {"batch": 3, "augment": 3, "layers": 3, "epochs": 1}.items():
        assert len({key(found[name]) for found in tried}) == count
    for name, count in {"dropout": 3, "width": 3, "blocks": 2}.items():
        assert len({key(found["model"][name]) for found in tried}) == count


@pytest.mark.parametrize("name", sorted(set(METHODS) - set(LEARNERS)))
def test_a_method_that_needs_only_the_number_ignores_what_is_known(name: str) -> None:
    method, space = METHODS[name], SPACES["countable"]
    known = (Observation(1, suggest(method, space, 1), 0.5), Observation(2, {}, None))
    pending = (Pending(3, suggest(method, space, 3)),)

    assert not method.learns
    assert method.suggest(space, 1, 4, known, pending) == suggest(method, space, 4)


@each_method
@pytest.mark.parametrize("number", [0, -1])
def test_runs_are_numbered_from_one(method: SearchMethod, space: Space, number: int) -> None:
    with pytest.raises(ValueError, match="from 1"):
        method.suggest(space, 1, number, (), ())


@each_method
def test_a_method_without_a_size_never_ends(method: SearchMethod, space: Space) -> None:
    if method.size(space) is None:
        assert method.suggest(space, 1, 10**9, (), ()) is not None


@each_method
def test_a_worker_process_suggests_the_same(method: SearchMethod, space: Space) -> None:
    known, waiting = drawn(space, 20), [Pending(21, suggest(method, space, 21))]
    question = pickle.loads(pickle.dumps((space, 1, 22, known, waiting)))

    assert method.suggest(*question) == method.suggest(space, 1, 22, known, waiting)


@pytest.mark.parametrize("name", WITHOUT_REPETITION)
@pytest.mark.parametrize("parallel", [1, 5])
def test_a_finite_space_is_gone_through_without_repetition(name: str, parallel: int) -> None:
    space = space_of(
        {
            "batch": {"values": [16, 32, 64]},
            "layers": {"distribution": "int_uniform", "min": 2, "max": 4},
            "model": {"parameters": {"dropout": {"values": [0.1, 0.2]}, "epochs": {"value": 3}}},
        }
    )
    assert METHODS[name].size(space) == 18

    tried = searched(METHODS[name], space, 30, parallel=parallel)

    assert len(tried) == 18
    assert len({key(each) for each in tried}) == 18


@pytest.mark.parametrize("name", [*WITHOUT_REPETITION, "random", "sobol"])
def test_what_never_changes_is_one_point(name: str) -> None:
    space = space_of({"epochs": {"value": 3}, "seed": {"values": [7]}})

    tried = searched(METHODS[name], space, 3, loss=lambda _: 1.0)

    assert tried == [{"epochs": 3, "seed": 7}] * (1 if name in WITHOUT_REPETITION else 3)


@each_learner
def test_points_under_way_count_as_tried(name: str) -> None:
    space = space_of({"a": {"values": ["x", "y", "z"]}})
    waiting = [Pending(1, {"a": "x"}), Pending(2, {"a": "y"})]

    assert METHODS[name].suggest(space, 1, 3, (), waiting) == {"a": "z"}
    assert METHODS[name].suggest(space, 1, 4, (), [*waiting, Pending(3, {"a": "z"})]) is None


@each_learner
def test_numbers_are_the_same_value_however_an_api_server_writes_them(name: str) -> None:
    space = space_of({"a": {"values": [1.0, 2.0]}, "b": {"values": [True, None]}})
    known = [
        Observation(1, {"a": 1, "b": True}, 0.1),
        Observation(2, {"a": 1}, 0.2),
        Observation(3, {"a": 2.0, "b": None}, 0.3),
    ]

    assert METHODS[name].suggest(space, 1, 4, known, ()) == {"a": 2.0, "b": True}


@each_learner
@pytest.mark.parametrize("kind", SPACES)
def test_a_run_under_way_is_not_tried_again(name: str, kind: str) -> None:
    known = drawn(SPACES[kind], 20)
    waiting: list[Pending] = []
    for number in range(21, 26):
        found = METHODS[name].suggest(SPACES[kind], 1, number, known, waiting)
        assert found is not None
        waiting.append(Pending(number, found))

    assert len({key(run.parameters) for run in waiting}) == 5


@each_learner
@pytest.mark.parametrize("kind", SPACES)
def test_the_order_in_which_runs_are_told_changes_nothing(name: str, kind: str) -> None:
    known = drawn(SPACES[kind], 30)
    waiting = [Pending(n, suggest(METHODS["random"], SPACES[kind], n)) for n in (31, 32, 33)]

    found = METHODS[name].suggest(SPACES[kind], 1, 34, known, waiting)

    assert found == METHODS[name].suggest(SPACES[kind], 1, 34, known[::-1], waiting[::-1])
    assert found == type(METHODS[name])().suggest(SPACES[kind], 1, 34, known, waiting)


@each_learner
def test_a_search_learns(name: str) -> None:
    space = SPACES["continuous"]

    tried = searched(METHODS[name], space, 40, parallel=4)

    by_chance = sorted(bowl(each.parameters) for each in drawn(space, 40))
    assert sorted(map(bowl, tried))[10] < by_chance[5]


def sometimes_failing(parameters: Mapping[str, Any]) -> float | None:
    return None if parameters["batch"] == 64 else bowl(parameters)


def exploding(parameters: Mapping[str, Any]) -> float:
    return 1e308 if parameters["batch"] == 64 else bowl(parameters)


LOSSES: Sequence[Any] = [
    pytest.param(lambda _: None, id="all-failed"),
    pytest.param(lambda _: 0.5, id="constant"),
    pytest.param(lambda _: 0.0, id="zero"),
    pytest.param(sometimes_failing, id="some-failed"),
    pytest.param(exploding, id="exploding"),
    pytest.param(lambda parameters: -exploding(parameters), id="exploding-downwards"),
    pytest.param(lambda parameters: 1e12 + bowl(parameters), id="far-from-zero"),
    pytest.param(lambda parameters: 1e-300 * bowl(parameters), id="tiny"),
    pytest.param(lambda parameters: math.nan, id="not-a-number"),
    pytest.param(lambda parameters: math.inf * (bowl(parameters) - 1), id="infinite"),
]


@each_learner
@pytest.mark.parametrize("kind", ["countable", "continuous", "continuous-restricted"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.filterwarnings("error")
def test_whatever_runs_report_there_is_a_next_one(name: str, kind: str, loss: Loss) -> None:
    for number in (2, 12, 30):
        known = drawn(SPACES[kind], number, loss)
        found = METHODS[name].suggest(SPACES[kind], 1, number + 1, known, ())
        assert found is not None
        assert_of_the_space(found)


@each_learner
@pytest.mark.parametrize("kind", SPACES)
def test_what_is_ignored_teaches_nothing(name: str, kind: str) -> None:
    all_runs = drawn(SPACES[kind], 40)
    known, failed = all_runs[:20], [replace(run, value=None) for run in all_runs[20:]]

    def suggested(*more: Observation) -> Any:
        return METHODS[name].suggest(SPACES[kind], 1, 41, [*known, *more], ())

    found = suggested()
    elsewhere = [run for run in failed if run.parameters != found]
    assert suggested(*(replace(run, ignored=True) for run in elsewhere)) == found
    assert suggested(*elsewhere) != found


@each_learner
def test_what_is_ignored_is_never_tried_again_in_a_finite_space(name: str) -> None:
    space = space_of({"a": {"values": [1, 2, 3, 4]}, "b": {"values": [1, 2, 3, 4]}})
    method, tried = METHODS[name], list[Observation]()

    for number in range(1, 17):
        found = method.suggest(space, 1, number, tried, ())
        assert found is not None
        broken = found["a"] == found["b"] or found["a"] == 4
        value = None if broken else float(found["a"])  # type: ignore[arg-type]
        tried.append(Observation(number, found, value, ignored=broken))

    assert len({key(run.parameters) for run in tried}) == 16
    assert method.suggest(space, 1, 17, tried, ()) is None


@each_learner
def test_runs_of_another_space_teach_nothing(name: str) -> None:
    space = SPACES["countable"]
    known = drawn(space, 20)
    strange = [
        Observation(21, {}, -100),
        Observation(22, {**known[0].parameters, "batch": 48}, -100),
        Observation(23, {**known[0].parameters, "model": 7}, -100),
    ]

    found = METHODS[name].suggest(space, 1, 24, known, ())

    assert found == METHODS[name].suggest(space, 1, 24, known + strange, ())


def strangers(space: Space, count: int) -> list[Observation]:
    """Runs of another sweep over the same space."""
    return [replace(run, number=run.number - count) for run in drawn(space, count)]


@each_learner
@pytest.mark.parametrize("kind", SPACES)
def test_runs_of_another_sweep_teach_as_ones_own_do(name: str, kind: str) -> None:
    space = SPACES[kind]

    first = METHODS[name].suggest(space, 1, 1, strangers(space, 20), ())

    assert first is not None
    assert_of_the_space(first)
    assert first != suggest(METHODS[name], space, 1)
    turned = [replace(run, value=-bowl(run.parameters)) for run in strangers(space, 20)]
    assert first != METHODS[name].suggest(space, 1, 1, turned, ())


@each_learner
def test_but_they_have_tried_nothing(name: str) -> None:
    space = space_of({"a": {"values": ["x", "y", "z"]}})
    known = [Observation(n - 3, {"a": each}, 0.5) for n, each in enumerate("xyz", start=1)]

    tried: list[Observation] = []
    for number in range(1, 5):
        found = METHODS[name].suggest(space, 1, number, [*known, *tried], ())
        if found is None:
            break
        tried.append(Observation(number, found, 0.5))

    assert sorted(str(run.parameters["a"]) for run in tried) == ["x", "y", "z"]


@cache
def a_long_sweep(kind: str) -> list[Observation]:
    return drawn(SPACES[kind], 480 if "countable" in kind else 5_000)


@each_learner
@pytest.mark.parametrize("kind", SPACES)
def test_a_long_sweep_is_answered_too(name: str, kind: str) -> None:
    known = a_long_sweep(kind)

    found = METHODS[name].suggest(SPACES[kind], 1, 5_001, known, ())

    assert found is not None
    assert_of_the_space(found)


@pytest.mark.parametrize("name", [*LEARNERS, "sobol", "random"])
def test_a_hundred_parameters_are_not_too_many(name: str) -> None:
    space = space_of({f"p{n}": {"distribution": "uniform", "min": 0, "max": 1} for n in range(100)})
    known = drawn(space, 40, loss=lambda each: sum(each.values()))

    found = METHODS[name].suggest(space, 1, 41, known, ())

    assert found is not None
    assert len(found) == 100
    assert all(0 <= value <= 1 for value in found.values())


@each_learner
def test_a_value_of_probability_zero_is_never_tried(name: str) -> None:
    space = space_of({"a": {"values": ["x", "y", "z"], "probabilities": [0.5, 0, 0.5]}})

    assert METHODS[name].size(space) == 2
    tried = searched(METHODS[name], space, 5, loss=lambda each: float(each["a"] == "y"))
    assert sorted(each["a"] for each in tried) == ["x", "z"]


@each_learner
def test_a_finite_space_too_large_to_list_is_no_burden(name: str) -> None:
    space = space_of(
        {
            "a": {"distribution": "int_uniform", "min": 0, "max": 10**9},
            "b": {"distribution": "q_uniform", "min": 0, "max": 10**6, "q": 0.5},
        }
    )

    tried = searched(METHODS[name], space, 20, loss=lambda each: each["a"] / 10**9, parallel=3)

    assert METHODS[name].size(space) == (10**9 + 1) * (2 * 10**6 + 1)
    assert len({key(each) for each in tried}) == 20


def test_sobol_fills_every_slice_of_every_parameter_once() -> None:
    space = space_of({f"p{n}": {"distribution": "uniform", "min": 0, "max": 64} for n in range(9)})
    for seed in range(5):
        points = [suggest(METHODS["sobol"], space, number, seed) for number in range(1, 65)]

        for name in points[0]:
            assert sorted(int(point[name]) for point in points) == list(range(64))


def test_sobol_with_another_seed_is_another_search() -> None:
    method, space = METHODS["sobol"], SPACES["continuous"]

    assert suggest(method, space, 1, seed=1) != suggest(method, space, 1, seed=2)


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


RESTRICTED = [
    pytest.param(METHODS[name], kind, id=f"{name}-{kind}")
    for name in METHODS
    for kind in CONSTRAINTS_OF
    if not (name in GRIDS and "continuous" in kind)
]

each_restricted = pytest.mark.parametrize(("method", "kind"), RESTRICTED)

FEW: dict[str, Any] = {
    "optimizer": {"parameters": {"name": {"values": ["adam", "sgd", "none"]}}},
    "momentum": {"values": [0.5, 0.9], "when": {"optimizer.name": ["sgd"]}},
    "nesterov": {"values": [True, False], "when": {"momentum": [0.9]}},
    "size": {"values": [1, 2, 4]},
    "warm": {"value": 7, "when": {"size": [4]}},
}
"""A chain of conditions, one of them on what isn't always there itself."""

FEW_CONSTRAINTS = (
    'optimizer.name != "none" || size == 1',
    "nesterov == null || !nesterov || size > 1",
)


def points_of_few() -> list[dict[str, Any]]:
    """All there are, gone through by hand."""
    found = []
    for size, name in itertools.product([1, 2, 4], ["adam", "sgd", "none"]):
        plain = {"optimizer": {"name": name}, "size": size, **({"warm": 7} if size == 4 else {})}
        if name == "adam" or (name == "none" and size == 1):
            found.append(plain)
        if name == "sgd":
            found += [{**plain, "momentum": 0.5}, {**plain, "momentum": 0.9, "nesterov": False}]
            found += [{**plain, "momentum": 0.9, "nesterov": True}] if size > 1 else []
    return found


@each_restricted
def test_conditional_parameters_are_there_exactly_when_their_conditions_hold(
    method: SearchMethod, kind: str
) -> None:
    tried = [suggest(method, SPACES[kind], number) for number in range(1, 201)]
    tried += searched(method, SPACES[kind], 18, parallel=3)

    for found in tried:
        assert_conditions_hold(found)
    assert {"step" in found for found in tried} == {True, False}


@each_restricted
def test_every_suggestion_meets_all_constraints(method: SearchMethod, kind: str) -> None:
    tried = [suggest(method, SPACES[kind], number) for number in range(1, 201)]
    tried += searched(method, SPACES[kind], 18, parallel=3)

    for found in tried:
        assert_constraints_hold(found)


@pytest.mark.parametrize("name", WITHOUT_REPETITION)
@pytest.mark.parametrize("parallel", [1, 4])
def test_a_finite_restricted_space_is_gone_through_without_repetition(
    name: str, parallel: int
) -> None:
    space = space_of(FEW, FEW_CONSTRAINTS)
    expected = points_of_few()
    assert METHODS[name].size(space) == len(expected) == 12

    tried = searched(METHODS[name], space, 20, lambda each: float(each["size"]), parallel)

    assert sorted(map(key, tried)) == sorted(map(key, expected))


def test_a_restricted_grid_keeps_the_order_of_keys() -> None:
    grid, space = METHODS["grid"], space_of(FEW)
    tried = [suggest(grid, space, number) for number in range(1, (grid.size(space) or 0) + 1)]

    places = [
        [
            [0.5, 0.9].index(each.get("momentum", 0.5)),
            [True, False].index(each.get("nesterov", True)),
            ["adam", "sgd", "none"].index(each["optimizer"]["name"]),
            each["size"],
        ]
        for each in tried
    ]
    assert places == sorted(places)
    assert len(tried) == 15


@each_learner
def test_points_that_differ_in_what_is_not_there_are_one(name: str) -> None:
    space = space_of(FEW, FEW_CONSTRAINTS)
    *others, last = points_of_few()
    known = [Observation(n, each, float(n)) for n, each in enumerate(others, start=1)]
    # As an API server may hand it out: what is null is dropped, 1.0 is 1.
    told = [
        Observation(run.number, json.loads(json.dumps(run.parameters)), run.value) for run in known
    ]

    assert METHODS[name].suggest(space, 1, 12, told, ()) == last
    assert METHODS[name].suggest(space, 1, 13, told, [Pending(12, last)]) is None


@each_learner
def test_runs_that_are_not_valid_teach_nothing(name: str) -> None:
    space = space_of(FEW, FEW_CONSTRAINTS)
    strange: list[dict[str, Any]] = [
        {"optimizer": {"name": "none"}, "size": 2},  # against a constraint
        {"optimizer": {"name": "sgd"}, "size": 1},  # something is missing
        {"optimizer": {"name": "adam"}, "size": 1, "momentum": 0.5},  # something too much
    ]
    known = [Observation(n, each, -9.0) for n, each in enumerate(strange, start=1)]

    assert len(searched(METHODS[name], space, 20, lambda each: 0.0)) == 12
    for number in range(4, 10):
        found = METHODS[name].suggest(space, 1, number, known, ())
        assert found == METHODS[name].suggest(space, 1, number, (), ())


@each_learner
def test_a_restricted_space_too_large_to_go_through_has_no_end_and_no_repetition(
    name: str,
) -> None:
    wide = {"distribution": "int_uniform", "min": 0, "max": 10**6}
    space = space_of(
        {"a": wide, "b": {**wide, "when": {"c": [1]}}, "c": {"values": [0, 1]}},
        ["b == null || a < b"],
    )
    assert METHODS[name].size(space) is None

    tried = searched(METHODS[name], space, 25, lambda each: each["a"] / 10**6, parallel=3)

    assert len({key(each) for each in tried}) == 25
    assert all(each["c"] == 0 or each["a"] < each["b"] for each in tried)


@each_learner
def test_what_can_not_be_avoided_is_tried_again(name: str) -> None:
    wide = {"distribution": "int_uniform", "min": 0, "max": 10**6, "when": {"c": [1]}}
    space = space_of({"b": wide, "c": {"values": [0, 1]}}, ["c == 0"])

    assert searched(METHODS[name], space, 15, lambda each: 1.0) == [{"c": 0}] * 15


@pytest.mark.parametrize("name", ["random", "sobol"])
def test_constraints_change_only_what_does_not_meet_them(name: str) -> None:
    free = space_of({"a": {"distribution": "uniform", "min": 0, "max": 1}, "b": CONTINUOUS["lr"]})
    bound = space_of(
        {"a": {"distribution": "uniform", "min": 0, "max": 1}, "b": CONTINUOUS["lr"]}, ["a < 0.5"]
    )
    changed = 0
    for number in range(1, 101):
        before, after = suggest(METHODS[name], free, number), suggest(METHODS[name], bound, number)
        assert after["a"] < 0.5
        assert (before == after) == (before["a"] < 0.5)
        changed += before != after
    assert 30 < changed < 70


@pytest.mark.parametrize("name", ["random", "sobol", *LEARNERS])
def test_constraints_that_leave_next_to_nothing_are_an_error_that_says_so(name: str) -> None:
    space = space_of({"lr": CONTINUOUS["lr"]}, ["lr > 0.1"])

    with pytest.raises(SpaceError, match="leave next to nothing: of 1,000 draws for run 3") as told:
        METHODS[name].suggest(space, 1, 3, (), ())

    assert told.value.path == "spec.constraints"


@pytest.mark.parametrize("name", WITHOUT_REPETITION)
def test_constraints_that_leave_nothing_of_a_finite_space_are_an_error(name: str) -> None:
    space = space_of({"a": {"values": [1, 2]}}, ["a > 2"])

    with pytest.raises(SpaceError, match="leave nothing"):
        METHODS[name].size(space)


@pytest.mark.parametrize("name", GRIDS)
def test_a_restricted_grid_is_bounded_and_says_so(name: str) -> None:
    many = {"values": list(range(400))}
    for restricted in (
        space_of({"a": many, "b": many}, ["a < b"]),
        space_of({"a": many, "b": {**many, "when": {"a": [1]}}}),
    ):
        with pytest.raises(SpaceError, match=r"160,000 combinations.* at most 100,000"):
            METHODS[name].size(restricted)
    assert METHODS[name].size(space_of({"a": many, "b": many})) == 160_000


def test_a_shuffled_grid_has_the_points_of_the_grid_in_another_order_for_each_seed() -> None:
    for space in (SPACES["countable"], SPACES["countable-restricted"]):
        size = METHODS["grid"].size(space) or 0
        plain = [key(suggest(METHODS["grid"], space, n)) for n in range(1, size + 1)]
        one, other = (
            [key(suggest(METHODS["shuffled-grid"], space, n, seed)) for n in range(1, size + 1)]
            for seed in (1, 2)
        )

        assert sorted(one) == sorted(other) == sorted(plain)
        assert len({tuple(plain), tuple(one), tuple(other)}) == 3
        assert METHODS["shuffled-grid"].suggest(space, 1, size + 1, (), ()) is None
