"""All parameters at once: a line for each run, through its parameters to its value.

Drawn as lines of an ordinary plot: plotly's own kind takes WebGL, and a script that makes scripts,
which the page's policy forbids.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor, log10
from typing import Any, Final, NamedTuple

from sweep_operator.api.run import RunPhase
from sweep_operator.report.axes import Axis, left_out
from sweep_operator.report.figure import BEST, COLORS, FAINT, Figure, Section, Trace, spread
from sweep_operator.report.results import Results, Scored
from sweep_operator.report.words import label, number, ordinal, several

MOST_LINES: Final = 1_000
BEST_LINES: Final = 100
MANY: Final = 200
"""Lines that are thinner then."""
MOST_TICKS: Final = 12
TITLE: Final = "Parallel coordinates"

ABSENT: Final = -0.14
"""Where a line passes that hasn't this parameter: below all that have, which are from 0 to 1."""


class Scale(NamedTuple):
    """An upright axis."""

    name: str
    places: Sequence[float | None]
    """Where each line passes, from 0 to 1; None for a line that hasn't this parameter."""
    ticks: Mapping[float, str]


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
    scales = [_scale(axis, lines) for axis in shown] + [_objective(results, lines)]
    plural = f"{results.thing}s"
    first = lines[:1]
    groups = {
        f"best {results.thing}": (first, BEST, 3.0, 1.0),
        "best tenth": (lines[1 : -(-len(lines) // 10)], BEST, 1.4, 0.8),
        "best half": (
            lines[-(-len(lines) // 10) : len(lines) // 2],
            COLORS[RunPhase.FINISHED],
            1.1,
            0.5,
        ),
        f"other {plural}": (lines[max(len(lines) // 2, 1) :], FAINT, 1.0, 0.45),
    }
    traces = [
        {
            **_trace(results, of, lines, scales),
            "name": name,
            "line": {"color": color, "width": width if len(lines) <= MANY or of is first else 0.6},
            "opacity": opacity,
        }
        for name, (of, color, width, opacity) in reversed(groups.items())
        if of
    ]
    how = (
        f"A line is a {results.thing}. A click on a name below the plot hides those lines, or "
        "shows them again."
    )
    sentences = [how, *([chosen] if chosen else []), *left_out(axes)]
    told = f"The parameters of {several(len(lines), results.thing)} and their {results.metric}."
    figure = Figure(told, traces, _layout(scales), height=440, min_width=105 * len(scales))
    return Section("parallel", TITLE, sentences, [figure])


def best_and_even(results: Results) -> tuple[list[Scored], str]:
    """The best and every so manieth of the others, the best first, and how they were chosen."""
    ordered = sorted(results.scored, key=lambda each: (not each.counts, results.loss(each.value)))
    if len(ordered) <= MOST_LINES:
        return ordered, ""
    best, others = ordered[:BEST_LINES], ordered[BEST_LINES:]
    step = -(-len(others) // (MOST_LINES - BEST_LINES))
    sentence = (
        f"Shown are the best {BEST_LINES} and every {ordinal(step)} of the others, of "
        f"{several(len(ordered), results.thing)} with a value."
    )
    return [*best, *others[::step]], sentence


def _scale(axis: Axis, lines: Sequence[Scored]) -> Scale:
    found = [
        axis.place(each.run.parameters[axis.name]) if axis.name in each.run.parameters else None
        for each in lines
    ]
    if axis.categories is not None:
        ticks = {float(place): text for place, text in enumerate(axis.categories)}
        return _from_0_to_1(axis.name, found, ticks)
    return _numbers(axis.name, found, log=axis.log)


def _objective(results: Results, lines: Sequence[Scored]) -> Scale:
    values = [each.value for each in lines]
    return _numbers(results.metric or "", values, log=spread(values) == "log")


def _numbers(name: str, found: Sequence[float | None], *, log: bool) -> Scale:
    if log:
        found = [None if place is None else log10(place) for place in found]
    there = [place for place in found if place is not None]
    low, high = (min(there), max(there)) if there else (0.0, 0.0)
    if log:
        return _from_0_to_1(name, found, _log_ticks(low, high))
    places = (low + (high - low) * part / 4 for part in range(5))
    return _from_0_to_1(name, found, {place: f"{place:.3g}" for place in places})


def _from_0_to_1(name: str, found: Sequence[float | None], ticks: Mapping[float, str]) -> Scale:
    there = [*(place for place in found if place is not None), *ticks]
    low, high = (min(there), max(there)) if there else (0.0, 1.0)

    def moved(place: float) -> float:
        return (place - low) / (high - low) if high > low else 0.5

    step = -(-len(ticks) // MOST_TICKS)
    return Scale(
        name,
        [None if place is None else moved(place) for place in found],
        {moved(place): text for place, text in list(ticks.items())[:: step or 1]},
    )


def _log_ticks(low: float, high: float) -> dict[float, str]:
    decades = range(ceil(low - 1e-9), floor(high + 1e-9) + 1)
    ends = [end for end in (low, high) if all(abs(end - decade) > 0.25 for decade in decades)]
    return {place: f"{10**place:.3g}" for place in sorted({*map(float, decades), *ends})}


def _trace(
    results: Results, of: Sequence[Scored], lines: Sequence[Scored], scales: Sequence[Scale]
) -> Trace:
    """One trace for many lines, with gaps between them: hundreds of traces are slow to draw."""
    index = {each.number: place for place, each in enumerate(lines)}
    x: list[int | None] = []
    y: list[float | None] = []
    of_line: list[str] = []
    for each in of:
        for place, scale in enumerate(scales):
            found = scale.places[index[each.number]]
            x.append(place)
            y.append(ABSENT if found is None else round(found, 4))
        x.append(None)
        y.append(None)
        told = f"{results.thing.capitalize()} {each.number}: {number(each.value)}"
        of_line += [told] * (len(scales) + 1)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "text": of_line,
        "hoverinfo": "text",
    }


def _layout(scales: Sequence[Scale]) -> dict[str, Any]:
    places = list(range(len(scales)))
    return {
        "xaxis": {
            "tickvals": places,
            "ticktext": [label(scale.name) for scale in scales],
            "range": [-0.3, len(scales) - 0.6],
            "side": "top",
            "showgrid": False,
            "zeroline": False,
            "autotickangles": [0, -20],
            "fixedrange": True,
        },
        "yaxis": {"range": [-0.22, 1.06], "visible": False, "fixedrange": True},
        "shapes": [
            {
                "type": "line",
                "x0": place,
                "x1": place,
                "y0": 0,
                "y1": 1,
                "line": {"color": FAINT, "width": 1},
            }
            for place in places
        ],
        "annotations": list(_ticks(scales)),
        "legend": {"orientation": "h", "y": 0, "yanchor": "top", "x": 0},
        "hovermode": "closest",
        "margin": {"l": 30, "r": 60, "t": 40, "b": 30},
    }


def _ticks(scales: Sequence[Scale]) -> Iterator[dict[str, Any]]:
    for place, scale in enumerate(scales):
        ticks = dict(scale.ticks)
        if None in scale.places:
            ticks[ABSENT] = "not there"
        for at, text in ticks.items():
            yield {"x": place, "y": at, "text": label(text), "xanchor": "left", "xshift": 4}
