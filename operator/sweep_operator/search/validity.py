"""Which points of a space are valid: the one place that judges it, for every method.

A constraint sees parameters as the program gets them, by its types: a parameter whose values are
all whole numbers is an int, any other number a double; what isn't there is null. What can't be
evaluated for a point doesn't hold for it, unless it looks at what isn't there (null < 3): of
that it says nothing.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from sweep_operator.search.distributions import WeightedCategorical
from sweep_operator.search.expression import EVERYTHING, ConstraintError, evaluated, reads

if TYPE_CHECKING:
    from sweep_operator.search.space import Dimension, Need, Space

MOST_COMBINATIONS: Final = 100_000
"""So many are gone through one by one, valid or not: it takes a second or two."""

MOST_LOOKS: Final = 2_000_000
"""Values that constraints look at on the way, each combination of them once: as long."""

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


def too_many(space: "Space") -> str | None:
    """Why a space's points can't be gone through, and what to do; None if they can."""
    sizes = [_size(dimension) for dimension in space.dimensions]
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return "it has a parameter whose values can't be counted"
    if (count := prod(known)) > MOST_COMBINATIONS:
        return (
            f"it has {count:,} combinations before they are applied, and at most "
            f"{MOST_COMBINATIONS:,} can be gone through: write fewer values, or method: random"
        )
    looks = 0
    for text in space.constraints:
        numbers = looked_at(space, text)
        looks += prod(known[number] for number in numbers) * len(numbers)
    if looks > MOST_LOOKS:
        return (
            f"its constraints would look at {looks:,} values, and at most {MOST_LOOKS:,} can be "
            "gone through: let each look at fewer parameters, or write method: random"
        )
    return None


def listed(space: "Space") -> Listing | None:
    """All valid points of a space; None if there may be too many to go through."""
    if too_many(space):
        return None
    choices = [_choices(dimension) for dimension in space.dimensions]
    there = _conditions(space, choices)
    judges = [_judge(space, text, choices) for text in space.constraints]
    numbers = array("I")
    for number, combination in enumerate(product(*(range(len(values)) for values in choices))):
        point = there(combination)
        if point is not None and all(judge(point) for judge in judges):
            numbers.append(number)
    return Listing(choices, numbers)


def holds(space: "Space", text: str, values: Sequence[JsonValue], there: Sequence[bool]) -> bool:
    """Whether a constraint holds for these values, one for each dimension."""
    try:
        return evaluated(text, given(space, text, values, there)) is True
    except ConstraintError:
        return not all(there[number] for number in looked_at(space, text))


def given(
    space: "Space", text: str, values: Sequence[JsonValue], there: Sequence[bool]
) -> dict[str, JsonValue]:
    """The variables that a constraint looks at."""
    plain, quoted = reads(text)
    found = {name: _variable(space, name, values, there) for name in plain}
    if quoted:
        found[EVERYTHING] = {name: _variable(space, name, values, there) for name in quoted}
    return found


def looked_at(space: "Space", text: str) -> list[int]:
    """The dimensions that a constraint looks at, by number."""
    plain, quoted = reads(text)
    return sorted({number for name in (*plain, *quoted) for number in space.numbers[name]})


def _variable(
    space: "Space", name: str, values: Sequence[JsonValue], there: Sequence[bool]
) -> JsonValue:
    """A parameter's value, or an object of a group's; null for what isn't there."""
    first, *others = numbers = space.numbers[name]
    dimension = space.dimensions[first]
    if not others and len(dimension.path) == 1:
        return dimension.typed(values[first]) if there[first] else None
    if not any(there[number] for number in numbers):
        return None
    return {
        space.dimensions[number].path[1]: (
            space.dimensions[number].typed(values[number]) if there[number] else None
        )
        for number in numbers
    }


Places = Sequence[int]
"""For each dimension, which of its choices: a combination."""


def _conditions(
    space: "Space", choices: Sequence[Sequence[JsonValue]]
) -> Callable[[Places], Places | None]:
    """Marks what isn't there in a combination; None for one that is the same point as another."""
    needs = [
        (
            number,
            [
                (need.number, frozenset(_places(space.dimensions[need.number], choices, need)))
                for need in wanted
            ],
        )
        for number, wanted in space.conditional.items()
    ]

    def marked(combination: Places) -> Places | None:
        point = list(combination)
        for number, wanted in needs:
            # What isn't there is in no set, and so what needs it isn't there either.
            if all(point[other] in places for other, places in wanted):
                continue
            if point[number]:  # of all that differ only in it, the first stands for them
                return None
            point[number] = _ABSENT
        return point

    return marked if needs else lambda combination: combination


def _places(
    dimension: "Dimension", choices: Sequence[Sequence[JsonValue]], need: "Need"
) -> Iterator[int]:
    """Which of a dimension's choices will do."""
    for place, value in enumerate(choices[need.number]):
        if dimension.domain.index(value) in need.indices:
            yield place


def _judge(
    space: "Space", text: str, choices: Sequence[Sequence[JsonValue]]
) -> Callable[[Places], bool]:
    """A constraint as a function of a combination; each answer is found once.

    Most constraints look at few parameters, which have far fewer combinations than the space.
    """
    numbers = looked_at(space, text)
    values: list[JsonValue] = [None] * len(choices)
    there = [False] * len(choices)
    answers: dict[tuple[int, ...], bool] = {}

    def judge(point: Places) -> bool:
        key = tuple([point[number] for number in numbers])
        found = answers.get(key)
        if found is None:
            for number, place in zip(numbers, key, strict=True):
                values[number] = choices[number][place]
                there[number] = place != _ABSENT
            found = answers[key] = holds(space, text, values, there)
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
