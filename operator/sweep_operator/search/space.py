"""A sweep's parameters as a space to search: which values each one may have, under which name.

It infers a distribution where none is written, flattens nested parameters to paths, and nests what
was found again, without those whose conditions don't hold. What a single entry of spec.parameters
may look like is api/parameters.py's, which points are valid is `validity`'s, and which are tried is
the methods'.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from typing import Final, NamedTuple, TypeGuard, cast

from pydantic import JsonValue

from sweep_operator.api import conditions
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
from sweep_operator.search.validity import Listing, holds, listed, looked_at

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

    def __reduce__(self) -> tuple[type["SpaceError"], tuple[str, str]]:
        """How it comes back from a process of its own."""
        return type(self), (self.path, self.message)


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

    def typed(self, value: JsonValue) -> JsonValue:
        """A value with this parameter's type: on its way through an API server 1.0 becomes 1."""
        if not _is_number(value):
            return value
        try:
            return int(value) if self._whole else float(value)
        except OverflowError:  # a whole number beyond a double
            return value

    @cached_property
    def _whole(self) -> bool:
        """Whether all values are whole numbers."""
        match self.domain:
            case Constant(value):
                return _is_whole(value)
            case Categorical(values):
                return all(map(_is_whole, values))
            case Quantized(_, q):
                return float(q).is_integer()
        return isinstance(self.domain, IntUniform)


class Need(NamedTuple):
    """What a dimension's being there takes of another one."""

    number: int
    """That one's."""
    indices: frozenset[int]
    """Which of its values will do."""


@dataclass(frozen=True)
class Space:
    """The dimensions, in the order of a grid's keys.

    That order is alphabetical at each level, as in W&B: the names under `a` come where `a` stands,
    before `a-b`.
    """

    dimensions: tuple[Dimension, ...]
    conditional: Mapping[int, tuple[Need, ...]] = field(default_factory=dict)
    """What dimensions need that aren't always there, by their numbers; none before what it needs.
    """
    constraints: tuple[str, ...] = ()
    """What holds for every point: spec.constraints."""

    @classmethod
    def of(cls, parameters: Mapping[str, Parameter], constraints: Sequence[str] = ()) -> "Space":
        """The space that a spec describes. SpaceError where there is none."""
        dimensions = tuple(_dimensions((), parameters))
        if found := conditions.problem(parameters):
            raise SpaceError(f"spec.{found.path}", found.sentence)
        return cls(dimensions, _conditional(dimensions, parameters), tuple(constraints))

    @property
    def restricted(self) -> bool:
        """Whether some combinations of values are no points, or the same point as another."""
        return bool(self.conditional or self.constraints)

    @cached_property
    def listing(self) -> Listing | None:
        """The valid points, where some combinations aren't and all can be gone through.

        It takes its time, once: it goes along when a space is sent to another process. SpaceError
        where no combination is valid.
        """
        found = listed(self) if self.restricted else None
        if found is not None and not len(found):
            raise SpaceError(
                "spec.constraints",
                "leave nothing: no combination of values meets all of them. Loosen them, or write "
                "more values",
            )
        return found

    @cached_property
    def judged(self) -> Sequence[int]:
        """The dimensions that conditions and constraints look at, by number."""
        needed = {need.number for needs in self.conditional.values() for need in needs}
        return sorted(needed.union(*(looked_at(self, text) for text in self.constraints)))

    @cached_property
    def numbers(self) -> Mapping[str, Sequence[int]]:
        """The dimensions under each of the names at the top."""
        found: dict[str, list[int]] = {}
        for number, dimension in enumerate(self.dimensions):
            found.setdefault(dimension.path[0], []).append(number)
        return found

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences on what is allowed but often written by mistake; most spaces have none."""
        return tuple(
            f"{dimension.field}: in {distribution} min and max are exponents of e; "
            f"for a range of values write {distribution}_values"
            for dimension in self.dimensions
            if (distribution := dimension.parameter.distribution) in EXPONENTS
        )

    def there(self, values: Sequence[JsonValue]) -> list[bool]:
        """Which dimensions are there, given a value for each; that of one that isn't is moot."""
        found = [True] * len(self.dimensions)
        for number, needs in self.conditional.items():
            found[number] = all(
                found[other] and self.dimensions[other].domain.index(values[other]) in indices
                for other, indices in needs
            )
        return found

    def valid(self, values: Sequence[JsonValue]) -> bool:
        """Whether all constraints hold for these values, one for each dimension."""
        if not self.constraints:
            return True
        there = self.there(values)
        return all(holds(self, text, values, there) for text in self.constraints)

    @cached_property
    def optional(self) -> frozenset[str]:
        """What isn't in every run: parameters and groups, by their dotted names."""
        sure = {
            ".".join(dimension.path[:length])
            for number, dimension in enumerate(self.dimensions)
            if number not in self.conditional
            for length in (1, 2)
        }
        names = {
            ".".join(dimension.path[:length]) for dimension in self.dimensions for length in (1, 2)
        }
        return frozenset(names - sure)

    def nest(self, values: Iterable[JsonValue]) -> dict[str, JsonValue]:
        """One value per dimension, in their order, as the nested objects a program is given.

        What isn't there is left out, and so is a group of which nothing is there.
        """
        if not self.conditional:
            return self.nest_all(values)
        values = list(values)
        return self.nest_all(values, self.there(values))

    def nest_all(
        self, values: Iterable[JsonValue], there: Sequence[bool] | None = None
    ) -> dict[str, JsonValue]:
        """The same with all that is said to be there, whatever the conditions; all if not said."""
        nested: dict[str, JsonValue] = {}
        for number, (dimension, value) in enumerate(zip(self.dimensions, values, strict=True)):
            if there is not None and not there[number]:
                continue
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


def _conditional(
    dimensions: Sequence[Dimension], parameters: Mapping[str, Parameter]
) -> dict[int, tuple[Need, ...]]:
    """What the dimensions with conditions need, sorted so that each comes after what it needs."""
    numbers = {".".join(dimension.path): number for number, dimension in enumerate(dimensions)}
    entries = dict(conditions.flat(parameters))
    needs = {}
    for name, number in numbers.items():
        if wanted := conditions.needs(name, entries):
            needs[number] = tuple(
                Need(numbers[other], _indices(dimensions[numbers[other]], values))
                for other, values in wanted.items()
            )
    found: dict[int, tuple[Need, ...]] = {}
    while len(found) < len(needs):  # it ends: there is no circle
        for number, wants in needs.items():
            if all(want.number in found or want.number not in needs for want in wants):
                found.setdefault(number, wants)
    return found


def _indices(dimension: Dimension, values: Iterable[JsonValue]) -> frozenset[int]:
    found = (dimension.domain.index(value) for value in values)
    return frozenset(index for index in found if index is not None)


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


def _is_number(value: JsonValue) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: JsonValue) -> bool:
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


def _field(path: Path) -> str:
    return "spec.parameters." + ".parameters.".join(path)
