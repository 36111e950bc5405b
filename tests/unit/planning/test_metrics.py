"""Metrics read from a termination message, and which one is better."""

import json
import math

import pytest

from sweep_operator.planning.metrics import MAX_METRICS, better, parse_report


def test_numbers_by_name_are_the_metrics() -> None:
    report = parse_report('{"loss": 0.5, "epoch": 3}')
    assert report == ({"loss": 0.5, "epoch": 3.0}, {}, "")


@pytest.mark.parametrize("text", ["", "  \n"])
def test_nothing_said_is_no_metrics_and_no_problem(text: str) -> None:
    assert parse_report(text) == ({}, {}, "")


@pytest.mark.parametrize("text", ["Killed", "{", '{"loss": 0.5', "[" * 4096])
def test_what_is_no_json_is_no_metrics_and_says_so(text: str) -> None:
    report = parse_report(text)
    assert report.metrics == {}
    assert "not JSON" in report.problem


@pytest.mark.parametrize("text", ["0.5", "[1]", '"loss"', "null"])
def test_json_that_is_no_object_is_no_metrics_and_says_so(text: str) -> None:
    report = parse_report(text)
    assert report.metrics == {}
    assert "not an object" in report.problem


@pytest.mark.parametrize(
    ("text", "kept"),
    [("NaN", "nan"), ("Infinity", "inf"), ("-Infinity", "-inf"), ("1e999", "inf")],
)
def test_nan_and_infinities_are_kept_as_text_and_are_no_metrics(text: str, kept: str) -> None:
    report = parse_report(f'{{"loss": {text}, "ok": 1}}')
    assert report.metrics == {"ok": 1.0}
    assert report.non_finite == {"loss": kept}


def test_an_integer_beyond_a_double_is_not_finite() -> None:
    report = parse_report(json.dumps({"loss": 10**400}))
    assert report.metrics == {}
    assert len(report.non_finite["loss"]) <= 64


def test_booleans_count_as_0_and_1() -> None:
    assert parse_report('{"ok": true, "bad": false}').metrics == {"ok": 1.0, "bad": 0.0}


@pytest.mark.parametrize("value", ['"0.5"', "null", "[1]", "{}"])
def test_other_values_are_left_out_and_named(value: str) -> None:
    report = parse_report(f'{{"loss": 1, "note": {value}}}')
    assert report.metrics == {"loss": 1.0}
    assert "note" in report.problem


def test_no_more_metrics_are_kept_than_a_record_may_hold() -> None:
    report = parse_report(json.dumps({f"m{index}": index for index in range(MAX_METRICS + 6)}))
    assert len(report.metrics) == MAX_METRICS
    assert "m64" in report.problem


@pytest.mark.parametrize("name", ["", "n" * 254])
def test_a_name_that_a_record_can_not_hold_is_left_out(name: str) -> None:
    report = parse_report(json.dumps({name: 1}))
    assert report.metrics == {}
    assert report.problem


def test_whatever_is_said_can_be_written_as_json() -> None:
    for text in ('{"a": 1e308, "b": NaN, "c": -0.0, "\\ud800": 1}', '{"\\u0000": 1}'):
        report = parse_report(text)
        json.dumps(report, allow_nan=False)
        assert all(math.isfinite(value) for value in report.metrics.values())


@pytest.mark.parametrize(
    ("goal", "candidate", "best", "expected"),
    [
        ("minimize", 1.0, 2.0, True),
        ("minimize", 2.0, 1.0, False),
        ("maximize", 2.0, 1.0, True),
        ("maximize", 1.0, 2.0, False),
        ("minimize", 1.0, 1.0, False),
        ("maximize", 1.0, 1.0, False),
        ("minimize", 1e9, None, True),
        ("maximize", -1e9, None, True),
    ],
)
def test_a_metric_is_better_by_the_goal_and_a_tie_goes_to_the_earlier(
    goal: str, candidate: float, best: float | None, *, expected: bool
) -> None:
    assert better(goal, candidate, best) is expected
