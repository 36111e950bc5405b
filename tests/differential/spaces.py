"""Grids and quantiles against W&B's: 200 spaces and 1,000 parameters, drawn at random."""

import math
from collections.abc import Iterator
from random import Random
from typing import Any, Final

from sweep_operator.api.parameters import Parameter
from sweep_operator.search import METHODS, Space

SPACES: Final = 200
PARAMETERS: Final = 1_000
SHARES: Final = 20
MOST_POINTS: Final = 1_000

EQUAL: Final = "equal"
UNEXPLAINED: Final = "unexplained"
STEPS: Final = "a grid over q_uniform has the multiples of q from min to max"
INSIDE: Final = "a multiple of q outside the bounds is the outermost one inside"


def grids(random: Random) -> list[dict[str, Any]]:
    """What a grid is asked for: spec.parameters each."""
    return [_space(random) for _ in range(SPACES)]


def quantiles(random: Random) -> list[tuple[dict[str, Any], list[float]]]:
    """Parameters, and shares of all their draws."""
    parameters = [_parameter(random) for _ in range(PARAMETERS)]
    return [(each, [random.random() for _ in range(SHARES)]) for each in parameters]


def grid_difference(parameters: dict[str, Any], theirs: list[Any]) -> str:
    """Why W&B's grid has other runs."""
    ours = list(_grid(parameters))
    if ours == theirs:
        return EQUAL
    listed = {name: _as_wandb_lists(each) for name, each in parameters.items()}
    same = _rounded(list(_grid(listed))) == _rounded(theirs)
    return STEPS if same else f"{UNEXPLAINED} {parameters}"


def _grid(parameters: dict[str, Any]) -> Iterator[Any]:
    space, grid = _space_of(parameters), METHODS["grid"]
    for number in range(1, MOST_POINTS + 2):
        point = grid.suggest(space, 1, number, (), ())
        if point is None:
            return
        yield point


def _as_wandb_lists(parameter: dict[str, Any]) -> dict[str, Any]:
    """A parameter with the values that W&B's grid takes q_uniform for: min, min + q, ... < max."""
    if "parameters" in parameter:
        inner = {name: _as_wandb_lists(each) for name, each in parameter["parameters"].items()}
        return {"parameters": inner}
    if parameter.get("distribution") != "q_uniform":
        return parameter
    low, high, q = parameter["min"], parameter["max"], parameter["q"]
    return {"values": [low + step * q for step in range(math.ceil((high - low) / q))]}


def _rounded(value: Any) -> Any:
    """Floats to 12 digits: W&B adds q up in binary."""
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return round(value, 12) if isinstance(value, float) else value


def quantile_difference(parameter: dict[str, Any], share: float, theirs: Any) -> str:
    """Why W&B has another value below which this share of the draws lies."""
    (dimension,) = _space_of({"x": parameter}).dimensions
    domain = dimension.domain
    ours = domain.quantile(share)
    if ours == theirs or _near(ours, theirs):
        return EQUAL
    bounds = domain.bounds
    if "q" in parameter and bounds and ours in bounds and not bounds[0] <= theirs <= bounds[1]:
        return INSIDE
    return f"{UNEXPLAINED} {parameter} at {share}: {ours} and {theirs}"


def _near(ours: Any, theirs: Any) -> bool:
    numbers = all(isinstance(each, int | float) for each in (ours, theirs))
    return numbers and math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12)


def _space_of(parameters: dict[str, Any]) -> Space:
    return Space.of({name: Parameter.model_validate(each) for name, each in parameters.items()})


def _space(random: Random) -> dict[str, Any]:
    """Up to five parameters that a grid takes, some of them nested, at most 1,000 points."""
    names = random.sample(["a", "B", "lr", "batch_size", "Depth", "x1", "x10", "x2", "_z"], 5)
    found: dict[str, Any] = {}
    for name in names[: random.randint(1, 5)]:
        if random.random() < 0.2:
            inner = random.sample(["kind", "rate", "Width"], 2)
            found[name] = {"parameters": {each: _countable(random) for each in inner}}
        else:
            found[name] = _countable(random)
    size = METHODS["grid"].size(_space_of(found))
    return found if size is not None and size <= MOST_POINTS // 2 else _space(random)


def _countable(random: Random) -> dict[str, Any]:
    match random.randrange(5):
        case 0:
            return {"value": random.choice([3, "adam", 0.5, True])}
        case 1:
            return {"values": random.sample([1, 2, 16, 0.5, 1e-4], random.randint(1, 4))}
        case 2:
            return {"values": random.sample(["relu", "tanh", "x y", True, None], 2)}
        case 3:
            low = random.randint(-3, 3)
            return {"distribution": "int_uniform", "min": low, "max": low + random.randint(1, 4)}
        case _:
            low, q = random.randint(0, 3), random.choice([0.1, 0.25, 1, 2])
            high = low + random.randint(1, 4) * q + random.choice([0, q / 2])
            return {"distribution": "q_uniform", "min": low, "max": round(high, 3), "q": q}


def _parameter(random: Random) -> dict[str, Any]:
    """A parameter of any distribution, with numbers that people write."""
    low = round(random.uniform(-5, 5), 2)
    high = round(low + random.uniform(0.5, 10), 2)
    above = round(random.uniform(0.001, 1), 3)
    spread = {"mu": low, "sigma": round(random.uniform(0.1, 3), 2)}
    shape = {"a": round(random.uniform(0.5, 5), 1), "b": round(random.uniform(0.5, 5), 1)}
    wide = {"min": above, "max": round(above * random.uniform(5, 1_000), 3)}
    values = {"values": random.sample(["x", 1, 2.5, True, "y"], 3)}
    whole = {"min": int(low), "max": int(low) + random.randint(1, 50)}
    forms: list[dict[str, Any]] = [
        values,
        {**values, "probabilities": random.choice([[0.2, 0.3, 0.5], [0.0, 0.9, 0.1]])},
        {"distribution": "int_uniform", **whole},
        {"distribution": "uniform", "min": low, "max": high},
        {"distribution": "log_uniform", "min": low, "max": high},
        {"distribution": "inv_log_uniform", "min": low, "max": high},
        {"distribution": "log_uniform_values", **wide},
        {"distribution": "inv_log_uniform_values", **wide},
        {"distribution": "normal", **spread},
        {"distribution": "log_normal", **spread},
        {"distribution": "beta", **shape},
        {"distribution": "q_uniform", "min": low, "max": high, "q": 0.1},
        {"distribution": "q_log_uniform", "min": low, "max": high, "q": 0.25},
        {"distribution": "q_log_uniform_values", **wide, "q": 0.5},
        {"distribution": "q_normal", **spread, "q": 0.5},
        {"distribution": "q_log_normal", **spread, "q": 0.1},
        {"distribution": "q_beta", **shape, "q": 0.05},
    ]
    numbers = random.choice(forms)
    try:
        _space_of({"x": numbers})
    except ValueError:  # no multiple of q between min and max
        return _parameter(random)
    return numbers
