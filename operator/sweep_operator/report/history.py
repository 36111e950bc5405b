"""How the search went: the value of each run by its number, and the best so far."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sweep_operator.api.run import RunPhase
from sweep_operator.planning.metrics import better
from sweep_operator.report.figure import (
    BEST,
    COLORS,
    FAINT,
    SYMBOLS,
    Figure,
    Section,
    Trace,
    sample,
    spread,
)
from sweep_operator.report.results import Results, Run, Scored
from sweep_operator.report.words import label, number, several

MOST_SHOWN: Final = 2_000
MANY: Final = 200
"""Marks that are smaller then."""


def section(results: Results) -> Section:
    """The objective's history."""
    title = "History"
    if results.metric is None:
        sentence = "The sweep has no metric, so no run is better than another."
        return Section("history", title, [sentence])
    if not results.runs:
        return Section("history", title, ["There are no runs yet."])
    values = sample(results.scored, MOST_SHOWN, f"{results.thing}s with a value")
    without = sample(list(_without_value(results)), MOST_SHOWN, "runs without a value")
    sentences = [_what_it_shows(results, bool(without.kept))]
    sentences += [each.sentence for each in (values, without) if each.sentence]
    if values.sentence:
        sentences.append("The best-so-far line is of all of them.")
    traces = [
        *_repeats(results, values.kept),
        *_values(results, values.kept),
        *_best_so_far(results),
        *_marks(results, without.kept),
    ]
    told = f"{results.metric} of {several(len(results.scored), results.thing)} by number."
    return Section(
        "history", title, sentences, [Figure(told, traces, _layout(results), height=420)]
    )


def _what_it_shows(results: Results, without: bool) -> str:
    if results.repeats > 1:
        told = (
            f"Each point is run {results.repeats} times: its mean counts once all of them have "
            "ended, the small dots are its runs."
        )
    else:
        told = "The value of each run, and the best so far."
    return f"{told} Runs without a value are marked at the bottom." if without else told


def _without_value(results: Results) -> Iterator[Run]:
    shown = {each.number for each in results.scored}
    for run in results.runs:
        counted = (
            results.point_of(run) in shown if results.repeats == 1 else _value(run) is not None
        )
        if not counted:
            yield run


def _value(run: Run) -> float | None:
    return run.facts.value if run.phase is RunPhase.FINISHED else None


def _repeats(results: Results, kept: Sequence[Scored]) -> Iterator[Trace]:
    if results.repeats == 1:
        return
    runs = [
        run
        for point in kept
        for each in results.ledger.yardstick.numbers(point.number)
        if (run := results.by_number.get(each)) is not None and _value(run) is not None
    ]
    settled = {each.number for each in results.scored}
    runs += [
        run
        for run in results.runs
        if results.point_of(run) not in settled and _value(run) is not None
    ]
    yield {
        "type": "scatter",
        "mode": "markers",
        "name": "a run",
        "x": [results.point_of(run) for run in runs],
        "y": [_value(run) for run in runs],
        "marker": {"color": FAINT, "size": 4},
        "text": [f"Run {run.number}: {number(run.facts.value or 0)}" for run in runs],
        "hoverinfo": "text",
    }


def _values(results: Results, kept: Sequence[Scored]) -> Iterator[Trace]:
    mean = "mean of a point" if results.repeats > 1 else "value"
    size = 7 if len(kept) <= MANY else 5
    groups = (
        (True, mean, {"color": COLORS[RunPhase.FINISHED], "size": size, "opacity": 0.75}),
        (
            False,
            "stopped early: its best on the way",
            {"color": COLORS[RunPhase.KILLED], "size": size, "symbol": "diamond-open"},
        ),
    )
    for counts, name, marker in groups:
        of = [each for each in kept if each.counts is counts]
        if of:
            yield {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": [each.number for each in of],
                "y": [each.value for each in of],
                "marker": marker,
                "text": [
                    f"{results.thing.capitalize()} {each.number}: {number(each.value)}"
                    for each in of
                ],
                "hoverinfo": "text",
            }


def improvements(results: Results) -> list[Scored]:
    """The points that were better than all before, by number."""
    found: list[Scored] = []
    for each in results.scored:
        if each.counts and better(results.goal, each.value, found[-1].value if found else None):
            found.append(each)
    return found


def _best_so_far(results: Results) -> Iterator[Trace]:
    steps = improvements(results)
    if not steps:
        return
    last = results.point_of(results.runs[-1])
    yield {
        "type": "scatter",
        "mode": "lines",
        "name": "best so far",
        "x": [*(each.number for each in steps), last],
        "y": [*(each.value for each in steps), steps[-1].value],
        "line": {"color": BEST, "width": 2, "shape": "hv"},
        "hoverinfo": "skip",
    }
    yield {
        "type": "scatter",
        "mode": "markers",
        "name": "best",
        "x": [steps[-1].number],
        "y": [steps[-1].value],
        "marker": {"color": BEST, "size": 12, "symbol": "star"},
        "text": [f"Best: {results.thing} {steps[-1].number}, {number(steps[-1].value)}"],
        "hoverinfo": "text",
    }


def _marks(results: Results, kept: Sequence[Run]) -> Iterator[Trace]:
    size = 8 if len(kept) <= MANY else 4
    for phase in RunPhase:
        of = [run for run in kept if run.phase is phase]
        if of:
            yield {
                "type": "scatter",
                "mode": "markers",
                "name": "Finished, no value" if phase is RunPhase.FINISHED else phase.value,
                "x": [results.point_of(run) for run in of],
                "y": [0] * len(of),
                "yaxis": "y2",
                "marker": {"color": COLORS[phase], "symbol": SYMBOLS[phase], "size": size},
                "text": [
                    f"Run {run.number}: {phase.value} {label(run.facts.reason)}".strip()
                    for run in of
                ],
                "hoverinfo": "text",
            }


def _layout(results: Results) -> dict[str, Any]:
    scale = spread([each.value for each in results.scored])
    last = results.point_of(results.runs[-1])
    pad = max(0.6, last * 0.015)
    return {
        "xaxis": {
            "title": {"text": results.thing},
            "range": [1 - pad, last + pad],
            "zeroline": False,
            "anchor": "y2",
            "tickformat": "d",
            **({"dtick": 1} if last < 10 else {}),
        },
        "yaxis": {
            "title": {"text": label(results.metric or "")},
            "domain": [0.13, 1],
            "type": scale,
            "zeroline": False,
        },
        "yaxis2": {
            "domain": [0, 0.09],
            "range": [-1, 1],
            "showticklabels": False,
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hovermode": "closest",
    }
