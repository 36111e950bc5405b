"""What a search may learn from."""

import pytest
from tests.unit.planning.facts import crashed, finished, ledger, run, running

from sweep_operator.api.objective import Impute
from sweep_operator.api.run import RunPhase
from sweep_operator.planning.experience import experience
from sweep_operator.planning.facts import RunFacts
from sweep_operator.planning.ledger import Ledger
from sweep_operator.search.method import Observation, Pending

X = {"x": 1}


def experience_of(
    account: Ledger, impute: str = "worst"
) -> tuple[list[Observation], list[Pending]]:
    return experience(account, Impute(impute))


def test_a_finished_run_tells_its_value() -> None:
    observations, pending = experience_of(ledger(finished(1, value=0.5), goal="minimize"))
    assert observations == [Observation(1, X, 0.5)]
    assert pending == []


def test_lower_is_better_whatever_the_goal() -> None:
    observations, _ = experience_of(ledger(finished(1, value=0.5), goal="maximize"))
    assert observations[0].value == -0.5


def test_a_failed_run_tells_that_its_parameters_are_bad() -> None:
    failed = finished(1)._replace(phase=RunPhase.FAILED)
    assert experience_of(ledger(failed))[0] == [Observation(1, X, None)]


def test_one_without_a_finite_value_has_none() -> None:
    assert experience_of(ledger(finished(1), goal="minimize"))[0] == [Observation(1, X, None)]


def test_one_that_was_stopped_early_tells_its_best() -> None:
    stopped = finished(1)._replace(phase=RunPhase.KILLED, reason="EarlyTerminated", best=0.75)
    assert experience_of(ledger(stopped, goal="minimize"))[0] == [Observation(1, X, 0.75)]


BROKEN = finished(1)._replace(phase=RunPhase.FAILED, best=0.25, latest=0.5)
DIVERGED = finished(1)._replace(best=0.25, latest=0.5)
SILENT = finished(1)._replace(phase=RunPhase.FAILED)


@pytest.mark.parametrize("record", [BROKEN, DIVERGED], ids=["failed", "no-value"])
@pytest.mark.parametrize(
    ("impute", "value"), [("worst", None), ("latest", 0.5), ("best", 0.25), ("ignore", None)]
)
def test_a_run_without_a_value_counts_as_the_sweep_says(
    record: RunFacts, impute: str, value: float | None
) -> None:
    (found,), _ = experience_of(ledger(record, goal="minimize"), impute)
    assert (found.value, found.ignored) == (value, impute == "ignore")


@pytest.mark.parametrize("impute", ["latest", "best"])
def test_what_is_imputed_has_the_goals_sign_too(impute: str) -> None:
    (found,), _ = experience_of(ledger(BROKEN._replace(best=0.5), goal="maximize"), impute)
    assert found.value == -0.5


@pytest.mark.parametrize("impute", ["worst", "latest", "best"])
def test_one_that_told_nothing_on_its_way_either_is_no_better_than_the_worst(impute: str) -> None:
    found, _ = experience_of(ledger(SILENT, goal="minimize"), impute)
    assert found == [Observation(1, X, None)]


@pytest.mark.parametrize("impute", ["worst", "latest", "best", "ignore"])
def test_nothing_is_imputed_to_a_run_that_has_a_value_or_was_stopped_early(impute: str) -> None:
    stopped = finished(2)._replace(phase=RunPhase.KILLED, reason="EarlyTerminated", best=0.75)
    valued = finished(1, value=0.5)._replace(best=0.1, latest=0.9)
    found, _ = experience_of(ledger(valued, stopped._replace(latest=2.0), goal="minimize"), impute)
    assert found == [Observation(1, X, 0.5), Observation(2, X, 0.75)]


@pytest.mark.parametrize("reason", ["Cancelled", "NotStarted"])
def test_others_that_were_killed_tell_nothing(reason: str) -> None:
    killed = finished(1, value=0.5)._replace(phase=RunPhase.KILLED, reason=reason)
    assert experience_of(ledger(killed, goal="minimize")) == ([], [])


def test_nor_does_one_that_crashed_for_good() -> None:
    assert experience_of(ledger(crashed()._replace(ended=1.0))) == ([], [])


def test_what_runs_or_waits_is_pending_in_the_order_of_numbers() -> None:
    _, pending = experience_of(ledger(run(3), crashed(2), running(1)))
    assert pending == [Pending(1, X), Pending(2, X), Pending(3, X)]


class TestRepeats:
    """Three runs of each point."""

    def known(self, *runs: RunFacts, cap: int | None = None) -> object:
        return experience_of(ledger(*runs, goal="maximize", repeats=3, run_cap=cap))

    def failed(self, number: int) -> RunFacts:
        return finished(number)._replace(phase=RunPhase.FAILED)

    def test_a_point_tells_the_mean_of_its_runs(self) -> None:
        runs = [finished(1, 1.0), finished(2, 2.0), finished(3, 6.0)]
        assert self.known(*runs) == ([Observation(1, X, -3.0)], [])

    def test_a_run_that_failed_does_not_spoil_the_mean_of_the_others(self) -> None:
        runs = [self.failed(1), finished(2, 2.0), finished(3, 6.0)]
        assert self.known(*runs) == ([Observation(1, X, -4.0)], [])

    def test_a_point_has_failed_if_all_its_runs_have(self) -> None:
        runs = [self.failed(1), self.failed(2), self.failed(3)]
        assert self.known(*runs) == ([Observation(1, X, None)], [])

    def test_a_point_without_a_value_counts_as_the_mean_of_what_its_runs_reported_last(
        self,
    ) -> None:
        runs = [self.failed(1)._replace(latest=1.0), self.failed(2)._replace(latest=2.0)]
        point = ledger(*runs, self.failed(3), repeats=3)
        assert experience(point, Impute.LATEST)[0] == [Observation(1, X, 1.5)]

    @pytest.mark.parametrize("last", [[], [running(6)], [crashed(6)]])
    def test_it_is_pending_until_all_its_runs_are_made_and_have_ended(
        self, last: list[RunFacts]
    ) -> None:
        runs = [finished(4, 1.0), finished(5, 1.0), *last]
        assert self.known(*runs) == ([], [Pending(2, X)])

    def test_but_for_those_that_the_cap_cuts(self) -> None:
        assert self.known(finished(4, 1.0), cap=4) == ([Observation(2, X, -1.0)], [])
