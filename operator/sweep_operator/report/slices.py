"""Each parameter alone: the value of each run by what it had for it."""

from collections.abc import Sequence
from typing import Any, Final

from sweep_operator.api.run import RunPhase
from sweep_operator.report.axes import Axis, left_out
from sweep_operator.report.figure import BEST, COLORS, Figure, Section, sample, spread
from sweep_operator.report.results import Results, Scored
from sweep_operator.report.words import label, number, text_of

MOST_POINTS: Final = 1_000
TITLE: Final = "Slices"
GOLDEN: Final = 0.618033988749895


def section(results: Results, axes: Sequence[Axis], shown: Sequence[Axis]) -> Section:
    """A small plot for each parameter."""
    if results.metric is None:
        return Section("slices", TITLE, ["There are none without a metric."])
    if not results.scored or not axes:
        sentence = "It takes runs with a value, and parameters that differ between them."
        return Section("slices", TITLE, [sentence])
    kept = sample(results.scored, MOST_POINTS, f"{results.thing}s with a value")
    sentences = [f"How each parameter alone goes with {results.metric}; the best is the star."]
    sentences += [kept.sentence] if kept.sentence else []
    best = next((e for e in results.scored if e.counts and e.run is results.best), None)
    figures = [_slice(results, axis, kept.kept, best) for axis in shown]
    return Section("slices", TITLE, [*sentences, *left_out(axes)], figures)


def _slice(results: Results, axis: Axis, kept: Sequence[Scored], best: Scored | None) -> Figure:
    there = [each for each in kept if axis.name in each.run.parameters]
    traces = [_dots(axis, there, {"color": COLORS[RunPhase.FINISHED], "size": 6, "opacity": 0.75})]
    if best is not None and axis.name in best.run.parameters:
        traces.append(_dots(axis, [best], {"color": BEST, "size": 12, "symbol": "star"}))
    layout = {
        "xaxis": {"title": {"text": label(axis.name)}, "zeroline": False, **_scale(axis)},
        "yaxis": {
            "title": {"text": label(results.metric or "")},
            "type": spread([each.value for each in results.scored]),
            "zeroline": False,
        },
        "showlegend": False,
        "hovermode": "closest",
    }
    told = f"{results.metric} by {axis.name}, of {len(there)} {results.thing}s."
    return Figure(told, traces, layout, height=280, small=True)


def _scale(axis: Axis) -> dict[str, Any]:
    if axis.categories is None:
        return {"type": "log"} if axis.log else {}
    return {
        "tickvals": list(range(len(axis.categories))),
        "ticktext": [label(each) for each in axis.categories],
        "range": [-0.5, len(axis.categories) - 0.5],
        "showgrid": False,
    }


def _dots(axis: Axis, of: Sequence[Scored], marker: dict[str, Any]) -> dict[str, Any]:
    places = [axis.place(each.run.parameters[axis.name]) for each in of]
    if axis.categories is not None:  # side by side rather than on top of each other
        places = [
            None if place is None else place + 0.4 * (each.number * GOLDEN % 1 - 0.5)
            for place, each in zip(places, of, strict=True)
        ]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": places,
        "y": [each.value for each in of],
        "marker": marker,
        "text": [
            f"Run {each.run.number}: {label(text_of(each.run.parameters[axis.name]))}"
            f" → {number(each.value)}"
            for each in of
        ],
        "hoverinfo": "text",
    }
