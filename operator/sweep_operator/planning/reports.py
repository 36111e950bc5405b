"""What programs report while they run: how it is read, who may, and what is kept of it."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sweep_operator.api.run import MAX_HISTORY, MAX_STREAM, MAX_STREAMS
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.metrics import (
    MAX_METRICS,
    MAX_NAME,
    NON_FINITE,
    Measure,
    better,
    is_name,
)

MAX_REPORTS = 500
"""In one request."""

MAX_STEP = 2**53
"""Beyond it JSON readers don't agree on whole numbers."""

FIELDS = frozenset({"metrics", "step", "final", "preempting", "stream", "sequence"})

Json = Mapping[str, Any]


class ReportError(ValueError):
    """A report that can't be taken; the message says what, where and what to do."""


class ProgramReport(NamedTuple):
    """One report."""

    metrics: dict[str, float]
    """Finite numbers by name."""
    non_finite: dict[str, str]
    step: int | None
    final: bool
    preempting: bool
    stream: str
    """Tells the processes of an attempt apart; empty where they don't."""
    sequence: int | None
    """Its number among those of its stream, by the program's counting."""


class Point(NamedTuple):
    """Metrics at one step."""

    step: int
    metrics: dict[str, float]


def read_reports(body: bytes) -> list[ProgramReport]:
    """Read the body of a request: one report, or an array of them.

    Raises:
        ReportError: for anything else than docs/reporting.md describes.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ReportError(
            f"the body is not JSON ({error}): send an object or an array of them"
        ) from error
    reports = found if isinstance(found, list) else [found]
    if not reports or len(reports) > MAX_REPORTS:
        raise ReportError(f"{len(reports)} reports: send 1 to {MAX_REPORTS} in an array")
    if not isinstance(found, list):
        return [_report(found, "the report")]
    return [_report(each, f"report {index}") for index, each in enumerate(reports)]


def _report(written: object, at: str) -> ProgramReport:
    if not isinstance(written, dict):
        raise ReportError(f'{at} is no object: send {{"metrics": {{"loss": 0.3}}}}')
    if unknown := sorted(written.keys() - FIELDS):
        raise ReportError(
            f"{at} has {unknown[0][:40]!r}: it may have {', '.join(sorted(FIELDS))}; numbers by "
            "name go into metrics"
        )
    metrics, non_finite = _metrics(written.get("metrics", {}), at)
    if not metrics and not non_finite and not written.get("preempting"):
        raise ReportError(f"{at} says nothing: it needs metrics, or preempting: true")
    return ProgramReport(
        metrics,
        non_finite,
        _whole(written.get("step"), f"{at}: step", 0),
        _flag(written.get("final", False), f"{at}: final"),
        _flag(written.get("preempting", False), f"{at}: preempting"),
        _stream(written.get("stream", ""), at),
        _whole(written.get("sequence"), f"{at}: sequence", 1),
    )


def _stream(written: object, at: str) -> str:
    # Half of a surrogate pair is JSON, and can be written nowhere else.
    if not isinstance(written, str) or len(written) > MAX_STREAM or not written.isprintable():
        raise ReportError(f"{at}: stream must be a text of at most {MAX_STREAM} characters")
    return written


def _metrics(written: object, at: str) -> tuple[dict[str, float], dict[str, str]]:
    if not isinstance(written, dict) or len(written) > MAX_METRICS:
        raise ReportError(f"{at}: metrics must be an object of at most {MAX_METRICS} numbers")
    metrics: dict[str, float] = {}
    non_finite: dict[str, str] = {}
    for name, value in written.items():
        if not is_name(name):
            raise ReportError(f"{at}: a metric's name has 1 to {MAX_NAME} printable characters")
        if isinstance(value, str) and value in NON_FINITE:
            non_finite[name] = NON_FINITE[value]
        elif isinstance(value, int | float):
            try:
                number = float(value)
            except OverflowError:  # an integer beyond a double's range
                number = math.inf if value > 0 else -math.inf
            if math.isfinite(number):
                metrics[name] = number
            else:
                non_finite[name] = str(number)
        else:
            raise ReportError(
                f"{at}: {name[:40]!r} must be a number, or one of {', '.join(NON_FINITE)} as a text"
            )
    return metrics, non_finite


def _whole(written: object, at: str, least: int) -> int | None:
    if written is None:
        return None
    if isinstance(written, bool) or not isinstance(written, int):
        raise ReportError(f"{at} must be a whole number")
    if not least <= written <= MAX_STEP:
        raise ReportError(f"{at} must be from {least} to 2^53")
    return written


def _flag(written: object, at: str) -> bool:
    if not isinstance(written, bool):
        raise ReportError(f"{at} must be true or false")
    return written


def may_report(ledger: Ledger, number: int, pod_uid: str) -> bool:
    """Whether a pod speaks for its run: the newest pod of the current attempt alone does.

    An attempt on a lost node may go on after the run has gone on elsewhere, and a Job that was
    suspended and goes on gets another pod.
    """
    run = ledger.runs.get(number)
    if run is None or run.settled:
        return False
    pod = ledger.pod_of(run)
    return pod is not None and pod.uid == pod_uid


class Numbered(NamedTuple):
    """A report with its place in the attempt."""

    step: int
    """As given, or else how many reports of the attempt there are with it."""
    step_given: bool
    metrics: dict[str, float]
    non_finite: dict[str, str]
    final: bool

    @property
    def is_point(self) -> bool:
        """It says how far the run is: a result may be told once more at the end, without a step."""
        return bool(self.metrics) and (self.step_given or not self.final)


def numbered(
    reports: Sequence[ProgramReport], known: Mapping[str, int]
) -> tuple[list[Numbered], dict[str, int]]:
    """Number reports that bear no number, and leave out those that are on record.

    Args:
        reports: in the order of their arrival.
        known: the number of the last report on record, by stream.

    Returns:
        The reports that are news, and the last number of each of the newest streams.
    """
    found: list[Numbered] = []
    streams = dict(known)
    for report in reports:
        last = streams.get(report.stream, 0)
        if report.sequence is not None and report.sequence <= last:
            continue
        streams.pop(report.stream, None)  # it is the newest now
        streams[report.stream] = last + 1 if report.sequence is None else report.sequence
        given = report.step is not None
        step = sum(streams.values()) if report.step is None else report.step
        found.append(Numbered(step, given, report.metrics, report.non_finite, report.final))
    return found, dict(list(streams.items())[-MAX_STREAMS:])


def merged_result(
    status: Json, reports: Sequence[Numbered]
) -> tuple[dict[str, float], dict[str, str]]:
    """The final metrics, finite ones and others, after some more; the last word on each counts."""
    metrics = dict(status.get("metrics") or {})
    non_finite = dict(status.get("nonFinite") or {})
    for report in reports:
        if report.final:
            for name in report.non_finite:
                metrics.pop(name, None)
            for name in report.metrics:
                non_finite.pop(name, None)
            metrics |= report.metrics
            non_finite |= report.non_finite
    return dict(list(metrics.items())[:MAX_METRICS]), dict(list(non_finite.items())[:MAX_METRICS])


def progressed(known: Json, reports: Sequence[Numbered], measure: Measure) -> dict[str, Any] | None:
    """How far a run has come after some more reports; None where it has reported no value yet.

    An iteration is a report of the metric as a finite number. A step that was counted before isn't
    counted again: the program may have gone on from a checkpoint before it.

    Args:
        known: what is on record, empty for nothing.
        reports: in order, none of which is on record.
        measure: what is followed.
    """
    iterations: int = known.get("iterations", 0)
    last_step: int | None = known.get("lastStep")
    best: float | None = known.get("best")
    latest: float | None = known.get("latest")
    kept = list(known.get("brackets") or ())
    for report in reports:
        value = report.metrics.get(measure.metric)
        again = report.step_given and last_step is not None and report.step <= last_step
        if value is None or again or not report.is_point:
            continue
        iterations += 1
        last_step = report.step if report.step_given else last_step
        latest = value
        if better(measure.goal, value, best):
            best = value
        if iterations in measure.brackets:
            kept.append({"iteration": iterations, "value": value})
    if not iterations:
        return None
    found = {
        "iterations": iterations,
        "lastStep": last_step,
        "best": best,
        "latest": latest,
        "brackets": kept,
    }
    return {key: value for key, value in found.items() if value not in (None, [])}


def left_of(history: Sequence[Point], first: Point) -> list[Point]:
    """What an earlier attempt's history is worth once the next one reports.

    A program that goes on from a checkpoint counts on from there: what came before stays.
    """
    return [point for point in history if point.step < first.step]


def extended(history: Sequence[Point], news: Sequence[Point]) -> list[Point]:
    """Put points into a history that stays within MAX_HISTORY.

    A step that comes again replaces what was there. Of too many points the first of each equal
    part of the steps stays, and the last: they are spread over the run however long it gets.
    """
    points = {point.step: point for point in history}
    for point in news:
        earlier = points.get(point.step)
        merged = {**earlier.metrics, **point.metrics} if earlier else point.metrics
        points[point.step] = Point(point.step, merged)
    kept = [points[step] for step in sorted(points)]
    if len(kept) <= MAX_HISTORY:
        return kept
    *others, last = kept
    parts: dict[int, Point] = {}
    for point in others:
        part = (point.step - kept[0].step) * (MAX_HISTORY - 1) // (last.step - kept[0].step)
        parts.setdefault(part, point)
    return [*parts.values(), last]
