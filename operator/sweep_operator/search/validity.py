"""Which points of a space are valid: the one place that judges it, for every method.

A constraint sees parameters as the program gets them, by its types: a parameter whose values are
all whole numbers is an int, any other number a double; what isn't there is null. What can't be
evaluated for a point (null < 3) doesn't hold for it.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from sweep_operator.search.distributions import WeightedCategorical
from sweep_operator.search.expression import EVERYTHING, ConstraintError, evaluated, variables

if TYPE_CHECKING:
    from sweep_operator.search.space import Dimension, Space

MOST_COMBINATIONS: Final = 100_000
"""So many are gone through one by one, valid or not: it takes a second or two."""

_ABSENT: Final = -1
"""In place of the index of a value that isn't there."""


@dataclass(frozen=True)
class Listing:
    """Every valid point of a space once, in the order of a grid: as numbers of combinations."""

    choices: Sequence[Sequence[JsonValue]]
    """The values of each dimension, in its own order."""
    numbers: "array[int]"

    def __len__(self) -> int:
        return len(self.numbers)

    def values(self, index: int) -> list[JsonValue]:
        """A value for each dimension of point number `index` (from 0)."""
        rest = self.numbers[index]
        values = []
        for choices in reversed(self.choices):
            rest, place = divmod(rest, len(choices))
            values.append(choices[place])
        return values[::-1]


def combinations(space: "Space") -> int | None:
    """How many combinations of values there are, valid or not; None if they can't be counted."""
    sizes = [_size(dimension) for dimension in space.dimensions]
    return None if None in sizes else prod(size for size in sizes if size is not None)


def listed(space: "Space") -> Listing | None:
    """All valid points of a space; None if there may be too many to go through."""
    count = combinations(space)
    if count is None or count > MOST_COMBINATIONS:
        return None
    choices = [_choices(dimension) for dimension in space.dimensions]
    numbers = array("I")
    judges = [_judge(space, text, choices) for text in space.constraints]
    places = (range(len(values)) for values in choices)
    for number, combination in enumerate(product(*places)):
        point: Sequence[int] = combination
        if space.conditional:
            values = [listed[place] for listed, place in zip(choices, combination, strict=True)]
            there = space.there(values)
            # Of all that are the same without what isn't there, the first.
            if any(
                place for place, is_there in zip(combination, there, strict=True) if not is_there
            ):
                continue
            point = [
                place if is_there else _ABSENT
                for place, is_there in zip(combination, there, strict=True)
            ]
        if all(judge(point) for judge in judges):
            numbers.append(number)
    return Listing(choices, numbers)


def holds(space: "Space", text: str, values: Sequence[JsonValue], there: Sequence[bool]) -> bool:
    """Whether a constraint holds for these values, one for each dimension."""
    try:
        return evaluated(text, given(space, text, values, there)) is True
    except ConstraintError:
        return False


def given(
    space: "Space", text: str, values: Sequence[JsonValue], there: Sequence[bool]
) -> dict[str, JsonValue]:
    """The variables that a constraint looks at."""
    names = variables(text)
    found = {name: _variable(space, name, values, there) for name in names if name in space.numbers}
    if EVERYTHING in names:
        found[EVERYTHING] = {name: _variable(space, name, values, there) for name in space.numbers}
    return found


def _variable(
    space: "Space", name: str, values: Sequence[JsonValue], there: Sequence[bool]
) -> JsonValue:
    """A parameter's value, or an object of a group's; null for what isn't there."""
    numbers = space.numbers[name]
    if not any(there[number] for number in numbers):
        return None
    fields: dict[str, JsonValue] = {}
    for number in numbers:
        dimension = space.dimensions[number]
        value = dimension.typed(values[number]) if there[number] else None
        if len(dimension.path) == 1:
            return value
        fields[dimension.path[1]] = value
    return fields


def _judge(
    space: "Space", text: str, choices: Sequence[Sequence[JsonValue]]
) -> Callable[[Sequence[int]], bool]:
    """A constraint as a function of places in `choices`; each answer is found once.

    Most constraints look at few parameters, which have far fewer combinations than the space.
    """
    names = variables(text)
    seen = [
        number
        for number, dimension in enumerate(space.dimensions)
        if dimension.path[0] in names or EVERYTHING in names
    ]
    if not seen:
        answer = holds(space, text, [values[0] for values in choices], [True] * len(choices))
        return lambda _: answer
    look: Callable[[Sequence[int]], object] = itemgetter(*seen)
    answers: dict[object, bool] = {}

    def judge(point: Sequence[int]) -> bool:
        key = look(point)
        found = answers.get(key)
        if found is None:
            values = [listed[place] for listed, place in zip(choices, point, strict=True)]
            found = holds(space, text, values, [place != _ABSENT for place in point])
            answers[key] = found
        return found

    return judge


def _size(dimension: "Dimension") -> int | None:
    domain = dimension.domain
    if isinstance(domain, WeightedCategorical):
        return sum(probability > 0 for probability in domain.probabilities)
    return domain.size


def _choices(dimension: "Dimension") -> list[JsonValue]:
    """The values that are ever drawn."""
    domain = dimension.domain
    found = [domain.at(index) for index in range(domain.size or 0)]
    if isinstance(domain, WeightedCategorical):
        return [
            value
            for value, probability in zip(found, domain.probabilities, strict=True)
            if probability > 0
        ]
    return found
