"""The table of states as rules: who may start, who must go, and what becomes of them."""

from collections.abc import Mapping

import pytest
from tests.unit.planning.facts import (
    COMPLETE,
    FAILED,
    NOW,
    crashed,
    ended_pod,
    finished,
    intent,
    job,
    ledger,
    pod,
    run,
    running,
)

from sweep_operator.api.run import RunPhase
from sweep_operator.api.sweep import EndReason, SweepPhase, SweepState
from sweep_operator.planning.facts import JobEnd, JobFacts, PodFacts, RunFacts
from sweep_operator.planning.phase import phase
from sweep_operator.planning.quota import quota
from sweep_operator.planning.regime import Regime, StopReason, gone
from sweep_operator.planning.status import sweep_status
from sweep_operator.planning.steps import (
    Keeping,
    RecordOutcome,
    RecordStarted,
    RecordStopping,
    Step,
    Wait,
    Withdraw,
    next_step,
)
from sweep_operator.planning.verdict import Case, Verdict, verdict

RUNNING, PAUSED, STOPPED, CANCELLED = (Regime(state) for state in SweepState)
REACHED = Regime(SweepState.RUNNING, reached=EndReason.TARGET)
SPENT = Regime(SweepState.RUNNING, spent=True)
STARTED = pod(started=NOW)


def step(
    regime: Regime,
    record: RunFacts,
    *jobs: JobFacts,
    pod: PodFacts | None = None,
    now: float = NOW,
) -> Step | None:
    by_attempt: Mapping[int, JobFacts] = {each.attempt: each for each in jobs}
    return next_step(record, by_attempt, pod, regime, Keeping(0.0, 600.0), now)


def starts(regime: Regime, *records: RunFacts) -> list[int]:
    chosen = quota(regime, 4, 9, ledger(*records), stalled=False, now=NOW + 3600)
    return [start.number for start in chosen.starts]


class TestNewRuns:
    def test_they_are_made_while_running(self) -> None:
        assert starts(RUNNING, finished(1)) == [2, 3, 4, 5]

    @pytest.mark.parametrize("regime", [PAUSED, STOPPED, CANCELLED, SPENT])
    def test_they_are_made_in_no_other_state(self, regime: Regime) -> None:
        assert starts(regime, finished(1)) == []

    def test_held_ones_go_first_on_resume(self) -> None:
        assert starts(RUNNING, finished(1), run(2), run(3)) == [2, 3, 4, 5]


class TestRunsThatStartedOnce:
    @pytest.mark.parametrize("regime", [RUNNING, PAUSED, STOPPED, SPENT])
    def test_they_are_attempted_again_whatever_the_state(self, regime: Regime) -> None:
        assert 2 in starts(regime, finished(1), crashed(2))

    def test_but_not_once_cancelled(self) -> None:
        assert starts(CANCELLED, crashed(1)) == []

    @pytest.mark.parametrize("regime", [PAUSED, STOPPED, SPENT])
    def test_what_runs_goes_on(self, regime: Regime) -> None:
        assert step(regime, running(), job(), pod=STARTED) is None

    @pytest.mark.parametrize("regime", [PAUSED, STOPPED, SPENT])
    def test_their_next_attempt_is_left_to_start(self, regime: Regime) -> None:
        again = crashed()._replace(phase=RunPhase.PENDING, reason="")
        assert step(regime, again, job(attempt=2), pod=pod(attempt=2)) is None


class TestRunsThatNeverStarted:
    @pytest.mark.parametrize(
        ("regime", "reason"),
        [
            (PAUSED, StopReason.HELD),
            (SPENT, StopReason.HELD),
            (STOPPED, StopReason.NOT_STARTED),
            (REACHED, StopReason.NOT_STARTED),
        ],
    )
    def test_why_they_are_withdrawn_is_on_record_first(
        self, regime: Regime, reason: StopReason
    ) -> None:
        assert step(regime, run(), job(), pod=pod()) == RecordStopping(job(), reason)
        told = run(stop_reason=reason, attempt=1, attempt_open=True)
        assert step(regime, told, job(), pod=pod()) == Withdraw(job())

    def test_a_resume_that_comes_first_leaves_them(self) -> None:
        told = run(stop_reason="Held", attempt=1, attempt_open=True)
        assert step(RUNNING, told, job(), pod=pod()) == RecordStopping(job(), None)

    def test_one_that_starts_all_the_same_runs(self) -> None:
        told = run(stop_reason="Held", attempt=1, attempt_open=True)
        assert step(PAUSED, told, job(), pod=STARTED) == RecordStarted(job(), STARTED)

    def test_cancelled_they_go_without_a_word_first(self) -> None:
        assert step(CANCELLED, run(), job(), pod=pod()) == Withdraw(job())

    @pytest.mark.parametrize(
        ("regime", "reason"),
        [(STOPPED, "NotStarted"), (REACHED, "NotStarted"), (CANCELLED, "Cancelled")],
    )
    def test_without_a_job_they_are_killed_where_none_will_come(
        self, regime: Regime, reason: str
    ) -> None:
        found = step(regime, run())
        assert isinstance(found, RecordOutcome)
        assert (found.verdict.outcome, found.verdict.reason) == (RunPhase.KILLED, reason)

    @pytest.mark.parametrize("regime", [RUNNING, PAUSED, SPENT])
    def test_without_a_job_they_wait_where_one_may_come(self, regime: Regime) -> None:
        assert step(regime, run()) is None

    def test_a_held_one_is_pending_again_and_a_stopped_one_killed(self) -> None:
        assert gone(PAUSED, run(stop_reason="Held")).outcome is RunPhase.PENDING
        assert gone(STOPPED, run(stop_reason="NotStarted")).outcome is RunPhase.KILLED
        assert gone(CANCELLED, run(stop_reason="Held")).outcome is RunPhase.KILLED

    def test_one_that_nobody_withdrew_has_crashed(self) -> None:
        assert gone(PAUSED, run()).reason == "JobDeleted"


class TestPendingTimeout:
    regime = Regime(SweepState.RUNNING, pending_timeout=60)

    def test_it_is_waited_for(self) -> None:
        assert step(self.regime, run(), job(), pod=pod()) == Wait(NOW + 60)

    def test_then_the_run_is_failed_and_says_why_it_did_not_start(self) -> None:
        late = step(self.regime, run(), job(), pod=pod(), now=NOW + 60)
        assert late == RecordStopping(job(), StopReason.PENDING_TIMEOUT)
        found = gone(self.regime, run(stop_reason="PendingTimeout", reason="Unschedulable"))
        assert found.outcome is RunPhase.FAILED
        assert "Unschedulable" in found.message

    def test_a_started_run_has_all_the_time(self) -> None:
        assert step(self.regime, running(), job(), pod=STARTED, now=NOW + 999) is None


def when_cancelled(end: JobEnd, last: PodFacts | None) -> Verdict:
    return verdict(Case(end, last, running(), measured=True), cancelled=True)


class TestCancelled:
    def test_a_run_that_completed_first_stays_finished(self) -> None:
        found = when_cancelled(COMPLETE, ended_pod(0))
        assert found.outcome is RunPhase.FINISHED

    def test_a_run_that_failed_first_stays_failed(self) -> None:
        assert when_cancelled(FAILED, ended_pod(3)).outcome is RunPhase.FAILED

    @pytest.mark.parametrize("exit_code", [0, 137, 143])
    def test_what_ended_because_it_was_told_to_go_is_killed(self, exit_code: int) -> None:
        told = ended_pod(exit_code, told=NOW - 1)
        assert when_cancelled(COMPLETE, told).outcome is RunPhase.KILLED

    def test_what_is_gone_is_killed(self) -> None:
        assert when_cancelled(FAILED, None).outcome is RunPhase.KILLED


class TestPhase:
    @pytest.mark.parametrize("regime", [PAUSED, STOPPED, CANCELLED])
    def test_it_is_what_was_asked_for(self, regime: Regime) -> None:
        found = phase(regime, 9, ledger(running()), None, "Running")
        assert found.value == regime.state.value

    @pytest.mark.parametrize("regime", [PAUSED, STOPPED, CANCELLED])
    def test_what_has_finished_stays_so(self, regime: Regime) -> None:
        done = ledger(finished())
        assert phase(regime, 1, done, None, "Finished") is SweepPhase.FINISHED

    def test_paused_with_nothing_left_to_do_is_paused(self) -> None:
        assert phase(PAUSED, 1, ledger(finished()), None, "Running") is SweepPhase.PAUSED

    def test_finished_by_hand_with_work_left_is_put_right(self) -> None:
        assert phase(PAUSED, 9, ledger(finished()), None, "Finished") is SweepPhase.PAUSED

    def test_a_spent_budget_fails_it(self) -> None:
        assert phase(SPENT, 9, ledger(running()), None, "Running") is SweepPhase.FAILED


class TestFailedSweep:
    """With active runs it obeys Stopped and Cancelled, without them it stays Failed."""

    def status(self, state: str, at_rest: str) -> str:
        failed = finished(1)._replace(phase=RunPhase.FAILED)
        previous = {
            "phase": "Failed",
            "conditions": [
                {"type": "Failed", "status": at_rest, "lastTransitionTime": "2027-01-01T00:00:00Z"}
            ],
        }
        wanted = intent(state=state, failurePolicy={"maxFailures": 1})
        found = sweep_status(wanted, ledger(failed), None, 0, previous, "2027-01-01T00:00:00Z")
        return str(found["phase"])

    @pytest.mark.parametrize("state", ["Paused", "Stopped", "Cancelled"])
    def test_at_rest_it_stays_failed(self, state: str) -> None:
        assert self.status(state, at_rest="True") == "Failed"

    @pytest.mark.parametrize("state", ["Paused", "Stopped", "Cancelled"])
    def test_with_runs_active_until_the_edit_it_obeys(self, state: str) -> None:
        assert self.status(state, at_rest="False") == state
