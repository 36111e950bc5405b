"""The top of the page: what sweep this is, how far it has come, and what is to be known of it."""

from collections.abc import Iterator
from typing import Final

from sweep_operator.api.run import RunPhase
from sweep_operator.api.sweep import SweepPhase
from sweep_operator.effects.observe import time_of
from sweep_operator.report.markup import Markup, element, joined
from sweep_operator.report.results import Results
from sweep_operator.report.words import duration, moment, number, several, text_of

_NO_TROUBLE: Final = frozenset({"Ready", "Reconciling", "Complete"})
"""Conditions that are good, or no news, when they are true."""


def head(results: Results) -> Markup:
    """The name, the facts and the notes."""
    metadata = results.sweep["metadata"]
    return element(
        "header",
        element("p", "Sweep", class_="kind"),
        element("h1", results.name),
        element("p", f"namespace {metadata.get('namespace') or 'default'}", class_="where"),
        [element("p", note, class_="note", role="note") for note in notes(results)],
        element(
            "dl",
            [
                element("div", element("dt", term), element("dd", told))
                for term, told in _facts(results)
            ],
            class_="facts",
        ),
    )


def notes(results: Results) -> Iterator[str]:
    """What somebody must know who takes the page at its word."""
    yield from _unfinished(results)
    there, told = len(results.runs), sum((results.status.get("runs") or {}).values())
    if there != told and results.status:
        yield (
            f"The Sweep counts {several(told, 'run')}, and the page was made from {there}: what "
            "it says is of those."
        )
    said = set()
    for condition in results.status.get("conditions") or ():
        kind, holds = condition["type"], condition["status"] == "True"
        trouble = holds if kind not in _NO_TROUBLE else kind == "Ready" and not holds
        message = condition.get("message") or condition["reason"]
        if trouble and message not in said:
            said.add(message)
            yield f"{condition['reason']}: {message}"


def _unfinished(results: Results) -> Iterator[str]:
    """That more is to come, or may be."""
    phase = results.status.get("phase")
    if results.status.get("completionTime"):
        return
    ledger = results.ledger
    active = len([n for n in ledger.active if results.by_number[n].phase is RunPhase.RUNNING])
    waiting = ledger.counts[RunPhase.PENDING] + ledger.counts[RunPhase.RUNNING] - active
    rest = f"{several(active, 'run')} running, {waiting} pending"
    when = f"this is how it stood at {moment(results.now)}, with {rest}"
    match phase:
        case SweepPhase.PAUSED:
            yield f"The sweep is paused: {when}. It may go on."
        case SweepPhase.STOPPED | SweepPhase.CANCELLED | SweepPhase.FAILED if active or waiting:
            yield f"The sweep is {phase}, and not all of its runs have ended: {when}."
        case SweepPhase.RUNNING | SweepPhase.CRASHED:
            yield f"The sweep still runs: {when}. What is best may change."
        case None:
            yield f"The operator hasn't seen this sweep yet: {when}."
        case _:
            return


def _facts(results: Results) -> Iterator[tuple[str, str]]:
    spec, status = results.spec, results.status
    sentence = _sentence(results)
    phase = _badge(status.get("phase") or "none yet")
    yield "Status", joined(phase, f". {sentence}" if sentence else "")
    yield "Method", spec["method"]
    if results.metric is None:
        yield "Metric", "none: no run is best"
    else:
        target = (spec["metric"] or {}).get("target")
        told = f", target {number(target)}" if target is not None else ""
        yield "Metric", joined(element("b", results.metric), f", {results.goal}{told}")
    yield "Runs", _counts(results)
    if results.repeats > 1:
        yield "Repeats", f"each point is run {results.repeats} times, and its mean counts"
    if results.metric is not None:
        yield "Best", _best(results)
    yield from _times(results)


def _sentence(results: Results) -> str:
    """Where the sweep stands, in the operator's words."""
    conditions = {each["type"]: each for each in results.status.get("conditions") or ()}
    for kind in ("Complete", "Ready"):
        told = conditions.get(kind)
        if told is not None and told["status"] == "True":
            return str(told.get("message") or "")
    return ""


def _badge(phase: str, told: str | None = None) -> Markup:
    return element("span", told or phase, class_="badge", data_phase=phase)


def _counts(results: Results) -> Markup:
    counts, cap = results.ledger.counts, results.spec.get("runCap")
    total = f"{len(results.runs):,}" + (f" of at most {cap:,}" if cap else "")
    badges = [
        _badge(phase.value, f"{counts[phase]:,} {phase.value}")
        for phase in RunPhase
        if counts[phase]
    ]
    return element("span", total, [joined(" ", each) for each in badges], class_="counts")


def _best(results: Results) -> Markup:
    run, best = results.best, results.ledger.best
    if run is None or best is None:
        return joined("none yet: no run has ended with a value")
    mean = f"mean of {results.thing} {results.point_of(run)}, " if results.repeats > 1 else ""
    return joined(
        element(
            "data",
            number(best.value),
            value=repr(best.value),
            class_="value",
            title=repr(best.value),
        ),
        f" {mean}by ",
        element("a", run.record["metadata"]["name"], href=f"#run-{run.number}"),
        element(
            "ul",
            [
                element("li", element("code", name), " ", element("b", text_of(value)))
                for name, value in sorted(run.parameters.items())
            ],
            class_="parameters",
        ),
    )


def _times(results: Results) -> Iterator[tuple[str, str]]:
    started = time_of(results.status.get("startTime"))
    ended = time_of(results.status.get("completionTime"))
    if started is not None:
        yield "Started", moment(started)
    if ended is not None:
        took = f", after {duration(ended - started)}" if started is not None else ""
        yield "Ended", f"{moment(ended)}{took}"
    elif started is not None:
        yield "Ended", f"not yet, after {duration(max(results.now - started, 0))}"
