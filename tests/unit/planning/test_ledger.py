"""The account of a sweep's runs: whatever the order of facts, it says what they say."""

from random import Random
from typing import Any

import pytest
from tests.unit.planning.facts import (
    COMPLETE,
    NOW,
    crashed,
    ended_pod,
    finished,
    job,
    ledger,
    pod,
    run,
    running,
)

from sweep_operator.api.run import RunPhase
from sweep_operator.api.sweep import EndReason
from sweep_operator.planning.facts import JobFacts, PodFacts, RunFacts
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.points import Yardstick


class TestSlots:
    def test_a_record_without_a_job_waits_and_holds_no_slot(self) -> None:
        account = ledger(run())
        assert (account.active, account.waiting) == (set(), {1})

    def test_a_record_with_a_job_is_active(self) -> None:
        account = ledger(run(), job())
        assert (account.active, account.waiting) == ({1}, set())

    def test_an_ended_job_holds_its_slot_until_its_outcome_is_on_record(self) -> None:
        account = ledger(running(), job(end=COMPLETE))
        assert account.active == {1}
        account.put_run(finished())
        assert (account.active, account.waiting) == (set(), set())

    def test_an_open_attempt_whose_job_has_vanished_holds_its_slot(self) -> None:
        account = ledger(running(), job())
        account.drop_job(1, "a-1-1")
        assert account.active == {1}

    def test_a_crashed_run_waits_and_its_next_job_is_active(self) -> None:
        account = ledger(crashed(), job(end=COMPLETE))
        assert account.waiting == {1}
        account.put_job(job(attempt=2))
        assert account.active == {1}

    def test_a_job_that_may_have_been_made_holds_its_slot(self) -> None:
        account = ledger(run())
        account.doubt(1)
        assert account.active == {1}
        account.clear(1)
        assert account.waiting == {1}

    def test_a_job_that_comes_before_its_record_counts_once_both_are_there(self) -> None:
        account = ledger(job(), run())
        assert account.active == {1}

    def test_a_deleted_record_holds_nothing(self) -> None:
        account = ledger(running(), job())
        account.drop_run(1)
        assert (account.active, account.waiting) == (set(), set())
        assert account.counts[RunPhase.RUNNING] == 0


class TestNumbers:
    def test_the_highest_number_ever_used_survives_its_record(self) -> None:
        account = ledger(run(1), run(2))
        account.drop_run(2)
        assert account.last_number == 2

    def test_a_deleted_record_makes_it_doubt_its_sweep(self) -> None:
        account = ledger(run())
        assert not account.bereft
        account.drop_run(1)
        assert account.bereft


class TestCounts:
    def test_each_run_counts_once_in_its_phase(self) -> None:
        account = ledger(run(1), run(2), running(1), finished(1), finished(2))
        assert account.counts[RunPhase.PENDING] == 0
        assert account.counts[RunPhase.RUNNING] == 0
        assert account.counts[RunPhase.FINISHED] == 2


class TestBest:
    @pytest.mark.parametrize(("goal", "number"), [("minimize", 2), ("maximize", 3)])
    def test_it_is_the_best_finished_run_by_the_goal(self, goal: str, number: int) -> None:
        values = {1: 5.0, 2: 1.0, 3: 9.0}
        account = ledger(*(finished(n, value) for n, value in values.items()), goal=goal)
        assert account.best == (number, values[number])

    def test_a_tie_goes_to_the_lower_number_in_whatever_order_they_end(self) -> None:
        for order in ((1, 2), (2, 1)):
            account = ledger(*(finished(number, 1.0) for number in order), goal="minimize")
            assert account.best == (1, 1.0)

    def test_a_run_that_failed_or_has_no_finite_metric_is_never_best(self) -> None:
        failed = finished(1, 0.1)._replace(phase=RunPhase.FAILED)
        assert ledger(failed, finished(2), goal="minimize").best is None

    def test_without_a_metric_there_is_none(self) -> None:
        assert ledger(finished(1, 1.0)).best is None

    def test_it_is_found_anew_when_the_best_goes_or_changes(self) -> None:
        account = ledger(finished(1, 1.0), finished(2, 2.0), goal="minimize")
        assert account.best == (1, 1.0)
        account.put_run(finished(1, 3.0))
        assert account.best == (2, 2.0)
        account.drop_run(2)
        assert account.best == (1, 3.0)

    def test_a_beaten_run_is_looked_at_as_its_job_need_not_stay(self) -> None:
        account = ledger(finished(1, 2.0), goal="minimize")
        account.take_touched(NOW)
        account.put_run(finished(2, 1.0))
        assert account.best == (2, 1.0)
        assert account.take_touched(NOW) == [1, 2]


class TestLooks:
    def test_what_has_changed_is_handed_over_once_lowest_first(self) -> None:
        account = ledger(run(3), run(1), job(3))
        assert account.take_touched(NOW) == [1, 3]
        assert account.take_touched(NOW) == []

    def test_a_pods_news_is_a_change(self) -> None:
        account = ledger(run(), job())
        account.take_touched(NOW)
        account.put_pod(1, pod())
        assert account.take_touched(NOW) == [1]

    def test_a_run_is_looked_at_when_it_is_due(self) -> None:
        account = ledger(run())
        account.take_touched(NOW)
        account.look_at(1, NOW + 5)
        assert account.next_look == NOW + 5
        assert account.take_touched(NOW + 4) == []
        assert account.take_touched(NOW + 5) == [1]
        assert account.next_look is None

    def test_a_later_wish_replaces_an_earlier_one(self) -> None:
        account = ledger(run())
        account.take_touched(NOW)
        account.look_at(1, NOW + 5)
        account.look_at(1, NOW + 9)
        assert account.take_touched(NOW + 6) == []
        assert account.take_touched(NOW + 9) == [1]

    def test_the_same_wish_again_and_again_costs_no_memory(self) -> None:
        account = ledger(run())
        for _ in range(1000):
            account.look_at(1, NOW + 5)
        assert len(account._looks) == 1


class TestPods:
    def test_the_newest_pod_of_the_current_attempts_job_counts(self) -> None:
        old, new = pod(uid="old", created=NOW), pod(uid="new", created=NOW + 9)
        for order in ((old, new), (new, old)):
            account = ledger(run(), job(), *order)
            assert account.pod_of(account.runs[1]) == new

    def test_a_pod_of_an_earlier_attempt_does_not_count(self) -> None:
        account = ledger(crashed(), job(), job(attempt=2), pod())
        assert account.pod_of(account.runs[1]) is None

    def test_an_ended_pods_last_word_is_kept_as_long_as_its_job(self) -> None:
        account = ledger(running(), job(), ended_pod(message="{}"))
        account.drop_pod(1, "a-1-1-p")
        last = account.pod_of(account.runs[1])
        assert last is not None
        assert last.termination_message == "{}"
        account.drop_job(1, "a-1-1")
        assert account.pods == {}

    def test_another_pod_that_goes_does_not_take_it_along(self) -> None:
        account = ledger(running(), job(), pod())
        account.drop_pod(1, "another")
        assert account.pod_of(account.runs[1]) is not None


class TestWhateverTheOrder:
    @pytest.mark.parametrize("seed", range(40))
    @pytest.mark.parametrize("repeats", [1, 2, 3])
    def test_kept_by_differences_it_says_the_same_as_counted_anew(
        self, seed: int, repeats: int
    ) -> None:
        random = Random(seed)
        cap = 5 if repeats > 1 else None
        account = ledger(goal="minimize", min_improvement=0.5, repeats=repeats, run_cap=cap)
        for _ in range(400):
            number = random.randint(1, 6)
            attempt = random.randint(1, 3)
            match random.randint(0, 7):
                case 0 | 1:
                    value = random.choice([None, 1.0, 2.0, 3.0])
                    records = [run(number), running(number, attempt), crashed(number, attempt)]
                    done = finished(number, value)._replace(ended=NOW + random.randint(0, 3))
                    account.put_run(random.choice([*records, done]))
                case 2 | 3:
                    end = random.choice([None, COMPLETE])
                    account.put_job(job(number, attempt, end=end))
                case 4:
                    account.put_pod(number, pod(number, attempt))
                case 5:
                    account.drop_run(number)
                case 6:
                    account.drop_job(number, f"a-{number}-{attempt}")
                case 7:
                    account.drop_pod(number, f"a-{number}-{attempt}-p")
            assert_same(account, anew(account))
        for number in range(1, 7):
            account.drop_run(number)
            for attempt in range(1, 4):
                account.drop_job(number, f"a-{number}-{attempt}")
                account.drop_pod(number, f"a-{number}-{attempt}-p")
        assert account.empty
        assert account.active == account.waiting == set()


def test_a_job_gone_before_anything_of_it_was_on_record_holds_its_slot_until_that_is() -> None:
    account = ledger(run(1, phase=RunPhase.PENDING), job(1, 1))
    account.drop_job(1, "a-1-1")
    assert account.active == {1}
    account.put_run(run(1, phase=RunPhase.CRASHED, attempt=1, resource_version=9))
    assert account.waiting == {1}


def anew(account: Ledger) -> Ledger:
    """The same facts in another order."""
    things: list[RunFacts | JobFacts | PodFacts] = [
        each for pods in account.pods.values() for each in pods.values()
    ]
    things += [each for jobs in account.jobs.values() for each in jobs.values()]
    things += reversed(account.runs.values())
    again = ledger(*things)
    again.judge_by(account.yardstick)
    again.use_up_to(account.last_number)
    for gone in account.vanished.values():  # no fact tells of what is gone
        again.put_job(gone)
        again.drop_job(gone.number, gone.name)
    return again


def assert_same(one: Ledger, other: Ledger) -> None:
    assert one.active == other.active
    assert one.waiting == other.waiting
    assert +one.counts == +other.counts
    assert one.best == other.best
    assert one.stillness is not None
    assert other.stillness is not None
    assert one.stillness.runs == other.stillness.runs
    assert one.points == other.points


class TestTarget:
    def test_it_is_reached_by_a_run_that_finished_as_well_or_better(self) -> None:
        account = ledger(finished(1, value=0.5), goal="minimize")
        assert account.end(0.5, None) is EndReason.TARGET
        assert account.end(0.4, None) is None
        assert account.end(None, None) is None

    def test_or_by_one_on_its_way(self) -> None:
        account = ledger(running()._replace(best=0.9), goal="maximize")
        assert account.end(0.8, None) is EndReason.TARGET

    def test_a_failed_runs_value_reaches_nothing(self) -> None:
        failed = finished(1, value=0.5)._replace(phase=RunPhase.FAILED)
        assert ledger(failed, goal="minimize").end(0.5, None) is None

    def test_a_goal_that_is_learnt_late_counts_for_what_was_there(self) -> None:
        account = ledger(finished(1, value=0.5))
        account.judge_by(Yardstick("maximize"))
        assert account.end(0.5, None) is EndReason.TARGET

    def test_what_has_ended_so_stays_so(self) -> None:
        account = ledger(goal="minimize")
        account.end_reason = EndReason.PLATEAU
        assert account.end(0.1, 9) is EndReason.PLATEAU


class TestPlateau:
    def account(self, *values: float | None, least: float = 0.0, goal: str = "minimize") -> Ledger:
        """Runs that ended one after the other."""
        runs = [finished(n, value)._replace(ended=NOW + n) for n, value in enumerate(values, 1)]
        return ledger(*runs, goal=goal, min_improvement=least)

    def still(self, account: Ledger) -> int:
        assert account.stillness is not None
        return account.stillness.runs

    def test_it_is_reached_by_so_many_runs_since_the_last_that_was_better(self) -> None:
        account = self.account(3.0, 2.0, 2.0, 5.0)
        assert account.end(None, 2) is EndReason.PLATEAU
        assert account.end(None, 3) is None
        assert account.end(None, None) is None

    def test_better_is_what_the_goal_says(self) -> None:
        assert self.still(self.account(1.0, 2.0, 3.0, goal="maximize")) == 0
        assert self.still(self.account(1.0, 2.0, 3.0, goal="minimize")) == 2

    def test_an_improvement_that_is_too_small_is_none(self) -> None:
        assert self.still(self.account(1.0, 0.75, 0.5, least=0.5)) == 2

    def test_small_ones_add_up(self) -> None:
        assert self.still(self.account(1.0, 0.75, 0.25, least=0.5)) == 0

    def test_runs_without_a_value_do_not_count(self) -> None:
        account = self.account(1.0, None, 2.0)
        account.put_run(finished(4, 0.5)._replace(phase=RunPhase.FAILED))
        account.put_run(crashed(5))
        account.put_run(running(6)._replace(best=0.5))
        assert self.still(account) == 1

    def test_one_that_was_stopped_early_counts_with_its_best(self) -> None:
        stopped = finished(3)._replace(phase=RunPhase.KILLED, reason="EarlyTerminated", best=1.5)
        stopped = stopped._replace(ended=NOW + 3)
        account = self.account(1.0, 2.0)
        account.put_run(stopped)
        assert self.still(account) == 2
        account.put_run(stopped._replace(best=0.5))
        assert self.still(account) == 0

    def test_runs_count_in_the_order_in_which_they_ended_whatever_their_numbers(self) -> None:
        early, late = finished(2, 1.0), finished(1, 2.0)._replace(ended=NOW + 1)
        for order in ((early, late), (late, early)):
            assert self.still(ledger(*order, goal="minimize", min_improvement=0)) == 1

    def test_a_spec_that_is_learnt_late_counts_for_what_was_there(self) -> None:
        account = ledger(finished(1, 1.0), finished(2, 2.0))
        account.judge_by(Yardstick("minimize", 0.0))
        assert self.still(account) == 1


class TestRepeats:
    def account(self, *runs: RunFacts, cap: int | None = None, **more: Any) -> Ledger:
        """Points of three runs each; a lower mean is better."""
        return ledger(*runs, goal="minimize", repeats=3, run_cap=cap, **more)

    def ended(self, *values: float) -> list[RunFacts]:
        return [finished(n, value)._replace(ended=NOW + n) for n, value in enumerate(values, 1)]

    def test_the_best_is_the_best_mean_and_the_first_of_its_runs_stands_for_it(self) -> None:
        account = self.account(*self.ended(0.0, 5.0, 4.0, 1.0, 2.0, 3.0))
        assert account.best == (4, 2.0)

    def test_a_point_counts_once_all_its_runs_have_ended(self) -> None:
        account = self.account(*self.ended(5.0, 5.0, 5.0, 1.0, 1.0), running(6))
        assert account.best == (1, 5.0)
        account.put_run(finished(6, 4.0))
        assert account.best == (4, 2.0)

    def test_nor_does_one_count_with_runs_still_to_be_made(self) -> None:
        assert self.account(*self.ended(5.0, 5.0)).best is None

    def test_but_one_that_the_cap_cuts_does(self) -> None:
        account = self.account(*self.ended(5.0, 5.0, 5.0, 1.0), cap=4)
        assert account.best == (4, 1.0)
        account.judge_by(account.yardstick._replace(run_cap=5))
        assert account.best == (1, 5.0)

    def test_and_one_whose_last_record_is_gone(self) -> None:
        account = self.account(*self.ended(5.0, 5.0))
        account.use_up_to(3)
        assert account.best == (1, 5.0)

    def test_and_one_of_whose_last_run_nobody_has_heard_once_a_later_one_is_there(self) -> None:
        account = self.account(*self.ended(5.0, 5.0))
        account.put_run(run(4))
        assert account.best == (1, 5.0)

    def test_a_run_that_failed_or_has_no_value_leaves_the_mean_to_the_others(self) -> None:
        failed = finished(1, 0.1)._replace(phase=RunPhase.FAILED)
        account = self.account(failed, finished(2), finished(3, 4.0))
        assert account.best == (3, 4.0)

    def test_a_run_that_no_longer_stands_for_the_best_is_looked_at_as_its_job_need_not_stay(
        self,
    ) -> None:
        account = self.account(*self.ended(5.0, 5.0, 5.0, 1.0), cap=4)
        assert account.best == (4, 1.0)
        account.take_touched(NOW)
        account.judge_by(account.yardstick._replace(run_cap=5))
        assert account.take_touched(NOW) == [4]

    def test_a_target_is_reached_by_a_mean_and_by_no_run_alone(self) -> None:
        account = self.account(*self.ended(1.0, 1.0), running(3)._replace(best=0.5))
        assert account.end(2.0, None) is None
        account.put_run(finished(3, 4.0))
        assert account.end(2.0, None) is EndReason.TARGET
        assert account.end(1.9, None) is None

    def test_a_plateau_looks_at_means_and_counts_runs(self) -> None:
        account = self.account(*self.ended(2.0, 2.0, 2.0, 0.0, 3.0, 3.0), min_improvement=0.0)
        assert account.end(None, 3) is EndReason.PLATEAU
        assert account.end(None, 4) is None

    def test_a_point_counts_when_its_last_run_has_ended(self) -> None:
        late = self.ended(1.0, 1.0)
        late.append(finished(3, 1.0)._replace(ended=NOW + 9))
        account = self.account(*late, *self.ended(0, 0, 0, 2.0, 2.0, 2.0)[3:], min_improvement=0.0)
        assert account.end(None, 1) is None

    def test_the_mean_of_the_largest_numbers_is_one(self) -> None:
        assert self.account(*self.ended(1.5e308, 1.5e308, 1.5e308)).best == (1, 1.5e308)
