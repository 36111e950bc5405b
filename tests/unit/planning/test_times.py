"""Times as Kubernetes writes them, and as somebody may have written them by hand."""

import pytest

from sweep_operator.planning.times import micro_timestamp, seconds, timestamp


def test_a_time_is_read_as_it_was_written() -> None:
    assert timestamp(seconds("2027-01-31T12:00:01Z")) == "2027-01-31T12:00:01Z"
    assert micro_timestamp(seconds("2027-01-31T12:00:01.25Z")) == "2027-01-31T12:00:01.250000Z"
    assert timestamp(seconds("2027-01-31t12:00:00+02:00")) == "2027-01-31T10:00:00Z"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2027-01-01T23:59:60Z", "1970-01-01T00:00:00Z"),
        ("0000-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00+23:59", "1970-01-01T00:00:00Z"),
        ("2027-01-01T00:00:00+99:99", "1970-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59Z"),
    ],
)
def test_a_time_that_no_clock_shows_can_be_read_and_written(written: str, read: str) -> None:
    assert timestamp(seconds(written)) == read
