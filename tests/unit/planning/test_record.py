"""What is written to a SweepRun, and that the CRD takes it."""

from typing import Any

import pytest
from tests.unit.planning.facts import COMPLETE, FAILED, NOW, ended_pod, intent, job, pod, run

from sweep_operator.api.run import MAX_ATTEMPTS_LISTED, RunPhase, SweepRun, SweepRunStatus
from sweep_operator.api.sweep import SweepState
from sweep_operator.planning.record import (
    MAX_ATTEMPTS_KEPT,
    new_record,
    outcome_status,
    phase_of,
    started_status,
    trouble_status,
)
from sweep_operator.planning.regime import Regime
from sweep_operator.planning.requeue import Aftermath, aftermath
from sweep_operator.planning.verdict import JOB_GONE, Verdict

T0 = "2027-01-15T08:00:00Z"
"""NOW, as Kubernetes writes it."""

ENDED = {"completionTime": T0}

DONE = Verdict(RunPhase.FINISHED, "Completed", "", 0)
BROKEN = Verdict(RunPhase.FAILED, "ProgramFailed", "The program exited with code 3.", 3)
LOST = Verdict(RunPhase.CRASHED, "Disrupted", "m")


def after(verdict: Verdict) -> Aftermath:
    """What an outcome means for a run of a sweep with nobody's budgets."""
    return aftermath(verdict, run(), Regime(SweepState.RUNNING))


def merged(stored: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """What a status is after a merge patch."""
    whole = dict(stored)
    for key, value in patch.items():
        nested = isinstance(value, dict)
        whole[key] = merged(stored.get(key, {}), value) if nested else value
    return {key: value for key, value in whole.items() if value is not None}


class TestPhaseOf:
    """Whatever somebody has written in its place."""

    @pytest.mark.parametrize("written", RunPhase)
    def test_a_run_that_has_finished_is_finished(self, written: RunPhase) -> None:
        attempts = [{"number": 1, "outcome": "Finished"}]
        status = {"phase": written.value, "attempts": attempts}
        assert phase_of(status) is RunPhase.FINISHED
        assert phase_of(status | ENDED) is RunPhase.FINISHED

    @pytest.mark.parametrize("outcome", ["Failed", "Killed", "Crashed"])
    @pytest.mark.parametrize("written", ["Pending", "Running", "Finished"])
    def test_a_run_that_is_over_stays_what_it_was(self, written: str, outcome: str) -> None:
        attempts = [{"number": 1, "outcome": outcome}]
        status = {"phase": written, "attempts": attempts, **ENDED}
        assert phase_of(status) is RunPhase(outcome)

    def test_a_run_that_was_killed_before_its_first_attempt_stays_so(self) -> None:
        assert phase_of({"phase": "Pending", **ENDED}) is RunPhase.KILLED

    @pytest.mark.parametrize("written", ["Finished", "Failed", "Killed"])
    @pytest.mark.parametrize("attempts", [[], [{"number": 1}]])
    def test_a_run_that_goes_on_is_not_over(
        self, written: str, attempts: list[dict[str, Any]]
    ) -> None:
        assert phase_of({"phase": written, "attempts": attempts}) is RunPhase.PENDING

    @pytest.mark.parametrize(
        "status",
        [
            {},
            {"phase": "Running", "attempts": [{"number": 1}]},
            {"phase": "Pending", "attempts": [{"number": 1, "outcome": "Failed"}]},
            {"phase": "Pending", "attempts": [{"number": 1, "outcome": "Killed"}]},
            {"phase": "Crashed", "attempts": [{"number": 1, "outcome": "Crashed"}]},
            {"phase": "Crashed", "attempts": [{"number": 1, "outcome": "Crashed"}], **ENDED},
            {"phase": "Killed", "attempts": [{"number": 1, "outcome": "Crashed"}], **ENDED},
            {"phase": "Killed", **ENDED},
        ],
    )
    def test_what_the_operator_writes_stands(self, status: dict[str, Any]) -> None:
        assert phase_of(status).value == status.get("phase", "Pending")


class TestNewRecord:
    def test_it_has_the_name_number_and_parameters_of_its_run(self) -> None:
        record = new_record(intent(), 7, {"x": 0.1})
        assert record["metadata"]["name"] == "a-7"
        assert record["metadata"]["namespace"] == "lab"
        assert record["spec"] == {"sweep": "a", "number": 7, "parameters": {"x": 0.1}}
        SweepRun.model_validate(record)

    def test_it_bears_its_sweeps_uid_as_a_label(self) -> None:
        labels = new_record(intent(), 7, {})["metadata"]["labels"]
        assert labels["sweep-operator.io/sweep-uid"] == "u"
        assert labels["sweep-operator.io/run-number"] == "7"

    def test_it_goes_with_its_sweep(self) -> None:
        (owner,) = new_record(intent(), 7, {})["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("Sweep", "a", "u")
        assert owner["controller"] is True
        assert owner["blockOwnerDeletion"] is True


class TestStarted:
    def test_it_runs_and_its_attempt_is_on_record(self) -> None:
        status = merged({"reason": "X"}, started_status({}, job(), pod(started=NOW)))
        assert status["phase"] == "Running"
        assert status["startTime"] == T0
        assert "reason" not in status
        assert status["attemptsMade"] == 1
        (attempt,) = status["attempts"]
        assert attempt["job"] == "a-1-1"
        assert attempt["started"] == T0
        assert attempt["node"] == "node-1"
        assert "outcome" not in attempt

    def test_a_run_keeps_the_start_of_its_first_attempt(self) -> None:
        stored = {"startTime": "2027-01-01T00:00:00Z", "attempts": [{"number": 1, "job": "a-1-1"}]}
        found = started_status(stored, job(attempt=2), pod(attempt=2, started=NOW))
        assert found["startTime"] == "2027-01-01T00:00:00Z"
        assert [attempt["number"] for attempt in found["attempts"]] == [1, 2]
        assert found["attemptsMade"] == 2


class TestTrouble:
    def test_it_is_pending_and_says_why(self) -> None:
        found = trouble_status("Unschedulable", "m" * 5000)
        assert (found["phase"], found["reason"]) == ("Pending", "Unschedulable")
        assert len(found["message"]) == 1024

    def test_no_reason_takes_the_old_one_away(self) -> None:
        found = merged({"reason": "X", "message": "m"}, trouble_status("", ""))
        assert found == {"phase": "Pending"}


class TestOutcome:
    def outcome(
        self,
        verdict: Verdict = DONE,
        message: str = '{"loss": 0.5}',
        metric: str | None = "loss",
        stored: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        end = FAILED if verdict.outcome is RunPhase.FAILED else COMPLETE
        last = ended_pod(verdict.exit_code or 0, message)
        patch = outcome_status(
            stored or {}, job(end=end), last, verdict, after(verdict), metric, "never"
        )
        status = merged(stored or {}, patch)
        SweepRunStatus.model_validate(status)
        return status

    def test_a_finished_run_has_its_metrics_and_its_value(self) -> None:
        status = self.outcome()
        assert (status["phase"], status["reason"]) == ("Finished", "Completed")
        assert status["metrics"] == {"loss": 0.5}
        assert status["value"] == 0.5
        assert status["completionTime"] == T0

    def test_the_attempt_is_closed_with_its_outcome(self) -> None:
        (attempt,) = self.outcome(BROKEN)["attempts"]
        assert attempt["outcome"] == "Failed"
        assert attempt["reason"] == "ProgramFailed"
        assert attempt["exitCode"] == 3
        assert attempt["finished"] == T0

    def test_a_finished_run_without_the_metric_says_so(self) -> None:
        status = self.outcome(message='{"accuracy": 1}')
        assert status["phase"] == "Finished"
        assert status["reason"] == "MetricMissing"
        assert "loss" in status["message"]
        assert "value" not in status

    def test_a_metric_that_is_no_finite_number_is_kept_as_text_and_is_no_value(self) -> None:
        status = self.outcome(message='{"loss": NaN}')
        assert status["reason"] == "MetricNotFinite"
        assert status["nonFinite"] == {"loss": "nan"}
        assert "value" not in status

    def test_a_message_that_does_not_parse_says_why_there_is_no_metric(self) -> None:
        status = self.outcome(message="Traceback")
        assert "not JSON" in status["message"]

    def test_a_sweep_without_a_metric_asks_for_none(self) -> None:
        status = self.outcome(metric=None, message="")
        assert status["reason"] == "Completed"
        assert "message" not in status

    def test_a_crashed_run_is_not_at_its_end(self) -> None:
        status = self.outcome(LOST, message="")
        assert status["phase"] == "Crashed"
        assert "completionTime" not in status

    def test_a_result_on_record_stays_when_the_pod_that_reported_it_says_nothing_more(self) -> None:
        stored = {"metrics": {"loss": 0.25}, "value": 0.25}
        for verdict in (DONE, BROKEN):
            status = self.outcome(verdict, message="", stored=stored)
            assert status["metrics"] == {"loss": 0.25}
            assert status["value"] == 0.25
        assert not self.outcome(LOST, message="", stored=stored).get("metrics")

    def test_a_failed_attempt_that_is_retried_leaves_no_result_for_the_next(self) -> None:
        """Else one that is pushed out while it runs would be taken for finished."""
        retried = aftermath(BROKEN, run(), Regime(SweepState.RUNNING, max_retries=1))
        stored = {"metrics": {"loss": 0.25}, "value": 0.25}
        for message in ('{"loss": 0.5}', ""):
            last, now = ended_pod(3, message), "never"
            patch = outcome_status(stored, job(end=FAILED), last, BROKEN, retried, "loss", now)
            status = merged(stored, patch)
            assert not status["metrics"]
            assert "value" not in status

    def test_a_run_whose_attempts_are_used_up_is_at_its_end(self) -> None:
        spent = aftermath(LOST, run(), Regime(SweepState.RUNNING, max_preemptions=0))
        status = outcome_status({}, job(end=FAILED), ended_pod(137), LOST, spent, None, "never")
        assert (status["phase"], status["reason"]) == ("Crashed", "PreemptionsExhausted")
        assert status["completionTime"] == T0
        assert status["preemptions"] == 1
        assert status["attempts"][0]["reason"] == LOST.reason

    def test_what_an_earlier_attempt_reported_is_gone(self) -> None:
        stored = {
            "metrics": {"loss": 9.0, "early": 1.0},
            "nonFinite": {"grad": "nan"},
            "value": 9.0,
            "attempts": [{"number": 1, "job": "a-1-1", "outcome": "Crashed"}],
        }
        status = self.outcome(stored=stored)
        assert status["metrics"] == {"loss": 0.5}
        assert not status.get("nonFinite")

    def test_what_is_on_record_of_the_attempt_stays_when_its_pod_is_gone(self) -> None:
        line = {"number": 1, "job": "a-1-1", "node": "n", "started": T0, "podUID": "p"}
        stored = {"attempts": [line]}
        ended = job(end=FAILED)
        status = outcome_status(stored, ended, None, BROKEN, after(BROKEN), None, "never")
        (attempt,) = status["attempts"]
        assert line.items() <= attempt.items()
        assert attempt["finished"] == T0

    def test_a_job_that_was_deleted_closes_the_attempt_on_record(self) -> None:
        line = {"number": 2, "job": "a-1-2", "started": T0}
        stored = {"attempts": [line], "attemptsMade": 2}
        now = "2027-01-15T09:00:00Z"
        status = outcome_status(stored, None, None, JOB_GONE, after(JOB_GONE), "loss", now)
        (attempt,) = status["attempts"]
        assert attempt["outcome"] == "Crashed"
        assert attempt["finished"] == "2027-01-15T09:00:00Z"
        assert attempt["started"] == T0

    def test_the_last_attempts_are_listed_and_all_are_counted(self) -> None:
        assert MAX_ATTEMPTS_KEPT == MAX_ATTEMPTS_LISTED
        lines = [{"number": n, "job": f"a-1-{n}", "outcome": "Crashed"} for n in range(11, 31)]
        stored = {"attempts": lines, "attemptsMade": 30}
        ended = job(attempt=31, end=COMPLETE)
        last = ended_pod()._replace(job="a-1-31")
        status = outcome_status(stored, ended, last, DONE, after(DONE), None, "never")
        assert [line["number"] for line in status["attempts"]] == list(range(12, 32))
        assert status["attemptsMade"] == 31

    @pytest.mark.parametrize("message", ["x" * 4096, "\u00e4" * 2048])
    def test_no_message_is_longer_than_the_record_takes(self, message: str) -> None:
        lost = Verdict(RunPhase.CRASHED, "Disrupted", message)
        assert len(self.outcome(lost)["message"]) <= 1024
