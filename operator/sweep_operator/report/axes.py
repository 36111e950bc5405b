"""Parameters as axes of plots: where on it each value stands, and what is written there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeGuard

from pydantic import JsonValue

from sweep_operator.api.parameters import EXPONENTS, LOG_SCALE, Distribution, identity
from sweep_operator.report.results import Json, Results, Run
from sweep_operator.report.words import text_of

MOST_CATEGORIES: Final = 100
MOST_SHOWN: Final = 24
"""Axes in a plot, or plots in a section."""

LOGARITHMIC: Final = frozenset(
    {*LOG_SCALE, *EXPONENTS, Distribution.LOG_NORMAL, Distribution.Q_LOG_NORMAL}
)


@dataclass(frozen=True)
class Axis:
    """One parameter."""

    name: str
    log: bool
    categories: Sequence[str] | None
    """What is written at 0, 1, 2 and so on; None for a number line."""
    positions: Mapping[str, int]
    """Where each category stands, by its identity."""

    def place(self, value: JsonValue) -> float | None:
        """Where a value stands; None for one that isn't on this axis."""
        if self.categories is not None:
            return self.positions.get(identity(value))
        return float(value) if is_number(value) else None


def names(results: Results) -> list[str]:
    """The parameters that may differ between runs, by dotted names."""
    constant = {name for name, entry in entries(results.spec).items() if "value" in entry}
    found = {name for run in results.runs for name in run.parameters}
    return sorted((found | set(entries(results.spec))) - constant)


def entries(spec: Json) -> dict[str, Json]:
    """What the spec says of each parameter, by dotted names."""
    found: dict[str, Json] = {}
    for name, entry in spec["parameters"].items():
        nested = entry.get("parameters")
        if nested is None:
            found[name] = entry
        else:
            found |= {f"{name}.{below}": each for below, each in nested.items()}
    return found


def axes(results: Results, runs: Sequence[Run]) -> list[Axis]:
    """An axis for each parameter that some of these runs have, and not all with the same value."""
    written = entries(results.spec)
    found = []
    for name in names(results):
        values = [run.parameters[name] for run in runs if name in run.parameters]
        distinct = {identity(value): value for value in values}
        missing = len(values) < len(runs)
        if len(distinct) + missing > 1 and distinct:
            found.append(_axis(name, list(distinct.values()), written.get(name, {})))
    return found


def _axis(name: str, distinct: list[JsonValue], entry: Json) -> Axis:
    numbers = [value for value in distinct if is_number(value)]
    whole = len(numbers) == len(distinct)
    listed = "values" in entry and len(distinct) <= MOST_CATEGORIES
    if whole and not listed:
        log = entry.get("distribution") in LOGARITHMIC and min(numbers) > 0
        return Axis(name, log, None, {})
    if whole:
        ordered: list[JsonValue] = [*sorted(numbers)]
    else:
        rank = {identity(value): place for place, value in enumerate(entry.get("values") or ())}
        ordered = sorted(distinct, key=lambda value: rank.get(identity(value), len(rank)))
    texts = all(isinstance(value, str) for value in distinct)
    return Axis(
        name,
        log=False,
        categories=[text_of(v) if texts or not isinstance(v, str) else f'"{v}"' for v in ordered],
        positions={identity(value): place for place, value in enumerate(ordered)},
    )


def most_telling(found: Sequence[Axis], weights: Mapping[str, float]) -> list[Axis]:
    """As many of them as can be shown, those that matter most first."""
    ordered = sorted(found, key=lambda axis: -weights.get(axis.name, 0.0))
    return ordered[:MOST_SHOWN]


def left_out(found: Sequence[Axis]) -> list[str]:
    """A sentence where not all can be shown."""
    if len(found) <= MOST_SHOWN:
        return []
    return [f"Shown are {MOST_SHOWN} of {len(found)} parameters: those that matter most."]


def is_number(value: JsonValue) -> TypeGuard[int | float]:
    """Not true or false, which Python has for numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool)
