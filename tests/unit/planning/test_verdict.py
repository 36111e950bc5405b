"""What became of an attempt, rule by rule: each test keeps its rule's sentence."""

import pytest
from tests.unit.planning.facts import (
    COMPLETE,
    DISRUPTED,
    FAILED,
    NOW,
    ended_pod,
    pod,
    run,
    running,
)

from sweep_operator.api.run import RunPhase
from sweep_operator.planning.facts import JobEnd, PodFacts, RunFacts
from sweep_operator.planning.verdict import JOB_GONE, RULES, SIGNALLED, Case, Verdict
from sweep_operator.planning.verdict import verdict as decide

DEADLINE = JobEnd(complete=False, reason="DeadlineExceeded", message="too long", time=NOW)
BACKOFF = JobEnd(complete=False, reason="BackoffLimitExceeded", message="no more", time=NOW)
UNKNOWN = JobEnd(complete=False, reason="SomethingNew", message="as it says", time=NOW)

FINISHED, CRASHED, FAILS = RunPhase.FINISHED, RunPhase.CRASHED, RunPhase.FAILED
RESULT = '{"loss": 0.5}'
TOLD = NOW - 1


def exit_with(code: int) -> JobEnd:
    """The end of a Job whose program exited with a code, as the Job controller words it."""
    return FAILED._replace(
        message=f"Container main for pod lab/p failed with exit code {code} matching FailJob rule"
        " at index 1"
    )


def verdict(
    end: JobEnd,
    last: PodFacts | None,
    record: RunFacts | None = None,
    *,
    measured: bool = True,
    events: frozenset[str] = frozenset(),
) -> Verdict:
    case = Case(end, last, record or running(), measured, events)
    return decide(case, cancelled=False)


def outcome(end: JobEnd, last: PodFacts | None, record: RunFacts | None = None) -> tuple[str, str]:
    found = verdict(end, last, record)
    return found.outcome, found.reason


def test_each_rule_keeps_a_sentence() -> None:
    for rule in RULES:
        assert rule.__doc__, rule.__name__


class TestSuccess:
    def test_a_program_that_exits_with_0_has_finished(self) -> None:
        assert verdict(COMPLETE, ended_pod(0, RESULT)) == (FINISHED, "Completed", "", 0)

    def test_it_has_finished_without_a_result_too(self) -> None:
        assert outcome(COMPLETE, ended_pod()) == (FINISHED, "Completed")

    def test_it_has_finished_though_its_pod_was_told_to_go_afterwards(self) -> None:
        assert outcome(COMPLETE, ended_pod(told=NOW + 1)) == (FINISHED, "Completed")
        assert outcome(DISRUPTED, ended_pod(told=NOW + 1)) == (FINISHED, "Completed")

    def test_it_has_finished_with_its_result_though_its_pod_was_told_to_go_before(self) -> None:
        for end in (COMPLETE, DISRUPTED, BACKOFF):
            assert outcome(end, ended_pod(0, RESULT, told=TOLD)) == (FINISHED, "Completed")

    def test_it_has_finished_though_its_pod_is_gone_if_there_was_nothing_to_report(self) -> None:
        assert verdict(COMPLETE, None, measured=False).outcome is FINISHED

    def test_it_has_not_if_the_kubelet_ended_it_and_it_took_that_well(self) -> None:
        last = ended_pod(reason="DeadlineExceeded", message="Pod was active too long")
        assert outcome(BACKOFF, last) == (FAILS, "DeadlineExceeded")


class TestResultOnRecord:
    record = running()._replace(reported=True)

    @pytest.mark.parametrize(
        ("end", "last"),
        [
            (DISRUPTED, ended_pod(143, told=TOLD)),
            (DISRUPTED, None),
            (exit_with(137), ended_pod(137, told=TOLD)),
            (exit_with(143), None),
            (BACKOFF, None),
            (COMPLETE, None),
            (COMPLETE, ended_pod(told=TOLD)),
        ],
    )
    def test_a_program_pushed_out_after_its_result_was_on_record_has_finished(
        self, end: JobEnd, last: PodFacts | None
    ) -> None:
        assert verdict(end, last, self.record).outcome is FINISHED

    def test_one_that_failed_by_itself_afterwards_has_failed(self) -> None:
        assert verdict(exit_with(3), ended_pod(3), self.record).outcome is FAILS

    def test_the_result_of_an_earlier_attempt_is_none(self) -> None:
        record = run(phase=CRASHED, attempt=1, reported=True)
        assert verdict(DISRUPTED, None, record).outcome is CRASHED


class TestTakenAway:
    @pytest.mark.parametrize("last", [None, ended_pod(143, told=TOLD), ended_pod(1), pod()])
    def test_a_pod_told_to_go_by_the_cluster_is_a_crash_whatever_its_exit_code(
        self, last: PodFacts | None
    ) -> None:
        assert outcome(DISRUPTED, last) == (CRASHED, "Disrupted")

    def test_the_record_says_who_told_it(self) -> None:
        last = ended_pod(143, told=TOLD, disruption="EvictionByEvictionAPI")
        assert outcome(DISRUPTED, last) == (CRASHED, "EvictionByEvictionAPI")

    @pytest.mark.parametrize("code", sorted(SIGNALLED))
    def test_a_pod_told_to_go_by_a_person_is_a_crash_if_a_signal_ended_its_program(
        self, code: int
    ) -> None:
        for last in (ended_pod(code, told=TOLD), None):
            found = verdict(exit_with(code), last)
            assert (found.outcome, found.reason) == (CRASHED, "PodDeleted")
            assert found.exit_code == code

    def test_one_that_failed_by_itself_then_has_failed(self) -> None:
        assert outcome(exit_with(3), ended_pod(3, told=TOLD)) == (FAILS, "ProgramFailed")

    def test_a_container_that_its_node_forgot_is_a_crash(self) -> None:
        last = ended_pod(137, end_reason="ContainerStatusUnknown")
        assert outcome(exit_with(137), last) == (CRASHED, "ContainerLost")

    def test_a_pod_that_vanished_without_an_exit_code_is_a_crash(self) -> None:
        for last in (None, pod()):
            assert verdict(BACKOFF, last) == (CRASHED, "PodLost", "no more", None)

    @pytest.mark.parametrize(
        "reason",
        [
            "OutOfcpu",
            "OutOfnvidia.com/gpu",
            "NodeAffinity",
            "NodeShutdown",
            "Terminated",
            "Evicted",
            "UnexpectedAdmissionError",
        ],
    )
    def test_a_pod_that_its_node_has_no_place_for_is_a_crash(self, reason: str) -> None:
        last = pod(terminal=True, reason=reason, message="Pod was rejected")
        assert verdict(BACKOFF, last) == (CRASHED, reason, "Pod was rejected", None)

    def test_a_pod_that_no_node_would_take_has_failed(self) -> None:
        last = pod(terminal=True, reason="SysctlForbidden", message="forbidden sysctl")
        assert verdict(BACKOFF, last) == (FAILS, "SysctlForbidden", "forbidden sysctl", None)

    def test_a_job_that_somebody_deleted_is_a_crash(self) -> None:
        assert JOB_GONE.outcome is CRASHED


class TestToldAndExitZero:
    @pytest.mark.parametrize(
        ("last", "record"),
        [
            (ended_pod(told=TOLD), running()),
            (ended_pod(preempting=True), running()),
            (ended_pod(), running()._replace(preempting=True)),
        ],
    )
    def test_it_is_no_success_without_a_result(self, last: PodFacts, record: RunFacts) -> None:
        assert outcome(COMPLETE, last, record) == (CRASHED, "StoppedEarly")
        reported = last._replace(termination_message=RESULT)
        assert outcome(COMPLETE, reported, record) == (FINISHED, "Completed")

    def test_nor_is_it_when_the_pod_is_gone_and_events_tell_that_its_program_was_stopped(
        self,
    ) -> None:
        found = verdict(COMPLETE, None, measured=False, events=frozenset({"Started", "Killing"}))
        assert (found.outcome, found.reason) == (CRASHED, "StoppedEarly")

    def test_a_result_in_the_termination_message_of_a_pod_that_is_gone_is_lost(self) -> None:
        assert outcome(COMPLETE, None) == (CRASHED, "ResultLost")


class TestMark:
    old = ended_pod(1, preempting=True)
    young = old._replace(started=NOW - 59)

    def test_a_marked_run_that_fails_is_a_crash(self) -> None:
        assert outcome(exit_with(1), self.old) == (CRASHED, "Preempting")

    def test_the_mark_holds_from_the_record_though_the_pod_is_gone(self) -> None:
        record = running()._replace(preempting=True, attempt_started=NOW - 60)
        assert outcome(exit_with(1), None, record) == (CRASHED, "Preempting")

    def test_it_does_not_count_in_the_first_minute(self) -> None:
        assert outcome(exit_with(1), self.young) == (FAILS, "ProgramFailed")

    def test_it_does_not_count_for_a_run_that_never_began(self) -> None:
        never = pod(preempting=True, terminal=True, exit_code=1)
        assert outcome(exit_with(1), never) == (FAILS, "ProgramFailed")


class TestOwnFault:
    @pytest.mark.parametrize("code", [1, 3, 137, 143, 255])
    def test_a_program_that_exits_with_another_code_has_failed_and_the_record_has_the_code(
        self, code: int
    ) -> None:
        found = verdict(exit_with(code), ended_pod(code))
        assert (found.outcome, found.reason) == (FAILS, "ProgramFailed")
        assert found.exit_code == code
        assert str(code) in found.message

    def test_it_has_failed_though_its_pod_is_gone_as_the_jobs_message_says_so(self) -> None:
        found = verdict(exit_with(3), None)
        assert (found.outcome, found.exit_code) == (FAILS, 3)
        assert "exit code 3" in found.message

    def test_a_program_that_exceeds_its_own_memory_limit_has_failed(self) -> None:
        assert outcome(exit_with(137), ended_pod(137, end_reason="OOMKilled")) == (
            FAILS,
            "OOMKilled",
        )

    @pytest.mark.parametrize("reason", ["OOMKilled", "Error"])
    def test_it_has_failed_though_its_pod_was_told_to_go_afterwards(self, reason: str) -> None:
        """A taint or a drain reaches pods that have ended, too."""
        last = ended_pod(137, end_reason=reason, told=NOW + 5, disruption="DeletionByTaintManager")
        assert verdict(exit_with(137), last).outcome is FAILS

    def test_a_pod_that_exceeds_its_own_storage_limit_has_failed(self) -> None:
        last = ended_pod(137, reason="Evicted", message="Pod ephemeral local storage usage exceeds")
        assert outcome(exit_with(137), last) == (FAILS, "EphemeralStorageExceeded")

    def test_one_evicted_under_the_nodes_pressure_has_not(self) -> None:
        last = ended_pod(137, reason="Evicted", told=TOLD, disruption="TerminationByKubelet")
        assert outcome(DISRUPTED, last) == (CRASHED, "TerminationByKubelet")

    def test_a_run_that_outlives_its_pods_deadline_has_failed(self) -> None:
        last = ended_pod(143, reason="DeadlineExceeded", message="Pod was active too long")
        assert outcome(exit_with(143), last) == (FAILS, "DeadlineExceeded")

    @pytest.mark.parametrize(
        ("last", "record", "events"),
        [
            (ended_pod(143, told=TOLD), run(), ()),
            (None, running()._replace(attempt_started=NOW - 5), ()),
            (None, run(), ("Started", "Killing")),
        ],
    )
    def test_a_run_that_started_and_outlives_its_jobs_deadline_has_failed(
        self, last: PodFacts | None, record: RunFacts, events: tuple[str, ...]
    ) -> None:
        found = verdict(DEADLINE, last, record, events=frozenset(events))
        assert (found.outcome, found.reason) == (FAILS, "DeadlineExceeded")

    def test_a_run_whose_deadline_passed_before_it_started_has_crashed(self) -> None:
        assert outcome(DEADLINE, pod(), run()) == (CRASHED, "DeadlineExceeded")
        assert outcome(DEADLINE, None, run()) == (CRASHED, "DeadlineExceeded")

    def test_what_no_rule_knows_has_failed_in_the_jobs_own_words(self) -> None:
        expected = (FAILS, "SomethingNew", "as it says", 2)
        assert verdict(UNKNOWN, ended_pod(2)) == expected
