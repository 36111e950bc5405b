"""The functions that methods are measured on: cheap to compute, hard enough to tell methods apart.

Each is minimised, its least value is known, and its parameters are written as spec.parameters has
them, which is W&B's form too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import cos, exp, log10, pi
from typing import Any, Final

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Problem:
    """A function of a run's parameters."""

    name: str
    parameters: Mapping[str, Mapping[str, Any]]
    """As in spec.parameters."""
    function: Callable[[Parameters], float]
    least: float
    """The function's least value: a run's regret is how far it is above."""


def branin(given: Parameters) -> float:
    """Branin's function: three equal minima. Dixon and Szego (1978)."""
    x, y = given["x"], given["y"]
    valley = y - 5.1 / (4 * pi**2) * x**2 + 5 / pi * x - 6
    return float(valley**2 + 10 * (1 - 1 / (8 * pi)) * cos(x) + 10)


_HARTMANN_WEIGHTS: Final = (1.0, 1.2, 3.0, 3.2)
_HARTMANN_SCALES: Final = (
    (10, 3, 17, 3.5, 1.7, 8),
    (0.05, 10, 17, 0.1, 8, 14),
    (3, 3.5, 1.7, 10, 17, 8),
    (17, 8, 0.05, 10, 0.1, 14),
)
_HARTMANN_CENTRES: Final = (
    (0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886),
    (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991),
    (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650),
    (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381),
)


def hartmann6(given: Parameters) -> float:
    """Hartmann's function of six numbers: its second best valley is 0.12 above the least value.

    Dixon and Szego (1978).
    """
    point = [given[f"x{n}"] for n in range(1, 7)]
    return -sum(
        weight * exp(-sum(a * (x - p) ** 2 for a, x, p in zip(scales, point, centre, strict=True)))
        for weight, scales, centre in zip(
            _HARTMANN_WEIGHTS, _HARTMANN_SCALES, _HARTMANN_CENTRES, strict=True
        )
    )


def mixed(given: Parameters) -> float:
    """What training looks like: a rate that goes with depth, steps, ripples; 0 at its least.

    A function of this benchmark's own: one logarithmic, one whole, one quantised, one plain number.
    """
    rate, layers = log10(given["lr"]), given["layers"]
    dropout, momentum = given["dropout"], given["momentum"]
    shift = rate + 2.4 + 0.2 * (layers - 5)
    wave = 0.15 * (1 - cos(2 * pi * (layers - 5) / 3))
    smooth = momentum - 0.85 + 0.1 * shift
    return float(
        shift**2
        + 0.04 * (layers - 5) ** 2
        + wave
        + 6 * (dropout - 0.15 - 0.05 * shift) ** 2
        + 5 * smooth**2
    )


def categorical(given: Parameters) -> float:
    """Two categories that choose which functions of two numbers are added up: "Func2C".

    Ru, Alvi, Nguyen, Osborne and Roberts, "Bayesian Optimisation over Multiple Continuous and
    Categorical Inputs" (ICML 2020), without its noise. Least where both choose the camel.
    """
    x, y = 2 * given["x"], 2 * given["y"]
    surfaces = {
        "rosenbrock": (100 * (y - x**2) ** 2 + (x - 1) ** 2) / 300,
        "camel": ((4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2) / 10,
        "beale": ((1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2)
        / 50,
    }
    second = {"a": "rosenbrock", "b": "camel"}.get(given["second"], "beale")
    return float(surfaces[given["first"]] + surfaces[second])


def _uniform(low: float, high: float) -> dict[str, Any]:
    return {"distribution": "uniform", "min": low, "max": high}


PROBLEMS: Final = (
    Problem("branin", {"x": _uniform(-5, 10), "y": _uniform(0, 15)}, branin, 0.39788735772973816),
    Problem(
        "hartmann6", {f"x{n}": _uniform(0, 1) for n in range(1, 7)}, hartmann6, -3.322368011391339
    ),
    Problem(
        "mixed",
        {
            "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0},
            "layers": {"distribution": "int_uniform", "min": 1, "max": 12},
            "dropout": {"distribution": "q_uniform", "min": 0.0, "max": 0.5, "q": 0.05},
            "momentum": _uniform(0, 1),
        },
        mixed,
        0.0,
    ),
    Problem(
        "categorical",
        {
            "first": {"values": ["rosenbrock", "camel", "beale"]},
            "second": {"values": ["a", "b", "c", "d", "e"]},
            "x": _uniform(-1, 1),
            "y": _uniform(-1, 1),
        },
        categorical,
        -1.0316284534898774 / 5,
    ),
)
