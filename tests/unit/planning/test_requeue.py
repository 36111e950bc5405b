"""Whether and when a run is attempted again."""

import pytest
from tests.unit.planning.facts import NOW, crashed, run

from sweep_operator.api.run import RunPhase
from sweep_operator.api.sweep import SweepState
from sweep_operator.planning.facts import RunFacts
from sweep_operator.planning.regime import Regime, StopReason, ends
from sweep_operator.planning.requeue import Aftermath, aftermath, retry_at
from sweep_operator.planning.verdict import CANCELLED, JOB_GONE, Verdict

LOST = Verdict(RunPhase.CRASHED, "PodDeleted", "Deleted.", 137)
BROKEN = Verdict(RunPhase.FAILED, "ProgramFailed", "The program exited with code 3.", 3)
DONE = Verdict(RunPhase.FINISHED, "Completed", "", 0)


def after(
    found: Verdict, record: RunFacts, *, retries: int = 0, preemptions: int = -1
) -> Aftermath:
    regime = Regime(SweepState.RUNNING, max_retries=retries, max_preemptions=preemptions)
    return aftermath(found, record, regime)


class TestPreemptions:
    @pytest.mark.parametrize("found", [LOST, JOB_GONE])
    def test_a_crash_is_counted_and_the_run_goes_on(self, found: Verdict) -> None:
        spent = after(found, run(preemptions=500))
        assert (spent.phase, spent.final) == (RunPhase.CRASHED, False)
        assert (spent.preemptions, spent.failures) == (501, 0)

    @pytest.mark.parametrize(("made", "final"), [(0, False), (1, False), (2, True)])
    def test_it_stays_crashed_when_its_budget_is_used_up(self, made: int, final: bool) -> None:
        spent = after(LOST, run(preemptions=made), preemptions=2)
        assert spent.final is final
        assert spent.phase is RunPhase.CRASHED

    def test_then_the_record_says_which_budget_and_what_happened_last(self) -> None:
        spent = after(LOST, run(), preemptions=0)
        assert spent.reason == "PreemptionsExhausted"
        assert "spec.preemption.maxPreemptions (0)" in spent.message
        assert "PodDeleted" in spent.message

    def test_preemptions_never_eat_failures(self) -> None:
        spent = after(LOST, run(failures=3), retries=3, preemptions=1)
        assert (spent.final, spent.failures) == (False, 3)


class TestRetries:
    def test_a_failed_run_is_not_tried_again_by_default(self) -> None:
        spent = after(BROKEN, run())
        assert (spent.phase, spent.final) == (RunPhase.FAILED, True)
        assert (spent.reason, spent.message) == (BROKEN.reason, BROKEN.message)
        assert spent.failures == 1

    def test_a_run_with_a_retry_left_waits_for_its_next_attempt(self) -> None:
        spent = after(BROKEN, run(), retries=1)
        assert (spent.phase, spent.final, spent.reason) == (RunPhase.PENDING, False, "Retrying")
        assert "Retry 1 of 1" in spent.message
        assert BROKEN.message in spent.message

    def test_a_run_that_has_used_up_its_retries_has_failed_and_says_so(self) -> None:
        spent = after(BROKEN, run(failures=1), retries=1)
        assert (spent.phase, spent.final) == (RunPhase.FAILED, True)
        assert "maxRetries (1) is used up" in spent.message

    def test_failures_never_eat_preemptions(self) -> None:
        spent = after(BROKEN, run(preemptions=5), retries=1, preemptions=5)
        assert (spent.final, spent.preemptions) == (False, 5)

    def test_a_run_that_found_no_place_in_time_is_not_tried_again(self) -> None:
        """The time to wait is the user's own word."""
        spent = after(ends(StopReason.PENDING_TIMEOUT), run(), retries=3)
        assert (spent.phase, spent.final, spent.failures) == (RunPhase.FAILED, True, 0)


@pytest.mark.parametrize("found", [DONE, CANCELLED, ends(StopReason.NOT_STARTED)])
def test_other_ends_are_for_good_and_count_against_nothing(found: Verdict) -> None:
    spent = after(found, run(), retries=3)
    assert spent.final
    assert (spent.preemptions, spent.failures) == (0, 0)


def test_a_run_that_is_held_waits_and_nothing_is_counted() -> None:
    spent = after(ends(StopReason.HELD), run())
    assert (spent.phase, spent.final) == (RunPhase.PENDING, False)
    assert (spent.preemptions, spent.failures) == (0, 0)


class TestBackoff:
    def test_it_doubles_from_10_seconds_to_10_minutes(self) -> None:
        delays = [retry_at(crashed(attempt=attempt)) - NOW for attempt in range(1, 9)]
        assert delays == [10, 20, 40, 80, 160, 320, 600, 600]

    def test_it_is_bounded_after_any_number_of_crashes(self) -> None:
        assert retry_at(crashed(attempt=100_000)) == NOW + 600

    def test_a_run_whose_attempt_had_its_minute_has_none(self) -> None:
        assert retry_at(crashed()._replace(short_lived=0)) == 0

    def test_a_new_run_has_none(self) -> None:
        assert retry_at(run()) == 0
