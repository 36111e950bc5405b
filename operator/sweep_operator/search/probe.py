"""Constraints tried before any run: a mistake in one is told at once, not by run 40.

Knows no method: what is tried are draws by a seed of its own, so that neither the sweep's seed nor
what its first run happens to be decides what is told.
"""

import json
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from sweep_operator.search.distributions import Categorical, Constant, Domain
from sweep_operator.search.expression import MAX_BYTES, ConstraintError, evaluated, problem
from sweep_operator.search.random import draws
from sweep_operator.search.space import Space, SpaceError
from sweep_operator.search.validity import given

_SEED: Final = 0

_FEW: Final = 100
"""Draws on which each constraint is tried, whatever it says of the first."""


def check(space: Space) -> None:
    """SpaceError where a constraint can't be evaluated, or is neither true nor false.

    One that can be for some draws alone is right: it says which are valid.
    """
    large = {name: size for name, size in _sizes(space).items() if size > MAX_BYTES}
    for place, text in enumerate(space.constraints):
        if sentence := problem(text, space.numbers, large) or _trouble(space, text):
            raise SpaceError(f"spec.constraints[{place}]", sentence)


def _trouble(space: Space, text: str) -> str | None:
    """What is wrong with a constraint, by what it comes to for some draws."""
    first = ""
    answered = False
    for tried, values in enumerate(draws(space, _SEED, 1)):
        if answered and tried >= _FEW:
            return None
        try:
            answer = evaluated(text, given(space, text, values, space.there(values)))
        except ConstraintError as error:
            if error.always:
                return str(error)
            first = first or str(error)
            continue
        if not isinstance(answer, bool):
            return f"is {_text(answer)}, neither true nor false: write a comparison, as x <= 1"
        answered = True
    return None if answered else f"can't be evaluated for any draw: {first}"


def _sizes(space: Space) -> Mapping[str, int]:
    """Bytes of JSON that each name at the top may have."""
    return {
        name: sum(_size(space.dimensions[number].domain) for number in numbers)
        for name, numbers in space.numbers.items()
    }


def _size(domain: Domain) -> int:
    match domain:
        case Constant(value):
            return len(_text(value))
        case Categorical(values):
            return max(len(_text(value)) for value in values)
    return 0  # a number


_ENCODER: Final = json.JSONEncoder(default=str)


def _text(value: JsonValue) -> str:
    return _ENCODER.encode(value)
