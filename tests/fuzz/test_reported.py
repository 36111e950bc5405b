"""Whatever a program says is read or refused: termination message, reports, log."""

import json
import math

import re2
from hypothesis import example, given
from hypothesis import strategies as st
from tests.fuzz.specs import words
from tests.fuzz.strategies import Json, broken_texts, texts, values

from sweep_operator.api.run import MAX_METRICS, MAX_STREAM
from sweep_operator.api.sweep import log_pattern
from sweep_operator.planning.logs import read_log
from sweep_operator.planning.metrics import MAX_NAME, Report, parse_report
from sweep_operator.planning.reports import (
    FIELDS,
    MAX_REPORTS,
    MAX_STEP,
    ReportError,
    numbered,
    read_reports,
)

number = st.one_of(
    st.integers(),
    st.floats(),
    st.booleans(),
    st.sampled_from(["NaN", "Infinity", "-Infinity", "1e999", 10**400, -(10**400), 2**53 + 1]),
)
metrics = st.dictionaries(broken_texts(), st.one_of(number, values(broken_texts())), max_size=5)


def reports() -> st.SearchStrategy[Json]:
    """Reports as docs/reporting.md describes them, with something else in some field."""
    fields = {
        "metrics": st.one_of(metrics, values()),
        "step": st.one_of(st.integers(0, 9), number, st.none(), values()),
        "final": st.one_of(st.booleans(), st.booleans(), values()),
        "preempting": st.one_of(st.booleans(), st.booleans(), values()),
        "stream": st.one_of(st.sampled_from(["", "a"]), broken_texts(), values()),
        "sequence": st.one_of(st.integers(1, 5), number, values()),
    }
    one = st.fixed_dictionaries(
        {"metrics": st.dictionaries(texts(), number, max_size=3)},
        optional={name: field for name, field in fields.items() if name != "metrics"},
    )
    strange = st.fixed_dictionaries({}, optional={**fields, "other": values()})
    return st.one_of(one, strange, st.lists(one, max_size=4), values(broken_texts()))


def bodies() -> st.SearchStrategy[bytes]:
    """Bodies of requests: reports, halves of them, and noise."""
    whole = reports().map(lambda found: json.dumps(found).encode())
    cut = st.tuples(whole, st.integers(0, 60)).map(lambda found: found[0][: -found[1]])
    pieces = st.lists(
        st.sampled_from([b"{", b"[", b'"metrics"', b":", b"1e999", b"NaN", b"-", b"}", b",",
                         b"\xff",
                         b"\x00", b'"\\ud800"', b"1" * 5000, b"[" * 3000]), max_size=9
    ).map(b"".join)  # fmt: skip
    return st.one_of(whole, cut, pieces, st.binary(max_size=60))


def is_well_formed(report: Report) -> bool:
    """Whether it may be put into a record: the CRD's bounds, and names that break no line."""
    everything = [*report.metrics, *report.non_finite]
    return (
        len(everything) <= MAX_METRICS
        and all(0 < len(name) <= MAX_NAME and name.isprintable() for name in everything)
        and all(math.isfinite(value) for value in report.metrics.values())
        and all(len(text) <= 64 for text in report.non_finite.values())
        and (report.problem + "x").isprintable()
    )


@given(st.one_of(bodies().map(lambda found: found.decode(errors="replace")), broken_texts()))
@example("9" * 4000)
@example('{"loss": ' + "9" * 4000 + "}")
@example("[" * 4000)
@example('{"a": 1, "a": 2}')
def test_a_termination_message_is_read_and_what_is_left_out_is_said(text: str) -> None:
    assert is_well_formed(parse_report(text))


@given(metrics)
def test_of_a_termination_message_every_finite_number_of_a_printable_name_is_kept(
    told: dict[str, Json],
) -> None:
    found = parse_report(json.dumps(told))
    for name, value in told.items():
        if isinstance(value, float) and math.isfinite(value) and name.isprintable() and name:
            assert found.metrics[name] == value


@given(bodies())
@example(b"1" * 5000)
@example(b'{"metrics": {"loss": ' + b"1" * 5000 + b"}}")
@example(b'{"metrics": {"loss": 1}, "step": 1e400}')
@example("\ufeff{}".encode())
def test_a_body_is_reports_or_is_refused_in_a_line(body: bytes) -> None:
    try:
        found = read_reports(body)
    except ReportError as error:
        assert str(error).encode()
        assert len(str(error)) < 1000
        return
    assert 0 < len(found) <= MAX_REPORTS
    for report in found:
        assert is_well_formed(Report(report.metrics, report.non_finite, ""))
        assert len(report.stream) <= MAX_STREAM
        assert report.step is None or 0 <= report.step <= MAX_STEP


@given(st.lists(bodies(), max_size=3))
def test_no_sequence_number_counts_twice(sent: list[bytes]) -> None:
    known: dict[str, int] = {}
    for body in sent:
        try:
            found = read_reports(body)
        except ReportError:
            continue
        news, known = numbered(found, known)
        again, same = numbered([each for each in found if each.stream in known
                                and each.sequence is not None], known)  # fmt: skip
        assert not again
        assert same == known
        assert len(news) <= len(found)
        assert all(each.step >= 0 for each in news)


def test_the_fields_that_are_tried_are_those_there_are() -> None:
    assert {"metrics", "step", "final", "preempting", "stream", "sequence"} == FIELDS


PIECES = [
    "(?P<value>", "(?P<name>", ")", "(", ".*", "a*", "a+", "?", "|", r"\S+", r"\w+", "=", "[0-9.]+",
    "^", "$", "{2,9}", "{1000}", "[", "]", "\\", r"\d", "(?i)", r"\b", "\x00", "é",
]  # fmt: skip
REGULAR = st.lists(st.sampled_from(PIECES), max_size=10).map("".join)


@given(st.one_of(REGULAR, texts()), st.lists(st.one_of(texts(), words(), st.just("a=1.5 b=nan"))))
@example("(?P<value>)", ["1"])
@example("(?P<value>1)|(?P<name>a)", ["a1"])
def test_any_pattern_is_refused_or_finds_what_may_be_recorded(
    pattern: str, lines: list[str]
) -> None:
    try:
        log_pattern(pattern)
    except re2.error:
        return
    assert is_well_formed(read_log("\n".join(lines), pattern, "loss"))
