"""The table of all runs. Each number stands there as recorded, in its `data` element."""

from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import JsonValue

from sweep_operator.report.axes import entries, is_number, names
from sweep_operator.report.markup import Markup, element
from sweep_operator.report.results import Results, Run
from sweep_operator.report.words import duration, moment, number, several, text_of

LONGEST_MESSAGE: Final = 240
LONGEST_TEXT: Final = 80


def table(results: Results) -> Markup:
    """All runs, by number; a click on a column's name sorts by it."""
    if not results.runs:
        return element("p", "There are no runs yet.")
    parameters = names(results)
    heads = [_head("Run")]
    heads += [_head("Point", "number")] if results.repeats > 1 else []
    heads += [_head("Status"), _head("Reason")]
    heads += [_head(results.metric, "number")] if results.metric is not None else []
    heads += [_head(name, f"parameter{_alignment(results, name)}") for name in parameters]
    heads += [_head("Attempts", "number"), _head("Preemptions", "number")]
    heads += [_head("Started"), _head("Duration", "number")]
    caption = element(
        "caption",
        f"{several(len(results.runs), 'run')} as of {moment(results.now)}. ",
        "A click on a column's name sorts by it.",
        _constants(results),
    )
    return element(
        "div",
        element(
            "table",
            caption,
            element("thead", element("tr", heads)),
            element("tbody", [_row(results, run, parameters) for run in results.runs]),
            id="runs",
        ),
        class_="scroll",
        tabindex=0,
        role="region",
        aria_label="Table of all runs",
    )


def _constants(results: Results) -> str:
    told = [
        f"{name} = {_short(text_of(entry['value']))}"
        for name, entry in sorted(entries(results.spec).items())
        if "value" in entry
    ]
    return f" The same in all runs: {', '.join(told)}." if told else ""


def _head(name: str, class_: str | None = None) -> Markup:
    return element("th", element("button", name, type="button"), scope="col", class_=class_)


def _alignment(results: Results, name: str) -> str:
    """Numbers stand on the right, and so does what is above nothing else."""
    values = (run.parameters[name] for run in results.runs if name in run.parameters)
    return " number" if all(map(is_number, values)) else ""


def _row(results: Results, run: Run, parameters: Sequence[str]) -> Markup:
    best = results.best is run
    return element(
        "tr",
        list(_cells(results, run, parameters)),
        id=f"run-{run.number}",
        class_="best" if best else None,
    )


def _cells(results: Results, run: Run, parameters: Sequence[str]) -> Iterator[Markup]:
    status = run.status
    yield element("th", _data(run.number), scope="row")
    if results.repeats > 1:
        yield _number(results.point_of(run))
    yield element(
        "td", element("span", run.phase.value, class_="badge", data_phase=run.phase.value)
    )
    yield element("td", status.get("reason") or "", _message(run), class_="reason")
    if results.metric is not None:
        yield _number(status.get("value"))
    for name in parameters:
        yield _value(run.parameters[name]) if name in run.parameters else element("td", "")
    yield _number(status.get("attemptsMade", 0))
    yield _number(status.get("preemptions", 0))
    started = status.get("startTime")
    yield element("td", element("time", started, datetime=started) if started else "")
    seconds = run.seconds(results.now)
    yield (
        element("td", "")
        if seconds is None
        else element(
            "td", element("data", duration(seconds), value=round(seconds)), class_="number"
        )
    )


def _message(run: Run) -> Markup | str:
    message = run.status.get("message")
    return element("small", _short(message, LONGEST_MESSAGE), title=message) if message else ""


def _value(value: JsonValue) -> Markup:
    if is_number(value):
        return _number(value)
    text = text_of(value)
    return element("td", _short(text), title=text if len(text) > LONGEST_TEXT else None)


def _number(value: float | None) -> Markup:
    return element("td", "" if value is None else _data(value), class_="number")


def _data(value: float) -> Markup:
    shown, exact = number(value), repr(value)
    return element("data", shown, value=exact, title=exact if shown != exact else None)


def _short(text: str, most: int = LONGEST_TEXT) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
