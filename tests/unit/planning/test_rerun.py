"""Lost runs that a person asks for again: which, when, and what is written of it."""

from itertools import product
from typing import Any

import pytest
from tests.unit.planning.facts import (
    NOW,
    crashed,
    finished,
    intent,
    job,
    ledger,
    pod,
    run,
    running,
)
from tests.unit.planning.test_record import merged

from sweep_operator.api.run import RunPhase, SweepRunStatus
from sweep_operator.api.sweep import EndReason, SweepPhase, SweepState
from sweep_operator.effects.observe import run_facts
from sweep_operator.planning.facts import Forgiven, RunFacts
from sweep_operator.planning.phase import complete, phase
from sweep_operator.planning.quota import quota
from sweep_operator.planning.record import answered_status, rerun_status
from sweep_operator.planning.regime import Regime, StopReason, must_rerun, must_stop, waits_in_vain
from sweep_operator.planning.requeue import Aftermath, aftermath, retry_at
from sweep_operator.planning.status import sweep_status
from sweep_operator.planning.steps import DeleteJob, Keeping, RecordRerun, next_step
from sweep_operator.planning.verdict import Verdict

ASKED = Regime(SweepState.RUNNING, rerun_failed=1)
REACHED = ASKED._replace(reached=EndReason.TARGET)
SPENT = ASKED._replace(spent=True)

FAILED = finished(2)._replace(phase=RunPhase.FAILED, reason="ProgramFailed")
CRASHED = crashed(2)._replace(ended=NOW, reason="PreemptionsExhausted")
REOPENED = run(2, attempt=1, forgiven=Forgiven(1), answered_all=1, reason="Rerun")
"""It hasn't started since."""

LOST = Verdict(RunPhase.CRASHED, "PodDeleted", "Deleted.", 137)
BROKEN = Verdict(RunPhase.FAILED, "ProgramFailed", "The program exited with code 3.", 3)


class TestWhich:
    @pytest.mark.parametrize("lost", [FAILED, CRASHED], ids=["Failed", "Crashed for good"])
    def test_a_lost_run_is_when_either_number_is_above_what_it_has_answered(
        self, lost: RunFacts
    ) -> None:
        for asked, all_asked in product(range(3), repeat=2):
            for answered, all_answered in product(range(3), repeat=2):
                facts = lost._replace(asked=asked, answered=answered, answered_all=all_answered)
                wanted = asked > answered or all_asked > all_answered
                assert must_rerun(ASKED._replace(rerun_failed=all_asked), facts) is wanted

    @pytest.mark.parametrize(
        "other",
        [run(2), running(2), finished(2), crashed(2), run(2, RunPhase.KILLED, ended=NOW)],
        ids=["new", "running", "finished", "to be run again by itself", "killed"],
    )
    def test_no_other_is(self, other: RunFacts) -> None:
        assert not must_rerun(ASKED, other._replace(asked=1))

    @pytest.mark.parametrize("state", [s for s in SweepState if s is not SweepState.RUNNING])
    def test_in_no_other_state_is_any(self, state: SweepState) -> None:
        assert not must_rerun(ASKED._replace(state=state), FAILED._replace(asked=1))

    @pytest.mark.parametrize("regime", [ASKED, REACHED, SPENT])
    def test_it_is_though_the_sweep_has_come_to_its_end(self, regime: Regime) -> None:
        assert must_rerun(regime, FAILED)

    def test_it_comes_before_its_jobs_are_cleared_away(self) -> None:
        old = {1: job(2)}
        keeping, later = Keeping(0.0, 600.0), NOW + 6000
        assert next_step(FAILED, old, None, ASKED, keeping, later) == RecordRerun()
        assert next_step(REOPENED, old, None, ASKED, keeping, later) == DeleteJob(job(2))


class TestSlots:
    @pytest.mark.parametrize("regime", [ASKED, REACHED])
    def test_a_reopened_run_goes_before_new_ones_though_enough_is_known(
        self, regime: Regime
    ) -> None:
        account = ledger(finished(1), REOPENED)
        chosen = quota(regime, 1, 9, account, stalled=False, now=NOW)
        assert [(start.number, start.attempt) for start in chosen.starts] == [(2, 2)]

    @pytest.mark.parametrize("regime", [SPENT, ASKED._replace(state=SweepState.PAUSED)])
    def test_one_that_has_not_started_since_is_held(self, regime: Regime) -> None:
        assert quota(regime, 1, 9, ledger(REOPENED), stalled=False, now=NOW).starts == []
        assert must_stop(regime, REOPENED, job(2, 2), NOW) is StopReason.HELD
        assert waits_in_vain(regime, REOPENED) is None

    def test_that_enough_is_known_ends_none(self) -> None:
        assert waits_in_vain(REACHED, REOPENED) is None
        assert must_stop(REACHED, REOPENED, job(2, 2), NOW) is None

    def test_a_stop_ends_those_that_have_not_started_since(self) -> None:
        stopped = ASKED._replace(state=SweepState.STOPPED)
        assert must_stop(stopped, REOPENED, job(2, 2), NOW) is StopReason.NOT_STARTED
        assert waits_in_vain(stopped, REOPENED) is not None
        assert waits_in_vain(stopped, REOPENED._replace(started=True)) is None

    def test_lost_runs_are_known_as_such_for_as_long_as_they_are(self) -> None:
        account = ledger(finished(1), FAILED, run(3))
        assert account.lost == {2}
        account.put_run(REOPENED)
        assert account.lost == set()
        assert account.waiting == {2, 3}
        account.put_run(CRASHED)
        assert account.lost == {2}
        account.drop_run(2)
        assert account.lost == set()


class TestPhase:
    def test_a_sweep_with_runs_to_be_reopened_has_not_finished(self) -> None:
        account = ledger(finished(1), FAILED)
        assert phase(ASKED, 2, account, None, "Finished") is SweepPhase.RUNNING
        answered = ledger(finished(1), FAILED._replace(answered_all=1))
        assert phase(ASKED, 2, answered, None, "Finished") is SweepPhase.FINISHED

    def test_nor_is_a_failed_one_at_its_end(self) -> None:
        assert not complete(SweepPhase.FAILED, SPENT, ledger(FAILED))
        assert complete(SweepPhase.FAILED, SPENT, ledger(FAILED._replace(answered_all=1)))
        assert complete(SweepPhase.FAILED, SPENT, ledger(REOPENED)), "it is held"

    @pytest.mark.parametrize("state", ["Paused", "Stopped", "Cancelled"])
    def test_what_is_asked_in_another_state_reopens_no_finished_sweep(self, state: str) -> None:
        regime = ASKED._replace(state=SweepState(state))
        account = ledger(finished(1), FAILED)
        assert phase(regime, 2, account, None, "Finished") is SweepPhase.FINISHED

    def test_why_a_sweep_had_ended_stays_on_record_while_runs_run_again(self) -> None:
        account = ledger(finished(1, value=1.0), REOPENED, goal="minimize")
        spec: dict[str, Any] = {"rerunFailed": 1, "metric": {"name": "loss", "target": 3}}
        now = "2027-01-15T08:00:00Z"
        first = sweep_status(intent(**spec), account, None, 0, {}, now)
        assert "endReason" not in first, "it isn't at its end yet"
        account.end_reason = EndReason.TARGET
        found = sweep_status(intent(**spec), account, None, 0, {}, now)
        assert (found["phase"], found["endReason"]) == ("Running", "Target")


class TestBudgets:
    def after(self, found: Verdict, record: RunFacts, **budgets: int) -> Aftermath:
        return aftermath(found, record, Regime(SweepState.RUNNING, **budgets))

    @pytest.mark.parametrize(("since", "final"), [(0, False), (1, False), (2, True)])
    def test_retries_count_since_it_was_reopened(self, since: int, final: bool) -> None:
        record = run(failures=3 + since, forgiven=Forgiven(3, failures=3))
        spent = self.after(BROKEN, record, max_retries=2)
        assert (spent.final, spent.failures) == (final, 4 + since)
        assert final or f"Retry {since + 1} of 2" in spent.message

    @pytest.mark.parametrize(("since", "final"), [(0, False), (1, True)])
    def test_so_do_preemptions(self, since: int, final: bool) -> None:
        record = run(preemptions=7 + since, forgiven=Forgiven(8, preemptions=7))
        spent = self.after(LOST, record, max_preemptions=1)
        assert (spent.final, spent.preemptions) == (final, 8 + since)

    def test_so_does_backoff(self) -> None:
        lines = [
            {"number": number, "job": f"a-1-{number}", "outcome": "Failed", "finished": T0}
            for number in (1, 2, 3)
        ]
        forgiven = {"attempts": 2, "failures": 2}
        facts = run_facts(record(attempts=lines, forgiven=forgiven))
        assert facts.short_lived == 1
        nothing_since = run_facts(record(attempts=lines[:2], forgiven=forgiven))
        assert retry_at(nothing_since) == 0


T0 = "2027-01-15T08:00:00Z"
LINE = {"number": 1, "job": "a-2-1", "outcome": "Failed", "started": T0, "finished": T0}
STORED: dict[str, Any] = {
    "phase": "Failed",
    "reason": "ProgramFailed",
    "message": "The program exited with code 3.",
    "attempts": [LINE],
    "attemptsMade": 1,
    "failures": 1,
    "metrics": {"loss": 9.0},
    "nonFinite": {"grad": "nan"},
    "value": 9.0,
    "history": [{"step": 3, "metrics": {"loss": 9.0}}],
    "progress": {
        "iterations": 3,
        "lastStep": 3,
        "best": 9.0,
        "brackets": [{"iteration": 3, "value": 9.0}],
    },
    "startTime": T0,
    "completionTime": T0,
}


def record(requested: int | None = None, **status: Any) -> dict[str, Any]:
    """A SweepRun as stored."""
    spec: dict[str, Any] = {"sweep": "a", "number": 2, "parameters": {"x": 1}}
    if requested is not None:
        spec["attemptsRequested"] = requested
    return {"metadata": {"name": "a-2", "uid": "u", "labels": {}}, "spec": spec, "status": status}


class TestRecord:
    def reopened(self, requested: int | None = None, **more: Any) -> dict[str, Any]:
        stored = STORED | more
        facts = run_facts(record(requested, **stored))
        status = merged(stored, rerun_status(facts, 4))
        SweepRunStatus.model_validate(status)
        return status

    def test_it_waits_for_its_next_attempt_as_if_it_had_never_begun(self) -> None:
        status = self.reopened()
        assert (status["phase"], status["reason"]) == ("Pending", "Rerun")
        facts = run_facts(record(**status))
        assert not facts.settled
        assert not facts.started
        assert facts.reopened
        assert facts.ended is None
        assert (facts.current_attempt, facts.attempt_open) == (2, False)

    def test_what_the_lost_attempts_brought_is_no_result_of_the_next(self) -> None:
        status = self.reopened()
        assert not {"metrics", "nonFinite", "value"} & status.keys()
        assert not run_facts(record(**status)).reported

    def test_its_attempts_its_history_and_how_far_it_had_come_stay(self) -> None:
        status = self.reopened()
        assert status["attempts"] == [LINE]
        assert (status["attemptsMade"], status["failures"]) == (1, 1)
        assert status["history"] == STORED["history"]
        assert status["progress"]["iterations"] == 3

    def test_what_it_was_at_brackets_is_forgotten_so_that_it_is_not_stopped_at_its_start(
        self,
    ) -> None:
        assert run_facts(record(**self.reopened())).brackets == ()

    def test_one_that_never_reported_gets_no_progress(self) -> None:
        facts = run_facts(record(**{**STORED, "progress": None}))
        assert "progress" not in rerun_status(facts, 1)

    def test_it_answers_what_is_asked_and_is_not_run_again_for_it(self) -> None:
        status = self.reopened(requested=2)
        lost = run_facts(record(2, **{**status, "phase": "Failed"}))
        assert not must_rerun(Regime(SweepState.RUNNING, rerun_failed=4), lost)
        assert must_rerun(Regime(SweepState.RUNNING, rerun_failed=5), lost)
        assert must_rerun(
            Regime(SweepState.RUNNING, rerun_failed=4), lost._replace(asked=lost.asked + 1)
        )

    def test_a_second_time_all_that_was_used_up_by_then_is_forgiven(self) -> None:
        lines = [LINE, {**LINE, "number": 2}, {**LINE, "number": 3, "outcome": "Crashed"}]
        status = self.reopened(
            attempts=lines, failures=2, preemptions=1, forgiven={"attempts": 1, "failures": 1}
        )
        assert run_facts(record(**status)).forgiven == Forgiven(3, preemptions=1, failures=2)

    def test_a_run_that_ends_answers_both_numbers(self) -> None:
        facts = run_facts(record(3, **STORED))
        assert answered_status(facts, 4) == {
            "observedRerunFailed": 4,
            "observedAttemptsRequested": 3,
        }

    def test_where_nobody_asks_nothing_is_written(self) -> None:
        facts = run_facts(record(**STORED))
        assert answered_status(facts, 0) == {}

    def test_it_never_answers_less_than_before(self) -> None:
        """A new leader's Sweep may be older than the record that the last one wrote."""
        facts = run_facts(record(**STORED, observedRerunFailed=4))
        assert answered_status(facts, 3)["observedRerunFailed"] == 4


def test_a_reopened_run_that_starts_runs_like_any() -> None:
    started = REOPENED._replace(
        phase=RunPhase.RUNNING, attempt=2, attempt_open=True, started=True, reason=""
    )
    keeping = Keeping(0.0, 600.0)
    for regime in (REACHED, SPENT, ASKED._replace(state=SweepState.STOPPED)):
        going = pod(2, 2, started=NOW)
        assert next_step(started, {2: job(2, 2)}, going, regime, keeping, NOW) is None
