"""A sweep's parameters as a space to search: which values each one may have, under which name.

It infers a distribution where none is written, flattens nested parameters to paths, and nests what
was found again. What a single entry of spec.parameters may look like is api/parameters.py's; which
points are tried is the methods'.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final, cast

from pydantic import JsonValue

from sweep_operator.api.parameters import EXPONENTS, Distribution, Parameter, implied
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

Path = tuple[str, ...]
"""The names from spec.parameters down to a parameter: ("optimizer", "lr")."""


class SpaceError(ValueError):
    """Parameters that can't be searched: where (`path`), what is wrong and what to do (`message`).

    `path` is the field as kubectl writes it: `spec.parameters.lr.min`.
    """

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


@dataclass(frozen=True)
class Dimension:
    """One parameter that has values of its own."""

    path: Path
    parameter: Parameter
    domain: Domain

    @property
    def field(self) -> str:
        """Where it stands in the Sweep: `spec.parameters.optimizer.parameters.lr`."""
        return _field(self.path)


@dataclass(frozen=True)
class Space:
    """The dimensions, in the order of a grid's keys.

    That order is alphabetical at each level, as in W&B: the names under `a` come where `a` stands,
    before `a-b`.
    """

    dimensions: tuple[Dimension, ...]

    @classmethod
    def of(cls, parameters: Mapping[str, Parameter]) -> "Space":
        """The space that spec.parameters describes. SpaceError where there is none."""
        return cls(tuple(_dimensions((), parameters)))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences on what is allowed but often written by mistake; most spaces have none."""
        return tuple(
            f"{dimension.field}: in {distribution} min and max are exponents of e; "
            f"for a range of values write {distribution}_values"
            for dimension in self.dimensions
            if (distribution := dimension.parameter.distribution) in EXPONENTS
        )

    def nest(self, values: Iterable[JsonValue]) -> dict[str, JsonValue]:
        """One value per dimension, in their order, as the nested objects a program is given."""
        nested: dict[str, JsonValue] = {}
        for dimension, value in zip(self.dimensions, values, strict=True):
            *outer, name = dimension.path
            level = nested
            for step in outer:
                level = cast("dict[str, JsonValue]", level.setdefault(step, {}))
            level[name] = value
        return nested


def infer(parameter: Parameter) -> Distribution:
    """The distribution as written, or by W&B's rule from the fields that are there.

    Whole-number min and max are no rule's: W&B tells 1 from 1.0, and both arrive here as 1.
    DistributionError says what to write.
    """
    if parameter.distribution is not None:
        return parameter.distribution
    found = implied(parameter)
    if found is not None and found is not Distribution.UNIFORM:
        return found
    if parameter.min is None or parameter.max is None:
        raise DistributionError(
            "", "write value, values, min and max, a distribution, or parameters"
        )
    if float(parameter.min).is_integer() and float(parameter.max).is_integer():
        raise DistributionError(
            "min",
            "is a whole number and so is max, and 1.0 arrives here as 1: "
            "write distribution: int_uniform or uniform",
        )
    return Distribution.UNIFORM


def _dimensions(above: Path, parameters: Mapping[str, Parameter]) -> Iterator[Dimension]:
    for name, parameter in sorted(parameters.items()):
        path = (*above, name)
        if parameter.parameters is not None:
            yield from _dimensions(path, parameter.parameters)
        else:
            yield Dimension(path, parameter, _checked_domain(path, parameter))


def _checked_domain(path: Path, parameter: Parameter) -> Domain:
    try:
        domain = _DOMAINS[infer(parameter)](parameter)
    except DistributionError as error:
        at = f"{_field(path)}.{error.field}" if error.field else _field(path)
        raise SpaceError(at, error.message) from error
    if not _is_finite(domain):
        raise SpaceError(
            _field(path),
            "its range is too wide: the outermost values are no finite numbers any more; "
            "write smaller numbers",
        )
    return domain


def _is_finite(domain: Domain) -> bool:
    """Whether even the rarest draw is a number that JSON has."""
    try:
        outermost = domain.quantile(0.0), domain.quantile(GREATEST_U)
        return all(isfinite(value) for value in outermost if isinstance(value, float))
    except (ArithmeticError, ValueError):  # exp of 1000; a Fraction of infinity or NaN
        return False


def _range(parameter: Parameter) -> tuple[float, float]:
    return _or(parameter.min, 0), _or(parameter.max, 1)


def _bell(parameter: Parameter) -> tuple[float, float]:
    return _or(parameter.mu, 0), _or(parameter.sigma, 1)


def _shape(parameter: Parameter) -> tuple[float, float]:
    return _or(parameter.a, 1), _or(parameter.b, 1)


def _step(parameter: Parameter) -> float:
    return _or(parameter.q, 1)


def _or(number: float | None, default: int) -> float:
    return default if number is None else number


def _int_range(parameter: Parameter) -> tuple[int, int]:
    low, high = _range(parameter)
    return int(low), int(high)


_DOMAINS: Final[Mapping[Distribution, Callable[[Parameter], Domain]]] = {
    Distribution.CONSTANT: lambda p: Constant(p.value),
    Distribution.CATEGORICAL: lambda p: Categorical(p.values or []),
    Distribution.CATEGORICAL_W_PROBABILITIES: lambda p: WeightedCategorical(
        p.values or [], p.probabilities or []
    ),
    Distribution.INT_UNIFORM: lambda p: IntUniform(*_int_range(p)),
    Distribution.UNIFORM: lambda p: Uniform(*_range(p)),
    Distribution.Q_UNIFORM: lambda p: Quantized(Uniform(*_range(p)), _step(p)),
    Distribution.LOG_UNIFORM_VALUES: lambda p: LogUniform(*_range(p)),
    Distribution.INV_LOG_UNIFORM_VALUES: lambda p: LogUniform(*_range(p)),
    Distribution.Q_LOG_UNIFORM_VALUES: lambda p: Quantized(LogUniform(*_range(p)), _step(p)),
    Distribution.LOG_UNIFORM: lambda p: LogUniform.of_exponents(*_range(p)),
    Distribution.INV_LOG_UNIFORM: lambda p: LogUniform.of_inverse_exponents(*_range(p)),
    Distribution.Q_LOG_UNIFORM: lambda p: Quantized(LogUniform.of_exponents(*_range(p)), _step(p)),
    Distribution.NORMAL: lambda p: Normal(*_bell(p)),
    Distribution.LOG_NORMAL: lambda p: LogNormal(*_bell(p)),
    Distribution.Q_NORMAL: lambda p: Quantized(Normal(*_bell(p)), _step(p)),
    Distribution.Q_LOG_NORMAL: lambda p: Quantized(LogNormal(*_bell(p)), _step(p)),
    Distribution.BETA: lambda p: Beta(*_shape(p)),
    Distribution.Q_BETA: lambda p: Quantized(Beta(*_shape(p)), _step(p)),
}
"""Each distribution with the parameter's numbers, and W&B's defaults for those left out."""


def _field(path: Path) -> str:
    return "spec.parameters." + ".parameters.".join(path)
