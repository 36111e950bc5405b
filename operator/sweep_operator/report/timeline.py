"""Which run ran when: a bar for each attempt."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from sweep_operator.api.run import RunPhase
from sweep_operator.effects.observe import time_of
from sweep_operator.report.figure import COLORS, FAINT, Figure, Section, Trace, sample
from sweep_operator.report.results import Json, Results, Run
from sweep_operator.report.words import duration, label, moment, several

MOST_RUNS: Final = 500
ROW: Final = 14
"""Pixels of a run, as long as there is room."""


class Bar(NamedTuple):
    """An attempt that has started."""

    run: Run
    attempt: Json
    start: float
    end: float
    outcome: RunPhase
    """Running as long as it has none."""


def section(results: Results) -> Section:
    """The timeline of the attempts."""
    started = [run for run in results.runs if any(_bars(run, results.now))]
    if not started:
        return Section("timeline", "Timeline", ["No run has started yet."])
    kept = sample(started, MOST_RUNS, "runs that have started")
    bars = [bar for run in kept.kept for bar in _bars(run, results.now)]
    lost = sum(run.facts.preemptions for run in results.runs)
    crashed = (
        f"{several(lost, 'attempt')} lost {'its' if lost == 1 else 'their'} node or pod; such runs "
        "are run again."
        if lost
        else "No attempt lost its node or pod."
    )
    sentences = [f"A bar is an attempt, coloured by its outcome. {crashed}"]
    sentences += [kept.sentence] if kept.sentence else []
    traces = [*_waits(bars), *_attempts(bars, kept.step), *_preemptions(bars)]
    told = f"{several(len(bars), 'attempt')} of {several(len(kept.kept), 'run')} over time."
    height = 110 + min(max(ROW * len(kept.kept), 120), 700)
    figure = Figure(told, traces, _layout(kept.kept), height)
    return Section("timeline", "Timeline", sentences, [figure])


def _bars(run: Run, now: float) -> Iterator[Bar]:
    for attempt in run.status.get("attempts") or ():
        start, end = time_of(attempt.get("started")), time_of(attempt.get("finished"))
        if start is not None:
            outcome = RunPhase(attempt.get("outcome", RunPhase.RUNNING))
            yield Bar(run, attempt, start, max(now if end is None else end, start), outcome)


def _attempts(bars: Sequence[Bar], step: int) -> Iterator[Trace]:
    for outcome in RunPhase:
        of = [bar for bar in bars if bar.outcome is outcome]
        if of:
            yield {
                "type": "bar",
                "orientation": "h",
                "name": _NAMES.get(outcome, outcome.value),
                "base": [_time(bar.start) for bar in of],
                "x": [(bar.end - bar.start) * 1000 for bar in of],
                "y": [bar.run.number for bar in of],
                "width": 0.7 * step,
                "marker": {"color": COLORS[outcome]},
                "text": [_told(bar) for bar in of],
                "textposition": "none",
                "hoverinfo": "text",
            }


_NAMES: Final = {RunPhase.CRASHED: "Crashed (preempted, or the like)"}


def _told(bar: Bar) -> str:
    attempt = bar.attempt
    lines = [
        f"Run {bar.run.number}, attempt {attempt['number']}: {bar.outcome.value}",
        label(attempt.get("reason") or ""),
        f"{moment(bar.start)}, {duration(bar.end - bar.start)}",
        f"on {label(attempt['node'])}" if attempt.get("node") else "",
    ]
    return "<br>".join(filter(None, lines))


def _waits(bars: Sequence[Bar]) -> Iterator[Trace]:
    """A line from the end of each attempt to the start of the next."""
    x: list[str | None] = []
    y: list[int | None] = []
    for before, after in pairwise(bars):
        if before.run is after.run:
            x += [_time(before.end), _time(after.start), None]
            y += [before.run.number, before.run.number, None]
    if x:
        line = {"color": FAINT, "width": 1, "dash": "dot"}
        yield {
            "type": "scatter",
            "mode": "lines",
            "name": "waits for its next attempt",
            "x": x,
            "y": y,
            "line": line,
            "hoverinfo": "skip",
        }


def _preemptions(bars: Sequence[Bar]) -> Iterator[Trace]:
    """A mark where an attempt was pushed out: its bar may be too short to see."""
    of = [bar for bar in bars if bar.outcome is RunPhase.CRASHED]
    if of:
        yield {
            "type": "scatter",
            "mode": "markers",
            "showlegend": False,
            "x": [_time(bar.end) for bar in of],
            "y": [bar.run.number for bar in of],
            "marker": {"color": COLORS[RunPhase.CRASHED], "symbol": "line-ns-open", "size": 8},
            "text": [_told(bar) for bar in of],
            "hoverinfo": "text",
        }


def _time(seconds: float) -> str:
    return moment(seconds).removesuffix(" UTC")


def _layout(runs: Sequence[Run]) -> dict[str, Any]:
    few = {"dtick": 1} if len(runs) < 15 else {}
    return {
        "barmode": "overlay",
        "xaxis": {"type": "date", "title": {"text": "time (UTC)"}},
        "yaxis": {
            "title": {"text": "run"},
            "range": [runs[-1].number + 0.8, runs[0].number - 0.8],
            "zeroline": False,
            "tickformat": "d",
            **few,
        },
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hovermode": "closest",
    }
