"""The page: everything in one file, which asks nothing of any host and lets no other script run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sweep_operator.report import curves, history, importances, parallel, slices, timeline
from sweep_operator.report.assets import hash_of, own, plotly_js
from sweep_operator.report.axes import axes, most_telling
from sweep_operator.report.figure import Figure, Section
from sweep_operator.report.head import head
from sweep_operator.report.markup import Markup, element, joined, json_text, raw
from sweep_operator.report.results import Results
from sweep_operator.report.table import table
from sweep_operator.report.words import moment

Json = Mapping[str, Any]


def page(sweep: Json, runs: Sequence[Json], now: float) -> str:
    """Make the HTML page of a sweep.

    Args:
        sweep: the Sweep, as the API server gives it.
        runs: its SweepRuns, in any order; some may be missing, and then the page says so.
        now: seconds since the epoch when they were read.
    """
    results = Results.of(sweep, runs, now)
    found = list(sections(results))
    scripts = [plotly_js(), own("report.js")]
    figures = [figure for section in found for figure in section.figures]
    body = element(
        "body",
        element("main", head(results), _contents(found), _all(found), _runs(results)),
        element("footer", f"Made by kubectl sweep report at {moment(now)}."),
        raw(
            "script",
            json_text([{"data": each.data, "layout": each.layout} for each in figures]),
            type="application/json",
            id="figures",
        ),
        [raw("script", script) for script in scripts],
    )
    return f"<!doctype html>\n{element('html', _meta(results, scripts), body, lang='en')}\n"


def sections(results: Results) -> Iterator[Section]:
    """The plots, as far as there are any, and why there are none."""
    differing = axes(results, [each.run for each in results.scored])
    rated = importances.importances(results, differing)
    shown = most_telling(differing, rated.weights)
    yield history.section(results)
    yield parallel.section(results, differing, shown)
    yield importances.section(rated)
    yield slices.section(results, differing, shown)
    if (learning := curves.section(results)) is not None:
        yield learning
    yield timeline.section(results)


def _meta(results: Results, scripts: Sequence[str]) -> Markup:
    """What a browser must know; first of all that there is nothing to be fetched."""
    policy = {
        "default-src": "'none'",
        "script-src": " ".join(map(hash_of, scripts)),
        "style-src": "'unsafe-inline'",
        "img-src": "data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    content = "; ".join(f"{name} {value}" for name, value in policy.items())
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=content),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"Sweep {results.name}"),
        raw("style", own("report.css")),
    )


def _contents(found: Sequence[Section]) -> Markup:
    links = [element("a", each.title, href=f"#{each.id}") for each in found]
    links.append(element("a", "Runs", href="#all-runs"))
    return element("nav", links, aria_label="Sections")


def _all(found: Sequence[Section]) -> Markup:
    places = iter(range(sum(len(each.figures) for each in found)))
    return joined(
        element("noscript", element("p", "The plots need JavaScript; the table of runs doesn't.")),
        [
            element(
                "section",
                element("h2", each.title, id=each.id),
                [element("p", sentence) for sentence in each.sentences],
                _figures([(next(places), figure) for figure in each.figures]),
            )
            for each in found
        ],
    )


def _figures(numbered: Sequence[tuple[int, Figure]]) -> Markup:
    plots = [_plot(place, figure) for place, figure in numbered]
    small = any(figure.small for _, figure in numbered)
    return element("div", plots, class_="plots small" if small else "plots") if plots else joined()


def _plot(place: int, figure: Figure) -> Markup:
    width = f"min-width: {figure.min_width}px; " if figure.min_width else ""
    return element(
        "figure",
        element(
            "div",
            class_="plot",
            role="img",
            aria_label=figure.label,
            data_figure=place,
            style=f"{width}height: {figure.height}px",
        ),
    )


def _runs(results: Results) -> Markup:
    return element("section", element("h2", "Runs", id="all-runs"), table(results))
