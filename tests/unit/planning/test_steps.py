"""What is next about one run, from its facts."""

import math
from collections.abc import Mapping
from itertools import product

import pytest
from tests.unit.planning.facts import (
    COMPLETE,
    FAILED,
    NOW,
    crashed,
    ended_pod,
    finished,
    job,
    pod,
    run,
    running,
)

from sweep_operator.api.run import RunPhase
from sweep_operator.api.sweep import SweepState
from sweep_operator.planning.facts import JobFacts, PodFacts, RunFacts, Trouble
from sweep_operator.planning.regime import Regime, StopReason, must_stop
from sweep_operator.planning.steps import (
    NO_POD_AFTER,
    POD_LAG,
    UNSCHEDULABLE_AFTER,
    AskWhyNoPod,
    ConfirmGone,
    DeleteJob,
    Keeping,
    LookForPod,
    RecordOutcome,
    RecordStarted,
    RecordTrouble,
    ReleasePod,
    Step,
    Wait,
    next_step,
)

TTL = 600.0


def step(
    record: RunFacts,
    *jobs: JobFacts,
    pod: PodFacts | None = None,
    now: float = NOW,
    since: float = 0.0,
    keep_until: float = 0.0,
) -> Step | None:
    """The next step of a run in a sweep that is Running."""
    by_attempt: Mapping[int, JobFacts] = {each.attempt: each for each in jobs}
    keeping = Keeping(since=since, ttl=TTL, until=keep_until)
    return next_step(record, by_attempt, pod, Regime(SweepState.RUNNING), keeping, now)


class TestStarting:
    def test_a_run_without_a_job_is_not_its_business(self) -> None:
        assert step(run()) is None
        assert step(crashed()) is None

    def test_a_start_is_recorded_once(self) -> None:
        started = pod(started=NOW)
        assert step(run(), job(), pod=started) == RecordStarted(job(), started)
        assert step(running(), job(), pod=started) is None

    def test_the_start_of_a_second_attempt_is_recorded_too(self) -> None:
        second, started = job(attempt=2), pod(attempt=2, started=NOW)
        found = step(crashed(), second, pod=started)
        assert found == RecordStarted(second, started)

    def test_a_new_job_is_given_time_for_its_pod(self) -> None:
        assert step(run(), job()) == Wait(NOW + NO_POD_AFTER)

    def test_a_job_that_gets_no_pod_is_asked_about(self) -> None:
        assert step(run(), job(), now=NOW + NO_POD_AFTER) == AskWhyNoPod(job())

    def test_a_job_that_says_it_has_pods_is_believed(self) -> None:
        assert step(run(), job(has_pods=True), now=NOW + 60) is None

    def test_a_suspended_job_is_left_alone_and_its_run_is_pending(self) -> None:
        for record in (run(), running()):
            found = step(record, job(suspended=True), now=NOW + 60)
            assert isinstance(found, RecordTrouble)
            assert found.reason == "Suspended"
        assert step(run(reason="Suspended"), job(suspended=True), now=NOW + 60) is None

    def test_a_run_suspended_on_its_way_is_pending_until_its_next_pod_runs(self) -> None:
        """Kueue suspends a Job, which ends its pod, and lets it go on later."""
        last = ended_pod(143, told=NOW)
        found = step(running(), job(suspended=True), pod=last)
        assert isinstance(found, RecordTrouble)
        assert found.reason == "Suspended"
        pending = running()._replace(phase=RunPhase.PENDING, reason="Suspended")
        assert step(pending, job(suspended=True), pod=last) is None
        assert step(pending, job(), pod=last) is None, "of the old pod nothing is news"
        following = pod(uid="next", started=NOW + 9)
        assert step(pending, job(), pod=following) == RecordStarted(job(), following)

    def test_time_in_a_queue_does_not_count_as_pending(self) -> None:
        regime = Regime(SweepState.RUNNING, pending_timeout=10)
        late = NOW + 3600
        assert must_stop(regime, run(), job(suspended=True), late) is None
        assert must_stop(regime, run(), job(pending_since=late - 9), late) is None
        assert must_stop(regime, run(), job(), late) is StopReason.PENDING_TIMEOUT

    def test_a_mark_of_preemption_is_recorded_once(self) -> None:
        marked = pod(started=NOW, preempting=True)
        assert step(running(), job(), pod=marked) == RecordStarted(job(), marked)
        assert step(running()._replace(preempting=True), job(), pod=marked) is None

    def test_a_trouble_is_recorded_once_and_so_is_its_end(self) -> None:
        trouble = Trouble("ImagePullBackOff", "no such image", NOW)
        stuck = run(reason="ImagePullBackOff")
        expected = RecordTrouble("ImagePullBackOff", "no such image")
        assert step(run(), job(), pod=pod(trouble=trouble)) == expected
        assert step(stuck, job(), pod=pod(trouble=trouble)) is None
        assert step(stuck, job(), pod=pod()) == RecordTrouble("", "")

    def test_a_pod_that_finds_no_node_is_a_trouble_only_after_a_while(self) -> None:
        unscheduled = pod(trouble=Trouble("Unschedulable", "m", NOW))
        due = NOW + UNSCHEDULABLE_AFTER
        assert step(run(), job(), pod=unscheduled) == Wait(due)
        found = step(run(), job(), pod=unscheduled, now=due)
        assert found == RecordTrouble("Unschedulable", "m")

    def test_a_running_run_that_gets_another_pod_stays_running(self) -> None:
        """Kueue suspends a Job and lets it go on."""
        assert step(running(), job(), pod=pod()) is None


class TestStuckPods:
    stuck = pod(started=NOW, told=NOW, gone_by=NOW + 30)

    @pytest.mark.parametrize("record", [run(), running()])
    def test_a_pod_that_should_have_gone_is_given_up_only_after_its_time(
        self, record: RunFacts
    ) -> None:
        for last in (self.stuck, self.stuck._replace(started=None)):
            if record.phase is RunPhase.PENDING and last.started is not None:
                continue  # its start is recorded first
            due = NOW + 30 + Regime(SweepState.RUNNING).unreachable_after
            assert step(record, job(), pod=last) == Wait(due)
            assert step(record, job(), pod=last, now=due) == ReleasePod(last)

    def test_a_pod_that_has_ended_or_was_not_told_to_go_never_is(self) -> None:
        late = NOW + 3600
        ended = self.stuck._replace(terminal=True)
        assert step(running(), job(), pod=ended, now=late) is None
        assert step(running(), job(), pod=pod(started=NOW), now=late) is None


class TestEnding:
    def test_an_ended_job_whose_pod_has_spoken_is_recorded(self) -> None:
        ended, last = job(end=COMPLETE), ended_pod()
        found = step(running(), ended, pod=last)
        assert isinstance(found, RecordOutcome)
        assert found.job == ended
        assert found.pod == last
        assert found.verdict.outcome is RunPhase.FINISHED

    def test_a_run_that_ended_before_its_start_was_seen_is_recorded_too(self) -> None:
        found = step(run(), job(end=FAILED), pod=ended_pod(3))
        assert isinstance(found, RecordOutcome)
        assert found.verdict.outcome is RunPhase.FAILED

    @pytest.mark.parametrize("last", [None, pod(started=NOW)])
    def test_a_pods_last_word_is_waited_for_and_then_asked_for(self, last: PodFacts | None) -> None:
        ended = job(end=COMPLETE)
        assert step(running(), ended, pod=last) == Wait(NOW + POD_LAG)
        found = step(running(), ended, pod=last, now=NOW + POD_LAG)
        assert found == LookForPod(ended, COMPLETE)

    def test_a_recorded_run_is_recorded_no_more(self) -> None:
        assert isinstance(step(finished(), job(end=COMPLETE), pod=ended_pod()), Wait)

    def test_a_job_that_has_vanished_is_confirmed_to_be_gone(self) -> None:
        assert step(running(attempt=3)) == ConfirmGone(3)

    def test_a_job_on_its_way_out_is_waited_for(self) -> None:
        assert step(running(), job(deleting=True), pod=pod(started=NOW)) is None

    def test_a_job_on_its_way_out_that_has_ended_is_recorded(self) -> None:
        found = step(running(), job(deleting=True, end=COMPLETE), pod=ended_pod())
        assert isinstance(found, RecordOutcome)


class TestCleaningUp:
    def test_a_recorded_job_stays_its_time_and_goes(self) -> None:
        ended = job(end=COMPLETE)
        assert step(finished(), ended) == Wait(NOW + TTL)
        assert step(finished(), ended, now=NOW + TTL) == DeleteJob(ended)

    def test_its_time_begins_no_sooner_than_the_operator(self) -> None:
        """Its outcome may have been recorded a moment ago, though it ended long before."""
        ended = job(end=COMPLETE)
        later = NOW + 10 * TTL
        assert step(finished(), ended, now=later, since=later) == Wait(later + TTL)

    def test_the_best_runs_job_stays_while_it_is_the_best(self) -> None:
        ended = job(end=COMPLETE)
        assert step(finished(), ended, now=NOW + 100 * TTL, keep_until=math.inf) is None

    def test_the_best_runs_job_goes_after_the_sweeps_end(self) -> None:
        ended, until = job(end=COMPLETE), NOW + 5 * TTL
        assert step(finished(), ended, keep_until=until) == Wait(until)
        assert step(finished(), ended, now=until, keep_until=until) == DeleteJob(ended)

    def test_earlier_attempts_jobs_go_while_the_run_runs(self) -> None:
        first = job(end=FAILED)
        found = step(
            running(attempt=2),
            first,
            job(attempt=2),
            pod=pod(attempt=2, started=NOW),
            now=NOW + TTL,
        )
        assert found == DeleteJob(first)

    def test_earlier_attempts_jobs_of_the_best_run_are_not_kept_for_it(self) -> None:
        first, second = job(end=FAILED), job(attempt=2, end=COMPLETE)
        best = finished()._replace(attempt=2)
        found = step(best, first, second, now=NOW + TTL, keep_until=math.inf)
        assert found == DeleteJob(first)

    def test_a_job_that_is_being_deleted_is_not_deleted_again(self) -> None:
        assert step(finished(), job(end=COMPLETE, deleting=True), now=NOW + TTL) is None

    def test_a_job_whose_outcome_is_not_on_record_is_never_deleted(self) -> None:
        ends, nows = (None, COMPLETE, FAILED), (NOW, NOW + TTL, NOW + 1e9)
        pods = (None, pod(), pod(started=NOW), ended_pod(), ended_pod(3))
        records = (run(), running(), crashed(attempt=1))
        for end, now, last, record in product(ends, nows, pods, records):
            current = job(attempt=record.current_attempt, end=end)
            assert not isinstance(step(record, current, pod=last, now=now), DeleteJob)


class TestNoHotLoops:
    def test_a_wait_is_always_for_later(self) -> None:
        ends = (None, COMPLETE, FAILED)
        troubles = (None, Trouble("Unschedulable", "", NOW), Trouble("X", "", NOW))
        pods = [None, ended_pod(), *(pod(trouble=trouble) for trouble in troubles)]
        records = (run(), run(reason="X"), running(), crashed(), finished())
        for end, last, record, delay in product(
            ends, pods, records, (0, 1, 2, 3, 5, 599, 600, 1e9)
        ):
            now = NOW + delay
            found = step(record, job(end=end), pod=last, now=now)
            assert not isinstance(found, Wait) or found.until > now
