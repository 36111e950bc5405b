"""A Sweep's status: what is true, in counts, conditions and sentences."""

from typing import Any

import pytest
from tests.unit.planning.facts import crashed, finished, intent, job, ledger, run, running

from sweep_operator.api.run import RunPhase
from sweep_operator.api.sweep import SweepStatus
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.refusal import Stall
from sweep_operator.planning.status import (
    Condition,
    conditions_with_times,
    invalid_status,
    sweep_status,
)

T0, T1 = "2027-01-15T08:00:00Z", "2027-01-15T08:00:09Z"
QUOTA = Stall("QuotaExceeded", "no room", for_good=False)
RBAC = Stall("JobRefused", "not allowed", for_good=True)


def status(
    account: Ledger,
    stall: Stall | None = None,
    previous: dict[str, Any] | None = None,
    now: str = T0,
    **spec: Any,
) -> dict[str, Any]:
    found = sweep_status(intent(**spec), account, stall, 0, previous or {}, now)
    SweepStatus.model_validate(found)
    return found


def condition(found: dict[str, Any], name: str) -> dict[str, Any]:
    by_type = {each["type"]: each for each in found["conditions"]}
    found_one: dict[str, Any] = by_type.get(name, {})
    return found_one


class TestCounts:
    def test_each_phase_has_its_count_and_active_ones_are_counted(self) -> None:
        account = ledger(run(1), running(2), finished(3), crashed(4), job(1))
        found = status(account)
        assert found["runs"] == {
            "pending": 1,
            "running": 1,
            "finished": 1,
            "failed": 0,
            "crashed": 1,
            "killed": 0,
        }
        assert found["active"] == 2
        assert found["lastNumber"] == 4

    def test_the_selector_finds_the_sweeps_pods(self) -> None:
        assert status(ledger())["selector"] == "sweep-operator.io/sweep-uid=u"

    def test_it_says_which_spec_it_speaks_of(self) -> None:
        assert status(ledger())["observedGeneration"] == 4


class TestBest:
    def test_it_has_number_value_and_parameters(self) -> None:
        account = ledger(finished(1, 2.0), finished(2, 1.0), goal="minimize")
        assert status(account)["best"] == {
            "run": "a-2",
            "number": 2,
            "value": 1.0,
            "parameters": {"x": 1},
        }

    def test_without_one_it_is_absent(self) -> None:
        assert "best" not in status(ledger(finished(1)))


class TestTimes:
    def test_the_start_is_kept(self) -> None:
        first = status(ledger())
        assert first["startTime"] == T0
        assert status(ledger(), previous=first, now=T1)["startTime"] == T0

    def test_the_end_is_kept_and_goes_when_it_goes_on(self) -> None:
        account = ledger(finished(1), finished(2))
        ended = status(account, runCap=2)
        assert ended["completionTime"] == T0
        later = status(account, previous=ended, now=T1, runCap=2)
        assert later["completionTime"] == T0
        assert "completionTime" not in status(account, previous=ended, runCap=3)

    def test_the_same_facts_give_the_same_status_whenever_it_is(self) -> None:
        """Else it would be written for ever."""
        for account in (ledger(), ledger(running(1)), ledger(finished(1), finished(2))):
            for stall in (None, QUOTA, RBAC):
                first = status(account, stall, runCap=2)
                assert status(account, stall, previous=first, now=T1, runCap=2) == first


class TestConditions:
    def test_a_sweep_under_way_is_ready_and_not_complete(self) -> None:
        found = status(ledger(running(1)))
        assert condition(found, "Ready")["status"] == "True"
        assert condition(found, "Complete")["status"] == "False"
        assert condition(found, "Stalled")["status"] == "False"

    def test_a_finished_sweep_is_ready_and_complete_and_says_why(self) -> None:
        found = status(ledger(finished(1), finished(2)), runCap=2)
        assert found["phase"] == "Finished"
        assert condition(found, "Ready")["status"] == "True"
        complete = condition(found, "Complete")
        assert (complete["status"], complete["reason"]) == ("True", "Finished")
        assert "cap of 2 runs" in complete["message"]

    def test_a_finished_grid_says_that_it_was_the_grid(self) -> None:
        grid: dict[str, Any] = {"method": "grid", "parameters": {"x": {"values": [1]}}}
        found = status(ledger(finished(1)), **grid, runCap=5)
        assert "end of the grid" in condition(found, "Complete")["message"]

    @pytest.mark.parametrize(("stall", "phase"), [(QUOTA, "Running"), (RBAC, "Crashed")])
    def test_a_stalled_sweep_is_not_ready_and_says_why(self, stall: Stall, phase: str) -> None:
        found = status(ledger(running(1)), stall)
        assert found["phase"] == phase
        for name, truth in (("Stalled", "True"), ("Ready", "False")):
            told = condition(found, name)
            expected = (truth, stall.reason, stall.message)
            assert (told["status"], told["reason"], told["message"]) == expected

    def test_conditions_of_troubles_are_absent_until_they_have_been_true_once(self) -> None:
        quiet = status(ledger())
        assert condition(quiet, "PodsNotStarting") == {}
        stuck = status(ledger(run(1, reason="Unschedulable"), job(1)), previous=quiet)
        assert condition(stuck, "PodsNotStarting")["status"] == "True"
        over = status(ledger(running(1)), previous=stuck)
        assert condition(over, "PodsNotStarting")["status"] == "False"


class TestPodsNotStarting:
    def test_it_is_true_when_no_active_run_starts_and_says_why_the_first_does_not(self) -> None:
        account = ledger(
            run(1, reason="ImagePullBackOff", message="no such image"),
            run(2, reason="Unschedulable"),
            job(1),
            job(2),
        )
        told = condition(status(account), "PodsNotStarting")
        assert told["status"] == "True"
        assert told["reason"] == "ImagePullBackOff"
        assert "no such image" in told["message"]
        assert condition(status(account), "Ready")["status"] == "False"

    @pytest.mark.parametrize(
        "other", [running(2), run(2)], ids=["one that runs", "one that says nothing yet"]
    )
    def test_it_is_not_as_long_as_another_may_start(self, other: Any) -> None:
        account = ledger(run(1, reason="Unschedulable"), job(1), other, job(2))
        assert condition(status(account), "PodsNotStarting") == {}

    def test_runs_without_a_job_do_not_count(self) -> None:
        assert condition(status(ledger(run(1, reason="Unschedulable"))), "PodsNotStarting") == {}


class TestInvalid:
    def sweep(self, generation: int, state: str = "Running", **more: Any) -> dict[str, Any]:
        return {"metadata": {"generation": generation}, "spec": {"state": state}, **more}

    @pytest.mark.parametrize(
        ("state", "complete"), [("Paused", "False"), ("Stopped", "True"), ("Cancelled", "True")]
    )
    def test_it_is_what_its_state_says_where_that_is_not_running(
        self, state: str, complete: str
    ) -> None:
        stall = Stall("InvalidSpec", "spec.x: is wrong", for_good=True)
        found = invalid_status(stall, self.sweep(4, state), T0)
        assert found["phase"] == state
        assert condition(found, "Complete")["status"] == complete

    def test_it_has_crashed_and_says_why(self) -> None:
        stall = Stall("InvalidSpec", "spec.x: is wrong", for_good=True)
        found = invalid_status(stall, self.sweep(4), T0)
        SweepStatus.model_validate(found)
        assert found["phase"] == "Crashed"
        assert found["observedGeneration"] == 4
        assert condition(found, "Stalled")["message"] == "spec.x: is wrong"
        assert condition(found, "Ready")["status"] == "False"

    def test_what_its_runs_say_stays(self) -> None:
        before = status(ledger(finished(1, 1.0), goal="minimize"))
        found = invalid_status(RBAC, self.sweep(5, status=before), T1)
        assert found["best"] == before["best"]
        assert found["runs"] == before["runs"]


class TestTransitionTimes:
    def told(self, *, truth: bool, reason: str = "R") -> list[Condition]:
        return [Condition("Ready", truth, reason, "m")]

    def test_the_time_is_of_the_last_change_of_the_status_not_of_the_words(self) -> None:
        first = conditions_with_times(self.told(truth=True), (), T0)
        same = conditions_with_times(self.told(truth=True, reason="Other"), first, T1)
        other = conditions_with_times(self.told(truth=False), first, T1)
        assert same[0]["lastTransitionTime"] == T0
        assert same[0]["reason"] == "Other"
        assert other[0]["lastTransitionTime"] == T1

    def test_a_message_is_cut_to_what_is_read(self) -> None:
        (written,) = conditions_with_times([Condition("Ready", True, "R", "m" * 9999)], (), T0)
        assert len(written["message"]) == 1024


def test_failed_runs_leave_it_ready() -> None:
    failed = finished(1)._replace(phase=RunPhase.FAILED)
    assert condition(status(ledger(failed)), "Ready")["status"] == "True"
