"""What became of an attempt, row by row."""

import pytest
from tests.unit.planning.facts import COMPLETE, DISRUPTED, FAILED, NOW, ended_pod, pod

from sweep_operator.api.run import RunPhase
from sweep_operator.planning.facts import JobEnd, PodFacts
from sweep_operator.planning.verdict import JOB_GONE, Verdict
from sweep_operator.planning.verdict import verdict as decide

DEADLINE = JobEnd(complete=False, reason="DeadlineExceeded", message="too long", time=NOW)
BACKOFF = JobEnd(complete=False, reason="BackoffLimitExceeded", message="no more", time=NOW)
UNKNOWN = JobEnd(complete=False, reason="SomethingNew", message="as it says", time=NOW)


def verdict(end: JobEnd, last: PodFacts | None) -> Verdict:
    return decide(end, last, cancelled=False)


def test_a_program_that_exits_with_0_has_finished() -> None:
    assert verdict(COMPLETE, ended_pod()) == (RunPhase.FINISHED, "Completed", "", 0)


def test_it_has_finished_though_its_pod_is_gone() -> None:
    assert verdict(COMPLETE, None) == (RunPhase.FINISHED, "Completed", "", 0)


@pytest.mark.parametrize("code", [1, 3, 137, 255])
def test_a_program_that_exits_with_another_code_has_failed_and_the_record_has_the_code(
    code: int,
) -> None:
    found = verdict(FAILED, ended_pod(code))
    assert found.outcome is RunPhase.FAILED
    assert found.reason == "ProgramFailed"
    assert found.exit_code == code
    assert str(code) in found.message


def test_it_has_failed_though_its_pod_is_gone_as_the_jobs_message_says_so() -> None:
    found = verdict(FAILED, None)
    assert found.outcome is RunPhase.FAILED
    assert "exit code 3" in found.message


@pytest.mark.parametrize("last", [None, ended_pod(143), ended_pod(1), pod()])
def test_a_pod_told_to_go_by_the_cluster_is_a_crash_whatever_its_exit_code(
    last: PodFacts | None,
) -> None:
    assert verdict(DISRUPTED, last).outcome is RunPhase.CRASHED


@pytest.mark.parametrize("code", [137, 143])
def test_a_pod_told_to_go_by_a_person_is_a_crash_if_a_signal_ended_its_program(code: int) -> None:
    message = f"Container main failed with exit code {code} matching FailJob rule at index 1"
    end = FAILED._replace(message=message)
    for last in (ended_pod(code, told=NOW - 1), None):
        found = verdict(end, last)
        assert (found.outcome, found.reason) == (RunPhase.CRASHED, "PodDeleted")
        assert found.exit_code == code
    assert verdict(end, ended_pod(code)).outcome is RunPhase.FAILED
    assert verdict(FAILED, ended_pod(3, told=NOW - 1)).outcome is RunPhase.FAILED


def test_a_run_that_started_and_outlives_its_deadline_has_failed() -> None:
    assert verdict(DEADLINE, ended_pod(143)).outcome is RunPhase.FAILED


def test_a_run_whose_deadline_passed_before_it_started_has_crashed() -> None:
    assert verdict(DEADLINE, pod()).outcome is RunPhase.CRASHED


@pytest.mark.parametrize("last", [None, pod()])
def test_a_pod_that_vanished_without_an_exit_code_is_a_crash(last: PodFacts | None) -> None:
    found = verdict(BACKOFF, last)
    assert found.outcome is RunPhase.CRASHED
    assert found.message == "no more"


def test_what_no_rule_knows_has_failed_in_the_jobs_own_words() -> None:
    expected = (RunPhase.FAILED, "SomethingNew", "as it says", 2)
    assert verdict(UNKNOWN, ended_pod(2)) == expected


def test_a_job_that_somebody_deleted_is_a_crash() -> None:
    assert JOB_GONE.outcome is RunPhase.CRASHED
