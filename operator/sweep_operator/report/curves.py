"""What programs reported on their way: a line for each run."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sweep_operator.api.run import RunPhase
from sweep_operator.report.figure import BEST, COLORS, Figure, Section, Trace, sample, spread
from sweep_operator.report.results import Results, Run
from sweep_operator.report.words import label, several

MOST_RUNS: Final = 100
MOST_METRICS: Final = 6
FEW_POINTS: Final = 10
"""Of a line: a single one is no line at all without its dot."""


def section(results: Results) -> Section | None:
    """Learning curves; None where nothing was reported on the way."""
    with_history = [run for run in results.runs if run.status.get("history")]
    if not with_history:
        return None
    metrics = _metrics(results, with_history)
    kept = sample(with_history, MOST_RUNS, "runs with a history")
    runs = kept.kept
    if results.best in with_history and results.best not in runs:
        runs.append(results.best)
    sentences = ["A line is a run, coloured by its status; the best run's is the strong one."]
    if kept.sentence:
        sentences.append(f"{kept.sentence} The best is there in any case.")
    if len(metrics) > MOST_METRICS:
        sentences.append(f"Shown are {MOST_METRICS} of {len(metrics)} metrics.")
    figures = [_figure(results, metric, runs) for metric in metrics[:MOST_METRICS]]
    return Section("curves", "Learning curves", sentences, figures)


def _metrics(results: Results, runs: Sequence[Run]) -> list[str]:
    """The sweep's own first, then those that most runs have."""
    count = Counter(
        name
        for run in runs
        for name in {name for point in run.status["history"] for name in point.get("metrics", {})}
    )
    return sorted(count, key=lambda name: (name != results.metric, -count[name], name))


def _figure(results: Results, metric: str, runs: Sequence[Run]) -> Figure:
    traces = list(_lines(results, metric, runs))
    values = [value for trace in traces for value in trace["y"] if value is not None]
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": "step"}, "zeroline": False},
        "yaxis": {"title": {"text": label(metric)}, "type": spread(values), "zeroline": False},
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        "hovermode": "closest",
    }
    told = f"{metric} by step, of {several(len(runs), 'run')}."
    return Figure(told, traces, layout, height=320, small=True)


def _lines(results: Results, metric: str, runs: Sequence[Run]) -> Iterator[Trace]:
    for phase in RunPhase:
        of = [run for run in runs if run.phase is phase and run is not results.best]
        style = {"color": COLORS[phase], "width": 1.2}
        yield from _trace(phase.value, metric, of, {"line": style, "opacity": 0.7})
    if results.best in runs and results.best is not None:
        strong = {"line": {"color": BEST, "width": 2.5}}
        yield from _trace("best run", metric, [results.best], strong)


def _trace(name: str, metric: str, runs: Sequence[Run], style: Trace) -> Iterator[Trace]:
    """One trace for many lines, with gaps between them: hundreds of traces are slow to draw."""
    x: list[int | None] = []
    y: list[float | None] = []
    of: list[int] = []
    few = True
    for run in runs:
        points = [
            (point["step"], point["metrics"][metric])
            for point in run.status["history"]
            if metric in point.get("metrics", {})
        ]
        few = few and len(points) <= FEW_POINTS
        x += [*(step for step, _ in points), None]
        y += [*(value for _, value in points), None]
        of += [run.number] * (len(points) + 1)
    if any(value is not None for value in y):
        yield {
            "type": "scatter",
            "mode": "lines+markers" if few else "lines",
            "marker": {"size": 4},
            "name": name,
            "x": x,
            "y": y,
            "customdata": of,
            "hovertemplate": "Run %{customdata}, step %{x}: %{y}<extra></extra>",
            **style,
        }
