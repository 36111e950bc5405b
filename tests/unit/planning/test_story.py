"""Which changes of a status become Events, and which are written at once."""

from typing import Any

import pytest

from sweep_operator.planning.story import Happening, happenings, pressing, reruns


def status(phase: str = "Running", failed: int = 0, **conditions: str) -> dict[str, Any]:
    """A status; conditions by their type, given by reason, with a ! for those that are false."""
    reasons = {"Ready": "Running", **conditions}
    return {
        "phase": phase,
        "observedGeneration": 1,
        "runs": {"failed": failed, "finished": 0},
        "conditions": [
            {
                "type": name,
                "status": "False" if reason.startswith("!") else "True",
                "reason": reason.strip("!"),
                "message": f"message of {name}",
            }
            for name, reason in reasons.items()
        ],
    }


def reasons(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [happening.reason for happening in happenings(old, new)]


def test_a_new_phase_is_told_with_what_ready_says() -> None:
    (told,) = happenings({}, status())
    assert told == Happening("Running", "message of Ready")


@pytest.mark.parametrize("phase", ["Crashed", "Failed"])
def test_a_bad_phase_is_a_warning(phase: str) -> None:
    (told,) = happenings(status(), status(phase))
    assert told.warning


def test_no_change_is_no_news() -> None:
    assert happenings(status(Stalled="QuotaExceeded"), status(Stalled="QuotaExceeded")) == []


def test_a_trouble_is_told_once_and_so_is_its_end() -> None:
    quiet, stalled = status(Stalled="!NotStalled"), status(Stalled="QuotaExceeded")
    assert reasons(quiet, stalled) == ["QuotaExceeded"]
    assert reasons(stalled, stalled) == []
    assert reasons(stalled, quiet) == ["StalledOver"]


def test_a_trouble_with_another_reason_is_another_trouble() -> None:
    old, new = status(Stalled="QuotaExceeded"), status(Stalled="JobRefused")
    assert reasons(old, new) == ["JobRefused"]


def test_pods_that_do_not_start_are_a_trouble_too() -> None:
    found = happenings(status(), status(PodsNotStarting="ImagePullBackOff"))
    assert [(each.reason, each.warning) for each in found] == [("ImagePullBackOff", True)]


@pytest.mark.parametrize(("total", "words"), [(1, "1 run has"), (4, "4 runs have")])
def test_failed_runs_are_told_by_their_total(total: int, words: str) -> None:
    (told,) = happenings(status(failed=total - 1), status(failed=total))
    assert told == Happening("RunsFailed", f"{words} failed so far.", warning=True, tally=True)


def test_failed_runs_are_told_before_the_phase_that_follows() -> None:
    assert reasons(status(failed=2), status("Failed", failed=3)) == ["RunsFailed", "Failed"]


def test_runs_that_failed_no_longer_are_no_news() -> None:
    assert happenings(status(failed=2), status(failed=1)) == []


class TestPressing:
    def test_counts_and_words_are_not(self) -> None:
        new = status(failed=3) | {"best": {"number": 1}, "lastNumber": 9}
        new["conditions"][0]["message"] = "other words"
        assert not pressing(status(), new)

    @pytest.mark.parametrize(
        "new",
        [
            status("Paused"),
            status() | {"observedGeneration": 2},
            status(Ready="!Running"),
            status(Ready="Finished"),
            status(Stalled="QuotaExceeded"),
        ],
        ids=["phase", "generation", "condition", "reason", "another condition"],
    )
    def test_all_else_is(self, new: dict[str, Any]) -> None:
        assert pressing(status(), new)

    def test_the_first_status_is(self) -> None:
        assert pressing({}, status())


@pytest.mark.parametrize(("count", "runs"), [(1, "1 run is"), (3, "3 runs are")])
def test_runs_that_are_run_again_are_told_by_their_number(count: int, runs: str) -> None:
    assert reruns(count).note == f"{runs} run again by request."
