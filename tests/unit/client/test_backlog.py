"""Reports that wait: bounded, thinned evenly, and cut into batches."""

import json
from itertools import pairwise

import pytest

from sweep_run.backlog import MOST_BYTES, Backlog, Batch
from sweep_run.inbox import Inbox
from sweep_run.report import Report


def logged(count: int, start: int = 0) -> list[Report]:
    return [Report(number, {"loss": 1.0}, number) for number in range(start, start + count)]


def batches(backlog: Backlog) -> list[Batch]:
    """All of them, as if each were taken."""
    found = []
    while backlog:
        found.append(backlog.batch())
        backlog.done(found[-1])
    return found


def steps(backlog: Backlog) -> list[int]:
    """Of all that is left."""
    return [report["step"] for batch in batches(backlog) for report in json.loads(batch.body)]


def test_all_reports_are_sent_in_order_and_numbered_from_1() -> None:
    backlog = Backlog()
    backlog.add(logged(3))
    (batch,) = batches(backlog)
    assert [(each["sequence"], each["step"]) for each in json.loads(batch.body)] == [
        (1, 0),
        (2, 1),
        (3, 2),
    ]


def test_a_batch_stays_the_same_until_it_is_taken() -> None:
    backlog = Backlog()
    backlog.add(logged(3))
    first = backlog.batch()
    backlog.add(logged(5000, start=3))
    backlog.add_first(Report(9999, {}, preempting=True))
    assert backlog.batch() == first


def test_a_batch_has_at_most_500_reports() -> None:
    backlog = Backlog(most=1000)
    backlog.add(logged(1000))
    assert [batch.size for batch in batches(backlog)] == [500, 500]


def test_a_batch_has_at_most_256_kib() -> None:
    backlog = Backlog()
    wide = {f"{'ü' * 40}{i}": 0.1 for i in range(64)}
    backlog.add([Report(number, wide, number) for number in range(100)])
    found = batches(backlog)
    assert sum(batch.size for batch in found) == 100
    assert MOST_BYTES * 0.9 < max(len(batch.body) for batch in found) <= MOST_BYTES


def test_a_batch_that_is_too_large_is_halved_until_one_report_is_left() -> None:
    backlog = Backlog()
    backlog.add(logged(5))
    sizes = []
    for _ in range(4):
        batch = backlog.batch()
        sizes.append(batch.size)
        backlog.lower_limit(batch)
    assert sizes == [5, 2, 1, 1]
    assert steps(backlog) == [0, 1, 2, 3, 4]


def test_the_final_report_has_a_batch_of_its_own() -> None:
    backlog = Backlog()
    backlog.add([*logged(2), Report(2, {"loss": 1.0}, final=True), *logged(1, start=3)])
    assert [(batch.size, batch.final) for batch in batches(backlog)] == [
        (2, False),
        (1, True),
        (1, False),
    ]


def test_too_many_reports_are_thinned_evenly_over_the_whole_time() -> None:
    backlog = Backlog(most=100)
    for start in range(0, 10_000, 7):
        backlog.add(logged(7, start))
    assert backlog.thinned
    left = steps(backlog)
    assert 25 <= len(left) <= 100
    assert left[0] == 0
    assert left[-1] == 10_002
    assert max(after - before for before, after in pairwise(left)) <= 400


def test_metrics_that_are_logged_by_turns_are_thinned_alike() -> None:
    backlog = Backlog(most=100)
    turns = [{"epoch": 1.0, "train": 1.0}, {"epoch": 1.0, "valid": 1.0}]
    backlog.add(Report(number, turns[number % 2], number) for number in range(1000))
    left = steps(backlog)
    assert abs(len(left) - 2 * sum(step % 2 for step in left)) <= 2


def test_the_latest_of_each_metric_and_what_is_special_are_never_thinned_out() -> None:
    backlog = Backlog(most=100)
    special = [
        Report(1, {"rare": 1.0}, 1),
        Report(2, {}, 2, preempting=True),
        Report(3, {"loss": 1.0}, 3, final=True),
    ]
    backlog.add([*special, *logged(5000, start=4)])
    assert {1, 2, 3, 5003} <= set(steps(backlog))


def test_the_inbox_gives_each_report_once_and_in_order() -> None:
    inbox = Inbox()
    first, second, third = logged(3)
    inbox.add(second)
    inbox.add(first)
    assert inbox.collect() == [first, second]
    assert inbox.collect() == []
    inbox.add(third)
    assert inbox.collect() == [third]


@pytest.mark.parametrize("collected", [True, False])
def test_a_full_inbox_keeps_the_newest_and_the_latest_of_each_metric(collected: bool) -> None:
    inbox = Inbox(most=10)
    rare = Report(0, {"rare": 1.0}, 0)
    inbox.add(rare)
    if collected:
        inbox.collect()
    for report in logged(100, start=1):
        inbox.add(report)
    assert inbox.collect() == [rare][collected:] + logged(10, start=91)
