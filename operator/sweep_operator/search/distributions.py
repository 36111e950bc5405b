"""What one parameter's values may be, and how likely each is: a quantile function per distribution.

A method of search turns a number u in [0, 1) into a value by `quantile` and back by `cdf`, or goes
through a finite domain by `size`, `at` and `index`. This module knows nothing of names, spaces,
methods or seeds.

The meaning of each distribution is that of W&B's own library (`sweeps` 0.3.0, params.py). Where
this one differs, on purpose, the class says so; in common:

- u is in [0, 1) and cells are half open (value number floor(u * n)), so that u = 0 is the first
  value. W&B takes the cell to the left when u falls on an edge exactly.
- Nothing drawn is infinite: for u = 0 an unbounded distribution answers as for 2**-54.
"""

import json
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from math import ceil, exp, floor, inf, isfinite, log
from statistics import NormalDist
from typing import Final, TypeGuard

from pydantic import JsonValue

from sweep_operator.search import beta

Bounds = tuple[float, float]
"""The least and the greatest value, both attainable if finite."""

LEAST_U: Final = 2.0**-54
_NEARLY: Final = Fraction(1, 10**6)
GREATEST_U: Final = 1 - 2.0**-53
"""The greatest double below 1."""


class DistributionError(ValueError):
    """Numbers that make no distribution. `field` names the one at fault (`q`), "" for them all."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class Domain(ABC):
    """The values of one parameter, with their likelihoods."""

    @abstractmethod
    def quantile(self, u: float) -> JsonValue:
        """The value below which a share u of all draws lies; u is in [0, 1)."""

    @property
    def bounds(self) -> Bounds | None:
        """The range of the values, or None where they have no order."""
        return None

    @property
    def size(self) -> int | None:
        """How many different values there are; None if they can't be counted."""
        return None

    def at(self, index: int) -> JsonValue:
        """Value number `index` (from 0) of a finite domain, in its natural order.

        Computed, not looked up: a domain may have 10**15 values. IndexError beyond `size`.
        """
        raise IndexError(f"{type(self).__name__} has no value number {index}")

    def index(self, value: JsonValue) -> int | None:  # noqa: ARG002 - uncountable, unless overridden
        """The number of a value, as `at` counts; None for one that isn't among them.

        Values are compared as JSON on its way through an API server leaves them: 1.0 is 1, and
        neither is true.
        """
        return None


@dataclass(frozen=True)
class Constant(Domain):
    """One value, always: W&B's `constant`."""

    value: JsonValue

    def quantile(self, u: float) -> JsonValue:  # noqa: ARG002 - the same for each u
        return self.value

    @property
    def size(self) -> int:
        return 1

    def at(self, index: int) -> JsonValue:
        return (self.value,)[index]

    def index(self, value: JsonValue) -> int | None:
        return 0 if _text(value) == _text(self.value) else None


@dataclass(frozen=True)
class Categorical(Domain):
    """One of some values, all alike: W&B's `categorical`."""

    values: Sequence[JsonValue]

    def quantile(self, u: float) -> JsonValue:
        return self.values[_cell(u, len(self.values))]

    @property
    def size(self) -> int:
        return len(self.values)

    def at(self, index: int) -> JsonValue:
        return self.values[index]

    def index(self, value: JsonValue) -> int | None:
        return self._indices.get(_text(value))

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {_text(value): index for index, value in enumerate(self.values)}


@dataclass(frozen=True)
class WeightedCategorical(Categorical):
    """One of some values, each with its probability: W&B's `categorical_w_probabilities`.

    The first value whose cumulated probability is above u. The probabilities' sum counts as 1,
    though it be 0.999999; a value of probability 0 is never drawn.
    """

    probabilities: Sequence[float]

    def __post_init__(self) -> None:
        if not sum(self.probabilities) > 0:
            raise DistributionError("probabilities", "are all 0: make them sum to 1")

    @cached_property
    def _cumulated(self) -> list[float]:
        return list(accumulate(self.probabilities))

    def quantile(self, u: float) -> JsonValue:
        return self.values[bisect_right(self._cumulated, u * self._cumulated[-1])]


@dataclass(frozen=True)
class IntUniform(Domain):
    """A whole number from min to max, both included, all alike: W&B's `int_uniform`."""

    min: int
    max: int

    def quantile(self, u: float) -> int:
        return self.min + _cell(u, self.size)

    @property
    def bounds(self) -> Bounds:
        return self.min, self.max

    @property
    def size(self) -> int:
        return self.max - self.min + 1

    def at(self, index: int) -> int:
        return range(self.min, self.max + 1)[index]

    def index(self, value: JsonValue) -> int | None:
        if not _is_number(value) or value != floor(value):
            return None
        return int(value) - self.min if self.min <= value <= self.max else None


class Continuous(Domain):
    """A domain of real numbers, which can't be counted."""

    @abstractmethod
    def quantile(self, u: float) -> float: ...

    @abstractmethod
    def cdf(self, x: float) -> float:
        """The share of all draws that are at most x, in [0, 1]: the inverse of `quantile`."""

    @property
    @abstractmethod
    def bounds(self) -> Bounds: ...


@dataclass(frozen=True)
class Uniform(Continuous):
    """Each number from min to max alike: W&B's `uniform`. min + u * (max - min)."""

    min: float
    max: float

    def quantile(self, u: float) -> float:
        # Never above max: u below 1 takes at least the digit off that max - min was rounded up by.
        return self.min + u * (self.max - self.min)

    def cdf(self, x: float) -> float:
        return _share(self.min, x, self.max)

    @property
    def bounds(self) -> Bounds:
        return float(self.min), float(self.max)


@dataclass(frozen=True)
class LogUniform(Continuous):
    """The logarithm is uniform between ln(min) and ln(max): W&B's `log_uniform_values`.

    exp(ln(min) + u * (ln(max) - ln(min))); min is above 0.

    `inv_log_uniform_values` is this same distribution: where 1/X is log-uniform, so is X, and W&B's
    two quantile functions are equal too.
    """

    min: float
    max: float

    @classmethod
    def of_exponents(cls, low: float, high: float) -> "LogUniform":
        """From exponents of e: W&B's `log_uniform`. exp(low + u * (high - low))."""
        return cls(exp(low), exp(high))

    @classmethod
    def of_inverse_exponents(cls, low: float, high: float) -> "LogUniform":
        """The inverse of that: W&B's `inv_log_uniform`. exp(-(low + (1 - u) * (high - low)))."""
        return cls(exp(-high), exp(-low))

    def quantile(self, u: float) -> float:
        least, greatest = self.bounds
        low, high = log(least), log(greatest)
        # exp and log together may go over a bound by the last digit.
        return min(max(exp(low + u * (high - low)), least), greatest)

    def cdf(self, x: float) -> float:
        least, greatest = self.bounds
        return _share(log(least), log(x), log(greatest)) if x > 0 else 0.0

    @property
    def bounds(self) -> Bounds:
        return float(self.min), float(self.max)


@dataclass(frozen=True)
class Normal(Continuous):
    """Mean mu, standard deviation sigma (above 0): W&B's `normal`."""

    mu: float = 0
    sigma: float = 1

    def quantile(self, u: float) -> float:
        return NormalDist(self.mu, self.sigma).inv_cdf(max(u, LEAST_U))

    def cdf(self, x: float) -> float:
        return NormalDist(self.mu, self.sigma).cdf(x)

    @property
    def bounds(self) -> Bounds:
        return -inf, inf


@dataclass(frozen=True)
class LogNormal(Continuous):
    """The logarithm is normal with mu and sigma (above 0): W&B's `log_normal`."""

    mu: float = 0
    sigma: float = 1

    def quantile(self, u: float) -> float:
        return exp(Normal(self.mu, self.sigma).quantile(u))

    def cdf(self, x: float) -> float:
        return Normal(self.mu, self.sigma).cdf(log(x)) if x > 0 else 0.0

    @property
    def bounds(self) -> Bounds:
        return 0.0, inf


@dataclass(frozen=True)
class Beta(Continuous):
    """The beta distribution on [0, 1] with shapes a and b (above 0): W&B's `beta`."""

    a: float = 1
    b: float = 1

    def __post_init__(self) -> None:
        for field, shape in (("a", self.a), ("b", self.b)):
            if shape > beta.MAX_SHAPE:
                raise DistributionError(
                    field,
                    f"is {shape:g}, and a beta with a shape above {beta.MAX_SHAPE:g} is as good as "
                    "one point: write value, or distribution: normal",
                )

    def quantile(self, u: float) -> float:
        return beta.quantile(u, self.a, self.b)

    def cdf(self, x: float) -> float:
        return beta.cdf(x, self.a, self.b)

    @property
    def bounds(self) -> Bounds:
        return 0.0, 1.0


@dataclass(frozen=True)
class Quantized(Domain):
    """Another distribution's draws, rounded to the nearest multiple of q: W&B's `q_` ones.

    round(x / q) * q, halves to even, then the nearest multiple that lies inside the bounds.
    Differences from W&B, on purpose:

    - W&B may step over a bound (min 5, max 24, q 10 gives 0; we give 10, 20): here none is passed.
      For the same reason W&B's grid, which counts min, min + q, ... and leaves out max, and its
      random search, which draws multiples, have different values; here both have the multiples of
      q from min to max, both included.
    - Multiples are those of q as written in decimal: three times 0.1 is 0.3, and no
      0.30000000000000004.
    - Whole q gives integers. In W&B only a q written as an integer does; 1.0 arrives here as 1.
    """

    inner: Continuous
    q: float = 1

    def __post_init__(self) -> None:
        least, greatest = self._multiples
        if least > greatest:
            low, high = self.inner.bounds
            raise DistributionError(
                "q",
                f"has no multiple between {low:g} and {high:g}: "
                f"write a q smaller than {self.q}, or a wider range",
            )

    def quantile(self, u: float) -> float:
        least, greatest = self._multiples
        nearest = round(Fraction(self.inner.quantile(u)) / self._step)
        return self._times(int(min(max(nearest, least), greatest)))

    @property
    def bounds(self) -> Bounds:
        least, greatest = self._multiples
        return (
            self._times(int(least)) if isfinite(least) else least,
            self._times(int(greatest)) if isfinite(greatest) else greatest,
        )

    @property
    def size(self) -> int | None:
        least, greatest = self._multiples
        return int(greatest) - int(least) + 1 if isfinite(least) and isfinite(greatest) else None

    def at(self, index: int) -> JsonValue:
        if self.size is None or not 0 <= index < self.size:
            return super().at(index)
        return self._times(int(self._multiples[0]) + index)

    def index(self, value: JsonValue) -> int | None:
        if self.size is None or not _is_number(value):
            return None
        least, greatest = self._multiples
        exact = _as_written(value) / self._step
        count = round(exact)
        # 0.30000000000000004 is three times 0.1 too, as other tools write it.
        found = least <= count <= greatest and abs(count - exact) < _NEARLY
        return int(count - least) if found else None

    @cached_property
    def _step(self) -> Fraction:
        return _as_written(self.q)

    @cached_property
    def _multiples(self) -> tuple[float, float]:
        """How many q the least and the greatest value are: integers, or infinite."""
        low, high = self.inner.bounds
        return (
            ceil(_as_written(low) / self._step) if isfinite(low) else low,
            floor(_as_written(high) / self._step) if isfinite(high) else high,
        )

    def _times(self, count: int) -> float:
        exact = count * self._step
        return int(exact) if self._step.denominator == 1 else float(exact)


def _share(low: float, x: float, high: float) -> float:
    """How far x is on the way from low to high, in [0, 1]; the middle where there is no way."""
    return min(max((x - low) / (high - low), 0.0), 1.0) if high > low else 0.5


def _is_number(value: JsonValue) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _text(value: JsonValue) -> str:
    """A value as text that is the same for the same JSON, which has but one kind of number."""
    if isinstance(value, str):  # the most frequent, and no other's text begins so
        return f'"{value}'
    return json.dumps(_whole(value), sort_keys=True)


def _whole(value: JsonValue) -> JsonValue:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    return value


def _as_written(number: float) -> Fraction:
    """The decimal number a person wrote, which its double is only near to: 0.1 is 1/10."""
    return Fraction(repr(number))


def _cell(u: float, count: int) -> int:
    """Which of `count` equal cells of [0, 1) u is in. u * count never rounds up to count: below 1,
    u is at most 1 - 2**-53, and takes more than half of count's last digit off it."""
    return floor(u * count)
