"""What programs report: how it is read, who may, and what is kept of it."""

import json
from itertools import pairwise
from typing import Any

import pytest
from tests.unit.planning.facts import finished, job, ledger, pod, run, running

from sweep_operator.api.run import MAX_HISTORY, SweepRunStatus
from sweep_operator.planning.metrics import Measure
from sweep_operator.planning.record import report_status
from sweep_operator.planning.reports import (
    MAX_REPORTS,
    Point,
    ProgramReport,
    ReportError,
    extended,
    may_report,
    read_reports,
)


def read(*reports: Any) -> list[ProgramReport]:
    return read_reports(json.dumps(reports[0] if len(reports) == 1 else reports).encode())


class TestReading:
    def test_one_report_is_an_object(self) -> None:
        (found,) = read({"metrics": {"loss": 1, "acc": 0.5}, "step": 3, "final": True})
        assert found == ({"loss": 1.0, "acc": 0.5}, {}, 3, True, False, "", None)

    def test_several_are_an_array(self) -> None:
        assert len(read({"metrics": {"a": 1}}, {"metrics": {"a": 2}})) == 2

    def test_a_mark_needs_no_metrics(self) -> None:
        (found,) = read({"preempting": True})
        assert found.preempting

    @pytest.mark.parametrize(
        ("written", "kept"), [("NaN", "nan"), ("Infinity", "inf"), ("-Infinity", "-inf")]
    )
    def test_what_json_has_no_numbers_for_is_kept_as_text(self, written: str, kept: str) -> None:
        (found,) = read({"metrics": {"loss": written}})
        assert (found.metrics, found.non_finite) == ({}, {"loss": kept})

    def test_so_is_what_pythons_own_writer_makes_of_it(self) -> None:
        (found,) = read_reports(
            b'{"metrics": {"loss": NaN, "big": 1e999, "huge": 1' + b"0" * 400 + b"}}"
        )
        assert found.non_finite == {"loss": "nan", "big": "inf", "huge": "inf"}

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (b"", "not JSON"),
            (b"\xff", "not JSON"),
            (b"[" * 100_000, "not JSON"),
            (b"[]", "0 reports"),
            (json.dumps([{"preempting": True}] * (MAX_REPORTS + 1)).encode(), "501 reports"),
            (b"3", "no object"),
            (b"[{}]", "report 0 says nothing"),
            (b'{"loss": 1}', "'loss': it may have final, metrics"),
            (b'{"metrics": [1]}', "metrics must be an object"),
            (b'{"metrics": {"loss": "0.3"}}', "'loss' must be a number"),
            (b'{"metrics": {"loss": null}}', "'loss' must be a number"),
            (b'{"metrics": {"": 1}}', "name has 1 to 253"),
            (b'{"metrics": {"\\ud800": 1}}', "name has 1 to 253"),
            (b'{"metrics": {"a": 1}, "stream": 3}', "stream must be a text"),
            (b'{"metrics": {"a": 1}, "step": -1}', "step must be from 0"),
            (b'{"metrics": {"a": 1}, "step": 1.5}', "step must be a whole number"),
            (b'{"metrics": {"a": 1}, "step": true}', "step must be a whole number"),
            (b'{"metrics": {"a": 1}, "sequence": 0}', "sequence must be from 1"),
            (b'{"metrics": {"a": 1}, "final": "yes"}', "final must be true or false"),
            (
                json.dumps({"metrics": {str(n): n for n in range(65)}}).encode(),
                "at most 64 numbers",
            ),
        ],
    )
    def test_anything_else_is_told_what_is_wrong_with_it(self, body: bytes, said: str) -> None:
        with pytest.raises(ReportError, match=said):
            read_reports(body)


class TestFence:
    """Reports are taken from the newest pod of the current attempt alone."""

    def test_the_pod_of_the_current_attempt_may(self) -> None:
        assert may_report(ledger(running(), job(), pod()), 1, pod().uid)

    def test_it_may_before_its_start_is_on_record(self) -> None:
        assert may_report(ledger(run(), job(), pod()), 1, pod().uid)

    def test_an_old_attempts_pod_may_not(self) -> None:
        both = (job(), job(attempt=2), pod(), pod(attempt=2))
        found = ledger(running(attempt=2), *both)
        assert not may_report(found, 1, pod().uid)
        assert may_report(found, 1, pod(attempt=2).uid)

    def test_a_pod_that_another_has_replaced_may_not(self) -> None:
        """Kueue suspends a Job and lets it go on."""
        newer = pod(uid="newer", name="q", created=pod().created + 1)
        found = ledger(running(), job(), pod(), newer)
        assert not may_report(found, 1, pod().uid)
        assert may_report(found, 1, "newer")

    def test_none_may_for_a_run_that_has_ended_or_is_not_there(self) -> None:
        assert not may_report(ledger(finished(), job(), pod()), 1, pod().uid)
        assert not may_report(ledger(job(), pod()), 1, pod().uid)


class TestHistory:
    def test_it_is_in_the_order_of_steps(self) -> None:
        found = extended([Point(5, {"a": 1})], [Point(7, {"a": 3}), Point(6, {"a": 2})])
        assert [point.step for point in found] == [5, 6, 7]

    def test_a_step_that_comes_again_replaces_what_was_there(self) -> None:
        assert extended([Point(5, {"a": 1, "b": 1})], [Point(5, {"a": 2})]) == [
            Point(5, {"a": 2, "b": 1})
        ]

    @pytest.mark.parametrize("batch", [1, 7, 500])
    def test_however_long_it_is_spread_over_the_run_and_has_the_last(self, batch: int) -> None:
        history: list[Point] = []
        for start in range(0, 5000, batch):
            steps = range(start, min(start + batch, 5000))
            history = extended(history, [Point(step, {"a": step}) for step in steps])
            assert len(history) <= MAX_HISTORY
        steps_kept = [point.step for point in history]
        assert (steps_kept[0], steps_kept[-1]) == (0, 4999)
        assert len(steps_kept) >= MAX_HISTORY / 4
        assert max(b - a for a, b in pairwise(steps_kept)) < 5000 / 4


def report(
    loss: float | str = 1.0, *, final: bool = False, step: int | None = None, **more: Any
) -> ProgramReport:
    (found,) = read({"metrics": {"loss": loss}, "final": final, "step": step, **more})
    return found


def stored(status: dict[str, Any], *reports: ProgramReport, attempt: int = 1) -> dict[str, Any]:
    """A record's status after reports, as a merge patch leaves it."""
    measure = Measure("loss", "minimize", (2, 4))
    patch = report_status(status, job(attempt=attempt), pod(attempt=attempt), reports, measure)
    whole = {**status, **patch}
    for name in ("metrics", "nonFinite", "progress"):
        found = {**(status.get(name) or {}), **(patch.get(name) or {})}
        whole[name] = {key: value for key, value in found.items() if value is not None}
    whole = {key: value for key, value in whole.items() if value is not None}
    SweepRunStatus.model_validate(whole)
    return whole


class TestRecord:
    def test_a_report_on_the_way_is_history_and_no_result(self) -> None:
        status = stored({}, report(0.5))
        assert status["history"] == [{"step": 1, "metrics": {"loss": 0.5}}]
        assert not status["metrics"]
        assert "value" not in status
        assert status["phase"] == "Running"

    def test_a_final_one_is_the_result(self) -> None:
        status = stored({}, report(0.5, final=True))
        assert status["metrics"] == {"loss": 0.5}
        assert status["value"] == 0.5

    def test_the_last_word_on_each_metric_counts(self) -> None:
        status = stored({}, report(0.5, final=True))
        status = stored(status, report("NaN", final=True))
        assert status["metrics"] == {}
        assert status["nonFinite"] == {"loss": "nan"}
        assert "value" not in status
        status = stored(status, report(0.25, final=True))
        assert (status["metrics"], status["nonFinite"]) == ({"loss": 0.25}, {})
        assert status["value"] == 0.25

    def test_a_report_that_comes_twice_is_stored_once(self) -> None:
        first, second = report(1, sequence=1), report(2, sequence=2)
        status = stored({}, first, second)
        assert stored(status, first, second)["history"] == status["history"]
        status = stored(status, second, report(3, sequence=3))
        assert [point["step"] for point in status["history"]] == [1, 2, 3]
        assert status["attempts"][-1]["reports"] == {"": 3}

    def test_processes_that_follow_each_other_number_their_own(self) -> None:
        status = stored({}, report(1, stream="a", sequence=1, final=True))
        again = report(2, stream="b", sequence=1, final=True)
        status = stored(status, again, again)
        assert status["metrics"] == {"loss": 2}
        assert status["attempts"][-1]["reports"] == {"a": 1, "b": 1}

    def test_the_newest_processes_are_told_apart(self) -> None:
        status: dict[str, Any] = {}
        for n in range(20):
            status = stored(status, report(n, stream=f"p{n}", sequence=1))
        assert list(status["attempts"][-1]["reports"]) == [f"p{n}" for n in range(12, 20)]

    def test_a_result_without_a_step_is_no_point_on_the_way(self) -> None:
        status = stored({}, report(1, step=5), report(1, final=True))
        assert [point["step"] for point in status["history"]] == [5]
        assert status["progress"]["iterations"] == 1
        status = stored(status, report(0.5, final=True, step=6))
        assert [point["step"] for point in status["history"]] == [5, 6]

    def test_reports_without_numbers_are_counted(self) -> None:
        status = stored(stored({}, report(1), report(2)), report(3))
        assert [point["step"] for point in status["history"]] == [1, 2, 3]

    def test_the_next_attempt_begins_a_history_of_its_own(self) -> None:
        status = stored({}, report(1), report(2))
        again = stored(status, report(9), attempt=2)
        assert again["history"] == [{"step": 1, "metrics": {"loss": 9}}]

    def test_one_that_goes_on_from_a_checkpoint_goes_on_with_the_history(self) -> None:
        status = stored({}, *(report(step, step=step) for step in range(10)))
        again = stored(status, report(70, step=7), attempt=2)
        assert [point["step"] for point in again["history"]] == list(range(8))
        assert again["history"][-1]["metrics"] == {"loss": 70}

    def test_a_mark_that_comes_first_leaves_the_history_of_a_checkpoint(self) -> None:
        status = stored({}, *(report(step, step=step) for step in range(3)))
        (mark,) = read({"preempting": True})
        again = stored(status, mark, report(9, step=3), attempt=2)
        assert [point["step"] for point in again["history"]] == [0, 1, 2, 3]
        assert again["progress"]["iterations"] == 4

    def test_a_mark_of_preemption_is_on_the_attempt(self) -> None:
        (mark,) = read({"preempting": True})
        status = stored({}, mark)
        assert status["attempts"][-1]["preempting"] is True
        assert "history" not in status


class TestProgress:
    def test_it_has_iterations_the_best_and_the_values_at_brackets(self) -> None:
        status = stored({}, *(report(loss) for loss in (5, 3, 4)))
        assert status["progress"] == {
            "iterations": 3,
            "best": 3,
            "latest": 4,
            "brackets": [{"iteration": 2, "value": 3}],
        }
        status = stored(status, report(2))
        assert status["progress"]["brackets"][1] == {"iteration": 4, "value": 2}

    def test_an_iteration_is_a_finite_report_of_the_metric(self) -> None:
        (other,) = read({"metrics": {"accuracy": 1}})
        status = stored({}, report("NaN"), other, report(1))
        assert status["progress"]["iterations"] == 1

    def test_a_step_is_counted_once_though_a_later_attempt_reports_it_again(self) -> None:
        status = stored({}, *(report(9 - step, step=step) for step in range(4)))
        again = stored(status, *(report(0, step=step) for step in (2, 3, 4)), attempt=2)
        assert again["progress"]["iterations"] == 5
        assert again["progress"]["brackets"] == status["progress"]["brackets"]

    def test_its_latest_value_is_the_last_that_was_counted(self) -> None:
        (other,) = read({"metrics": {"accuracy": 1}})
        status = stored({}, report(3, step=1), report(5, step=2), report("NaN"), other)
        assert status["progress"]["latest"] == 5
        again = stored(status, report(1, step=1), attempt=2)
        assert again["progress"]["latest"] == 5
        assert stored(again, report(4, step=3), attempt=2)["progress"]["latest"] == 4

    def test_an_attempt_that_gives_no_steps_begins_anew(self) -> None:
        status = stored({}, report(1), report(1))
        again = stored(status, report(7), attempt=2)
        assert again["progress"]["iterations"] == 1
        assert again["progress"]["best"] == 7
        assert not again["progress"].get("brackets")
