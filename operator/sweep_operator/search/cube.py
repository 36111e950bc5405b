"""A space as methods that learn see it: what can vary, as coordinates, and which points are new.

Each parameter that can vary is an axis. An ordered one has coordinates in [0, 1], the share of all
draws up to the value (its quantile function's inverse), so that logarithms and bells are straight
lines here. The coordinate of one without order is its value's number, and only "the same or not"
means anything. Must know no method and no numerical library.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, prod
from typing import Final, Protocol, cast

from pydantic import JsonValue

from sweep_operator.search.distributions import (
    GREATEST_U,
    Bounds,
    Continuous,
    Domain,
    Quantized,
    WeightedCategorical,
)
from sweep_operator.search.method import Parameters
from sweep_operator.search.space import Space

Coordinates = tuple[float, ...]
"""A point as a model sees it: one coordinate for each axis."""

Key = tuple[float, ...]
"""What equal points have in common: on each axis the value's number, or the value itself."""

_ABSENT: Final = -inf
"""The key of a parameter that isn't there: no value has it."""

MOST_LEVELS: Final = 1_000
"""So many whole numbers or multiples are told apart as steps; more are as good as a line."""


class Axis(Protocol):
    """One parameter that can vary."""

    @property
    def size(self) -> int | None:
        """How many values there are; None if they can't be counted."""

    @property
    def ordered(self) -> bool:
        """Whether coordinates are in [0, 1] and near ones mean alike; else they are numbers."""

    @property
    def levels(self) -> Sequence[float] | None:
        """The only coordinates there are, upwards; None where there are too many to list."""

    def at(self, index: int) -> JsonValue:
        """Value number `index` (from 0), where values can be counted."""

    def key(self, value: JsonValue) -> float | None:
        """What tells a value from others; None for one that isn't this parameter's."""

    def coordinate(self, value: JsonValue) -> float:
        """Where a value of this parameter stands."""

    def value(self, coordinate: float) -> JsonValue:
        """The value at a coordinate, or the nearest one."""


class Listed:
    """Values that can be listed: without order, unless all are numbers.

    Numbers stand in the middle of equal cells: 16, 32, 64 and 128 are as far from each other as the
    person who chose them means. Only multiples of q stand where they are drawn.
    """

    def __init__(self, domain: Domain, indices: Sequence[int]) -> None:
        self._domain = domain
        self.ordered = all(_is_number(domain.at(index)) for index in indices)
        if self.ordered:
            indices = sorted(indices, key=lambda index: cast("float", domain.at(index)))
        self._values = [domain.at(index) for index in indices]
        self._places = {index: place for place, index in enumerate(indices)}
        self.size = len(indices)
        self.levels = self._spread()

    def _spread(self) -> Sequence[float]:
        if not self.ordered:
            return range(self.size)
        if isinstance(self._domain, Quantized):
            return [self._domain.inner.cdf(cast("float", value)) for value in self._values]
        return [(place + 0.5) / self.size for place in range(self.size)]

    def at(self, index: int) -> JsonValue:
        return self._values[index]

    def key(self, value: JsonValue) -> int | None:
        index = self._domain.index(value)
        return None if index is None else self._places.get(index)

    def coordinate(self, value: JsonValue) -> float:
        return self.levels[cast("int", self.key(value))]

    def value(self, coordinate: float) -> JsonValue:
        right = min(bisect_left(self.levels, coordinate), self.size - 1)
        left = max(right - 1, 0)
        near_right = self.levels[right] - coordinate <= coordinate - self.levels[left]
        return self._values[right if near_right else left]


@dataclass(frozen=True)
class Line:
    """Numbers that can't be listed: real ones, or very many."""

    domain: Domain
    ordered: bool = True
    levels: None = None

    @property
    def size(self) -> int | None:
        return self.domain.size

    def at(self, index: int) -> JsonValue:
        return self.domain.at(index)

    def key(self, value: JsonValue) -> float | None:
        if not _is_number(value):
            return None
        if self.size is not None:
            return self.domain.index(value)
        least, greatest = cast("Bounds", self.domain.bounds)
        number = cast("float", value)
        return number if least <= number <= greatest else None

    def coordinate(self, value: JsonValue) -> float:
        number = cast("float", value)
        inner = self.domain.inner if isinstance(self.domain, Quantized) else self.domain
        if isinstance(inner, Continuous):
            return inner.cdf(number)
        least, greatest = cast("Bounds", inner.bounds)
        return (number - least) / (greatest - least)

    def value(self, coordinate: float) -> JsonValue:
        return self.domain.quantile(min(max(coordinate, 0.0), GREATEST_U))


@dataclass(frozen=True)
class Cube:
    """The axes of a space, in the order of its dimensions."""

    space: Space
    axes: Sequence[Axis]
    _fixed: Mapping[int, JsonValue]
    """The values that are always the same, by the number of their dimension."""
    _numbers: Sequence[int] = field(default=())
    """The axes' dimensions, by number."""
    _verdicts: dict[Coordinates, list[bool] | None] = field(default_factory=dict)
    """What was found of points, most of which share what is looked at with many others."""

    @classmethod
    def of(cls, space: Space) -> "Cube":
        fixed: dict[int, JsonValue] = {}
        axes: list[Axis] = []
        varying: list[int] = []
        for number, dimension in enumerate(space.dimensions):
            axis = _axis(dimension.domain)
            if axis.size == 1:
                fixed[number] = axis.at(0)
            else:
                axes.append(axis)
                varying.append(number)
        return cls(space, tuple(axes), fixed, tuple(varying))

    @property
    def size(self) -> int | None:
        """How many points there are; None for no end of them, or none that is known."""
        if self.space.restricted:
            return None if self.space.listing is None else len(self.space.listing)
        sizes = [axis.size for axis in self.axes]
        return None if None in sizes else prod(cast("list[int]", sizes))

    def key(self, parameters: Parameters) -> Key | None:
        """What this run's point has in common with equal ones; None if it isn't of this space."""
        values = self._read(parameters)
        there = self._there(values)
        found = []
        for axis, number, is_there in zip(self.axes, self._numbers, there, strict=True):
            value = values[number]
            if not is_there and value is not None:
                return None
            key = axis.key(value) if is_there else _ABSENT
            if key is None:
                return None
            found.append(key)
        return tuple(found) if self.space.valid(values) else None

    def coordinates(self, parameters: Parameters) -> Coordinates:
        """Where a run's point stands that has a key."""
        return self._coordinates(self._read(parameters))

    def parameters(self, point: Iterable[float]) -> Parameters:
        """The parameters at some coordinates, or the nearest ones that there are."""
        return self.space.nest(self._values(point))

    def settled(self, point: Iterable[float]) -> Coordinates | None:
        """Coordinates with what isn't there always in the same place; None for no valid point."""
        coordinates = tuple(point)
        looked_at = tuple(coordinates[place] for place in self._judged.values())
        if looked_at not in self._verdicts:
            self._verdicts[looked_at] = self._verdict(looked_at)
        there = self._verdicts[looked_at]
        if there is None:
            return None
        return tuple(
            coordinate if is_there else _middle(axis)
            for axis, coordinate, is_there in zip(self.axes, coordinates, there, strict=True)
        )

    def _verdict(self, looked_at: Coordinates) -> list[bool] | None:
        """Which axes are there, by the coordinates of those that are judged; None if not valid."""
        values = self._filled([None] * len(self.axes))
        for (number, place), coordinate in zip(self._judged.items(), looked_at, strict=True):
            values[number] = self.axes[place].value(coordinate)
        return self._there(values) if self.space.valid(values) else None

    @cached_property
    def _judged(self) -> Mapping[int, int]:
        """The axes that conditions and constraints look at, by the numbers of their dimensions."""
        return {
            number: place
            for place, number in enumerate(self._numbers)
            if number in self.space.judged
        }

    def unseen(self, seen: Collection[Key], start: int) -> Parameters:
        """A point of a finite space that isn't among `seen`, going up from number `start`.

        StopIteration where all are.
        """
        size = cast("int", self.size)
        upwards = (self._at((start + step) % size) for step in range(min(len(seen) + 1, size)))
        return next(point for point in upwards if self.key(point) not in seen)

    def _at(self, rest: int) -> Parameters:
        """Point number `rest` (from 0): its digits, each in the base of its own axis."""
        if self.space.listing is not None:
            return self.space.nest(self.space.listing.values(rest))
        values = []
        for axis in self.axes:
            rest, index = divmod(rest, cast("int", axis.size))
            values.append(axis.at(index))
        return self.space.nest(self._filled(values))

    def _values(self, point: Iterable[float]) -> list[JsonValue]:
        return self._filled(
            axis.value(coordinate) for axis, coordinate in zip(self.axes, point, strict=True)
        )

    def _filled(self, values: Iterable[JsonValue]) -> list[JsonValue]:
        """A value for each dimension, given one for each axis."""
        varying = iter(values)
        return [
            self._fixed[number] if number in self._fixed else next(varying)
            for number in range(len(self.space.dimensions))
        ]

    def _read(self, parameters: Parameters) -> list[JsonValue]:
        """A value for each dimension. What is missing is null: API servers may drop such fields."""
        found = []
        for number in self._numbers:
            level: JsonValue = cast("JsonValue", parameters)
            for step in self.space.dimensions[number].path:
                level = level.get(step) if isinstance(level, dict) else None
            found.append(level)
        return self._filled(found)

    def _coordinates(self, values: Sequence[JsonValue]) -> Coordinates:
        return tuple(
            axis.coordinate(values[number]) if is_there else _middle(axis)
            for axis, number, is_there in zip(
                self.axes, self._numbers, self._there(values), strict=True
            )
        )

    def _there(self, values: Sequence[JsonValue]) -> list[bool]:
        """Which axes are there."""
        if not self.space.conditional:
            return [True] * len(self.axes)
        there = self.space.there(values)
        return [there[number] for number in self._numbers]


def _middle(axis: Axis) -> float:
    """A coordinate for what isn't there, as far from all others as may be."""
    return 0.5 if axis.levels is None else axis.levels[len(axis.levels) // 2]


def _axis(domain: Domain) -> Axis:
    if isinstance(domain, WeightedCategorical):
        drawn = [n for n, probability in enumerate(domain.probabilities) if probability > 0]
        return Listed(domain, drawn)
    if domain.size is not None and (domain.bounds is None or domain.size <= MOST_LEVELS):
        return Listed(domain, range(domain.size))
    return Line(domain)


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
