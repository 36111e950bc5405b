"""All parameters at once: a line for each run, through its parameters to its value."""

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import Any, Final

from sweep_operator.report.axes import Axis, left_out
from sweep_operator.report.figure import BEST, FAINT, Figure, Section, spread
from sweep_operator.report.results import Results, Scored
from sweep_operator.report.words import LONGEST_LABEL, number, ordinal, several

MOST_LINES: Final = 1_000
BEST_LINES: Final = 100
TITLE: Final = "Parallel coordinates"


def section(results: Results, axes: Sequence[Axis], shown: Sequence[Axis]) -> Section:
    """Parallel coordinates of the points that have a value.

    Args:
        results: the sweep.
        axes: all parameters that differ.
        shown: those of them that fit.
    """
    if results.metric is None:
        return Section("parallel", TITLE, ["There are none without a metric."])
    if not results.scored or not axes:
        sentence = "It takes runs with a value, and parameters that differ between them."
        return Section("parallel", TITLE, [sentence])
    lines, chosen = best_and_even(results)
    how = (
        f"A line is a {results.thing}; the better, the stronger its colour. Drag along an axis to "
        "pick some, drag its name to move it."
    )
    sentences = [
        how,
        *([chosen] if chosen else []),
        *left_out(axes),
    ]
    dimensions = [_dimension(axis, lines) for axis in shown]
    dimensions.append(_objective(results, lines))
    losses = sorted(results.loss(each.value) for each in lines)
    worst = losses[min(len(losses) - 1, len(losses) * 9 // 10)]
    trace = {
        "type": "parcoords",
        "dimensions": dimensions,
        "labelangle": -20 if len(dimensions) > 8 else 0,
        "line": {
            "color": [results.loss(each.value) for each in lines],
            "cmin": losses[0],
            "cmax": worst if worst > losses[0] else losses[0] + 1,
            "colorscale": [[0, BEST], [0.5, "#c9a58f"], [1, FAINT]],
        },
    }
    layout = {"margin": {"l": 70, "r": 70, "t": 90 if len(dimensions) > 8 else 60, "b": 30}}
    told = f"The parameters of {several(len(lines), results.thing)} and their {results.metric}."
    figure = Figure(told, [trace], layout, height=420, min_width=110 * len(dimensions))
    return Section("parallel", TITLE, sentences, [figure])


def best_and_even(results: Results) -> tuple[list[Scored], str]:
    """At most so many lines: the best and every so manieth of the others, the best drawn last."""
    ordered = sorted(results.scored, key=lambda each: results.loss(each.value))
    if len(ordered) <= MOST_LINES:
        return ordered[::-1], ""
    best, others = ordered[:BEST_LINES], sorted(ordered[BEST_LINES:])
    step = -(-len(others) // (MOST_LINES - BEST_LINES))
    sentence = (
        f"Shown are the best {BEST_LINES} and every {ordinal(step)} of the others, of "
        f"{several(len(ordered), results.thing)} with a value."
    )
    return [*others[::step], *best[::-1]], sentence


def _dimension(axis: Axis, lines: Sequence[Scored]) -> dict[str, Any]:
    found = [
        axis.place(each.run.parameters[axis.name]) if axis.name in each.run.parameters else None
        for each in lines
    ]
    if axis.log:
        found = [None if place is None else log10(place) for place in found]
    there = [place for place in found if place is not None]
    dimension = {"label": _short(axis.name)}
    return dimension | _line(found, there, axis)


def _line(found: Sequence[float | None], there: Sequence[float], axis: Axis) -> dict[str, Any]:
    low, high = (min(there), max(there)) if there else (0.0, 0.0)
    ticks: dict[float, str]
    if axis.categories is not None:
        low, high = 0.0, len(axis.categories) - 1.0
        ticks = {float(place): _short(text) for place, text in enumerate(axis.categories)}
    elif axis.log:
        ticks = _log_ticks(low, high)
    else:
        places = (low + (high - low) * part / 4 for part in range(5))
        ticks = {place: f"{place:.3g}" for place in places}
    missing = low - max((high - low) * 0.12, 0.5 if axis.categories is not None else 1e-9)
    absent = len(there) < len(found)
    if absent:
        ticks = {missing: "none"} | ticks
    return {
        "values": [missing if place is None else place for place in found],
        "range": [missing if absent else low, high if high > low or absent else low + 1],
        "tickvals": list(ticks),
        "ticktext": list(ticks.values()),
    }


def _log_ticks(low: float, high: float) -> dict[float, str]:
    decades = range(ceil(low - 1e-9), floor(high + 1e-9) + 1)
    ends = [end for end in (low, high) if all(abs(end - decade) > 0.25 for decade in decades)]
    return {place: f"{10**place:.3g}" for place in sorted([*decades, *ends])}


def _objective(results: Results, lines: Sequence[Scored]) -> dict[str, Any]:
    values = [each.value for each in lines]
    label = _short(results.metric or "")
    if spread(values) == "log":
        places = [log10(value) for value in values]
        ticks = _log_ticks(min(places), max(places))
        return {
            "label": label,
            "values": places,
            "tickvals": list(ticks),
            "ticktext": list(ticks.values()),
        }
    return {"label": label, "values": values}


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL // 2 else f"{text[: LONGEST_LABEL // 2 - 1]}…"
