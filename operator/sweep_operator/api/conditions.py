"""Conditions between parameters (`when`): what each looks at, and what makes one wrong.

A single entry of spec.parameters is api/parameters.py's; what is here needs the whole tree.
"""

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pydantic import JsonValue

from sweep_operator.api.parameters import Parameter, identity

Parameters = Mapping[str, Parameter]


class Problem(NamedTuple):
    """A condition that can't be: its field below spec, and the sentence that says why."""

    path: str
    sentence: str


def problem(parameters: Parameters) -> Problem | None:
    """What is wrong with the first condition that can't be; None if all can."""
    entries = dict(flat(parameters))
    for name, parameter in entries.items():
        for other, values in (parameter.when or {}).items():
            if sentence := _wrong(name, other, values, entries):
                return Problem(f"{_field(name)}.when", sentence)
    for name in entries:
        for other, values in needs(name, entries).items():
            if not values:
                sentence = f"needs another value of {other} than its group: no run has both"
                return Problem(f"{_field(name)}.when", sentence)
    return _circle(entries)


def needs(name: str, entries: Parameters) -> dict[str, list[JsonValue]]:
    """What a parameter's being there takes: its own conditions and those of its group.

    Where both look at the same parameter, the value has to be in both lists.
    """
    group, _, nested = name.partition(".")
    own = dict(entries[name].when or {})
    for other, values in (entries[group].when or {}).items() if nested else ():
        listed = {identity(value) for value in values}
        own[other] = [each for each in own.get(other, values) if identity(each) in listed]
    return own


def flat(parameters: Parameters, above: str = "") -> Iterator[tuple[str, Parameter]]:
    """Every parameter and group under its dotted name."""
    for name, parameter in sorted(parameters.items()):
        yield above + name, parameter
        yield from flat(parameter.parameters or {}, f"{above}{name}.")


def _wrong(name: str, other: str, values: list[JsonValue], entries: Parameters) -> str | None:
    looked_at = entries.get(other)
    if looked_at is None:
        names = ", ".join(sorted(set(entries) - {name}))
        return f"there is no parameter {other}: there {f'are {names}' if names else 'is no other'}"
    if other == name or other.startswith(f"{name}."):
        return f"{name} can't depend on {other}: name a parameter outside of it"
    if looked_at.parameters is not None:
        names = " or ".join(f"{other}.{nested}" for nested in sorted(looked_at.parameters))
        return f"{other} is a group and has no value: name a parameter in it, {names}"
    own = [looked_at.value] if looked_at.has_value else looked_at.values
    if own is None:
        return f"{other} has a range, and a condition takes one with value or values"
    known = {identity(value) for value in own}
    for value in values:
        if identity(value) not in known:
            return f"{other} is never {_text(value)}: it is {' or '.join(map(_text, own[:10]))}"
    return None


def _circle(entries: Parameters) -> Problem | None:
    """The first condition, by name, that comes back to where it began."""
    for name in entries:
        way = _way_back(name, entries)
        if way:
            at = name if entries[name].when else name.partition(".")[0]
            told = " needs ".join([*way, way[0]])
            return Problem(f"{_field(at)}.when", f"goes in a circle: {told}; take one of these out")
    return None


def _way_back(start: str, entries: Parameters) -> list[str]:
    """The names from a parameter on, by what each needs, until it comes up again; [] if never."""
    before: dict[str, str] = {}
    ahead = [start]
    while ahead:
        name = ahead.pop()
        for other in needs(name, entries):
            if other == start:
                way = [name]
                while way[-1] != start:
                    way.append(before[way[-1]])
                return way[::-1]
            if other not in before:
                before[other] = name
                ahead.append(other)
    return []


def _field(name: str) -> str:
    return "parameters." + name.replace(".", ".parameters.")


def _text(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
