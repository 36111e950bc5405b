"""A sweep's phase, as the table of states has it."""

import pytest
from tests.unit.planning.facts import crashed, finished, job, ledger, run, running

from sweep_operator.api.run import RunPhase
from sweep_operator.api.sweep import EndReason, SweepPhase, SweepState
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.phase import complete
from sweep_operator.planning.phase import phase as decide
from sweep_operator.planning.refusal import Stall
from sweep_operator.planning.regime import Regime

FOR_GOOD = Stall("JobRefused", "m", for_good=True)
FOR_NOW = Stall("QuotaExceeded", "m", for_good=False)
RUNNING = Regime(SweepState.RUNNING)
FAILED_RUN = finished(2)._replace(phase=RunPhase.FAILED)


def phase(account: Ledger, limit: int | None = 2, stall: Stall | None = None) -> SweepPhase:
    return decide(RUNNING, limit, account, stall, "")


@pytest.mark.parametrize(
    "account",
    [ledger(), ledger(finished(1)), ledger(finished(1), run(2), job(2))],
    ids=["nothing made", "runs left to make", "the last one active"],
)
def test_with_work_left_it_is_running(account: Ledger) -> None:
    assert phase(account) is SweepPhase.RUNNING


@pytest.mark.parametrize("last", [run(2), crashed(2), running(2)])
def test_a_last_run_that_waits_or_runs_keeps_it_running(last: object) -> None:
    assert phase(ledger(finished(1), last)) is SweepPhase.RUNNING  # type: ignore[arg-type]


def test_with_the_cap_reached_and_none_active_it_has_finished() -> None:
    assert phase(ledger(finished(1), finished(2))) is SweepPhase.FINISHED


def test_failed_runs_do_not_fail_it() -> None:
    assert phase(ledger(finished(1), FAILED_RUN)) is SweepPhase.FINISHED


def test_without_an_end_it_never_finishes() -> None:
    assert phase(ledger(finished(1), finished(2)), limit=None) is SweepPhase.RUNNING


@pytest.mark.parametrize("reason", EndReason)
def test_far_enough_and_with_none_active_it_has_finished_though_the_cap_is_not_reached(
    reason: EndReason,
) -> None:
    reached = Regime(SweepState.RUNNING, reached=reason)
    assert decide(reached, None, ledger(finished(1)), None, "") is SweepPhase.FINISHED
    active = ledger(finished(1), running(2), job(2))
    assert decide(reached, None, active, None, "") is SweepPhase.RUNNING


def test_a_raised_cap_makes_it_run_again() -> None:
    assert phase(ledger(finished(1), finished(2)), limit=3) is SweepPhase.RUNNING


def test_a_burned_number_counts_towards_the_end() -> None:
    account = ledger(finished(1), run(2))
    account.drop_run(2)
    assert phase(account) is SweepPhase.FINISHED


def test_refused_for_good_it_has_crashed() -> None:
    assert phase(ledger(running(1)), stall=FOR_GOOD) is SweepPhase.CRASHED


def test_refused_for_now_it_is_running() -> None:
    assert phase(ledger(running(1)), stall=FOR_NOW) is SweepPhase.RUNNING


def test_what_is_at_its_end_is_at_its_end_whatever_was_refused() -> None:
    assert phase(ledger(finished(1), finished(2)), stall=FOR_GOOD) is SweepPhase.FINISHED


@pytest.mark.parametrize("state", ["Paused", "Stopped", "Cancelled"])
def test_in_another_state_it_is_what_is_wanted(state: str) -> None:
    found = decide(Regime(SweepState(state)), 2, ledger(running(1)), None, "Running")
    assert found == state


def test_it_is_complete_when_it_has_finished_and_not_before() -> None:
    account = ledger(finished(1), finished(2))
    assert complete(SweepPhase.FINISHED, RUNNING, account)
    assert not complete(SweepPhase.RUNNING, RUNNING, account)
    assert not complete(SweepPhase.CRASHED, RUNNING, account)
