"""What a search may learn from."""

import pytest
from tests.unit.planning.facts import crashed, finished, ledger, run, running

from sweep_operator.api.run import RunPhase
from sweep_operator.planning.experience import experience
from sweep_operator.search.method import Observation, Pending

X = {"x": 1}


def test_a_finished_run_tells_its_value() -> None:
    observations, pending = experience(ledger(finished(1, value=0.5), goal="minimize"))
    assert observations == [Observation(1, X, 0.5)]
    assert pending == []


def test_lower_is_better_whatever_the_goal() -> None:
    observations, _ = experience(ledger(finished(1, value=0.5), goal="maximize"))
    assert observations[0].value == -0.5


def test_a_failed_run_tells_that_its_parameters_are_bad() -> None:
    failed = finished(1)._replace(phase=RunPhase.FAILED)
    assert experience(ledger(failed))[0] == [Observation(1, X, None, failed=True)]


def test_one_without_a_finite_value_has_none() -> None:
    assert experience(ledger(finished(1), goal="minimize"))[0] == [Observation(1, X, None)]


def test_one_that_was_stopped_early_tells_its_best() -> None:
    stopped = finished(1)._replace(phase=RunPhase.KILLED, reason="EarlyTerminated", best=0.75)
    assert experience(ledger(stopped, goal="minimize"))[0] == [Observation(1, X, 0.75)]


@pytest.mark.parametrize("reason", ["Cancelled", "NotStarted"])
def test_others_that_were_killed_tell_nothing(reason: str) -> None:
    killed = finished(1, value=0.5)._replace(phase=RunPhase.KILLED, reason=reason)
    assert experience(ledger(killed, goal="minimize")) == ([], [])


def test_nor_does_one_that_crashed_for_good() -> None:
    assert experience(ledger(crashed()._replace(ended=1.0))) == ([], [])


def test_what_runs_or_waits_is_pending_in_the_order_of_numbers() -> None:
    _, pending = experience(ledger(run(3), crashed(2), running(1)))
    assert pending == [Pending(1, X), Pending(2, X), Pending(3, X)]
