"""Which runs may start: never too many, never past the end, those that wait first."""

from random import Random
from typing import Any

import pytest
from tests.unit.planning.facts import NOW, crashed, finished, job, ledger, run, running

from sweep_operator.api.sweep import SweepState
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.quota import Quota, Start
from sweep_operator.planning.quota import quota as choose
from sweep_operator.planning.regime import Regime


def quota(
    account: Ledger,
    parallelism: int = 3,
    limit: int | None = 100,
    state: SweepState = SweepState.RUNNING,
    **more: Any,
) -> Quota:
    settings = {"stalled": False, "now": NOW} | more
    return choose(Regime(state), parallelism, limit, account, **settings)


def numbers(found: Quota) -> list[int]:
    return [start.number for start in found.starts]


def test_a_new_sweep_starts_as_many_as_may_run_at_a_time_in_order() -> None:
    assert quota(ledger()).starts == [Start(number, 1, fresh=True) for number in (1, 2, 3)]


def test_active_runs_hold_their_slots() -> None:
    assert numbers(quota(ledger(running(1), running(2)))) == [3]
    assert numbers(quota(ledger(running(1), running(2), running(3)))) == []


def test_more_active_than_allowed_after_it_was_lowered_start_nothing() -> None:
    account = ledger(*(running(number) for number in range(1, 9)))
    assert numbers(quota(account, parallelism=2)) == []


def test_settled_runs_hold_none() -> None:
    assert numbers(quota(ledger(finished(1), finished(2)))) == [3, 4, 5]


def test_no_run_is_made_past_the_limit() -> None:
    assert numbers(quota(ledger(finished(1)), limit=2)) == [2]
    assert numbers(quota(ledger(finished(1), finished(2)), limit=2)) == []


def test_without_a_limit_it_goes_on_for_ever() -> None:
    assert numbers(quota(ledger(finished(999_999)), limit=None)) == [
        1_000_000,
        1_000_001,
        1_000_002,
    ]


def test_a_run_that_waits_for_its_job_goes_before_new_ones() -> None:
    found = quota(ledger(run(1), running(2)))
    assert found.starts == [Start(1, 1, fresh=False), Start(3, 1, fresh=True)]


def test_a_crashed_run_that_is_due_goes_before_new_ones_with_its_next_attempt() -> None:
    found = quota(ledger(crashed(1, attempt=2, ended=NOW - 3600)), parallelism=1)
    assert found.starts == [Start(1, 3, fresh=False)]


def test_a_run_in_backoff_holds_no_slot_and_says_when_to_look_again() -> None:
    found = quota(ledger(crashed(1, ended=NOW - 4), crashed(2, ended=NOW)))
    assert numbers(found) == [3, 4, 5]
    assert found.look_again == NOW + 6


def test_backoff_goes_on_past_the_limit() -> None:
    found = quota(ledger(crashed(1, ended=NOW)), limit=1)
    assert found == ([], NOW + 10)


def test_while_creations_are_refused_one_is_tried() -> None:
    assert numbers(quota(ledger(run(1), run(2)), stalled=True)) == [1]


def test_one_is_tried_only_where_there_is_room() -> None:
    account = ledger(running(1), running(2), running(3), run(4))
    assert numbers(quota(account, stalled=True)) == []


@pytest.mark.parametrize("state", [s for s in SweepState if s is not SweepState.RUNNING])
def test_in_no_other_state_is_a_run_made_or_one_started_that_never_was(state: SweepState) -> None:
    assert quota(ledger(run(1)), state=state).starts == []


def test_a_number_burned_by_a_deletion_is_not_used_again() -> None:
    account = ledger(finished(1), finished(2))
    account.drop_run(2)
    assert numbers(quota(account, parallelism=1)) == [3]


@pytest.mark.parametrize("seed", range(50))
def test_whatever_there_is_parallelism_and_limit_are_kept_and_no_number_comes_twice(
    seed: int,
) -> None:
    random = Random(seed)
    account = Ledger()
    for number in range(1, random.randint(1, 30)):
        kinds = [run(number), running(number), crashed(number, ended=NOW - 7), finished(number)]
        account.put_run(random.choice(kinds))
        if random.random() < 0.3:
            account.put_job(job(number, random.randint(1, 2)))
    parallelism, limit = random.randint(1, 12), random.choice([None, 10, 40])
    stalled = random.random() < 0.3
    found = quota(account, parallelism, limit, stalled=stalled, now=NOW + random.randint(0, 9))
    started = numbers(found)
    assert len(started) == len(set(started))
    assert not account.active & set(started)
    assert not started or len(account.active) + len(started) <= parallelism
    assert len(started) <= 1 or not stalled
    for start in found.starts:
        assert start.fresh is (start.number > account.last_number)
        assert not start.fresh or limit is None or start.number <= limit
