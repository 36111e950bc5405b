"""The demo's progress line and its table of runs."""

from typing import Any

import pytest

from walkthrough import report


def sweep(**status: Any) -> dict[str, Any]:
    return {
        "spec": {
            "runCap": 12,
            "metric": {"name": "accuracy", "goal": "maximize"},
            "parameters": {"width": {}, "alpha": {}},
        },
        "status": status,
    }


def run(number: int, value: float | None, phase: str = "Finished") -> dict[str, Any]:
    status: dict[str, Any] = {"phase": phase} | ({} if value is None else {"value": value})
    return {
        "spec": {"number": number, "parameters": {"width": 8 * number, "alpha": 0.1234567}},
        "status": status,
    }


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ({}, "not seen yet: no runs of 12"),
        (
            {"phase": "Running", "runs": {"running": 3, "finished": 1, "failed": 0}},
            "Running: 3 running, 1 finished of 12",
        ),
        (
            {
                "phase": "Finished",
                "runs": {"finished": 12},
                "best": {"value": 0.97, "number": 4},
            },
            "Finished: 12 finished of 12; best accuracy 0.97 (run 4)",
        ),
    ],
)
def test_progress_names_runs_by_status_and_the_best(status: dict[str, Any], line: str) -> None:
    assert report.progress(sweep(**status)) == line


def test_table_has_the_best_run_first_and_runs_without_a_value_last() -> None:
    runs = [run(1, None, "Failed"), run(2, 0.5), run(3, 0.9)]
    assert report.table(sweep(), runs).splitlines() == [
        "RUN  STATUS    ACCURACY  ALPHA   WIDTH",
        "3    Finished  0.9       0.1235  24",
        "2    Finished  0.5       0.1235  16",
        "1    Failed    -         0.1235  8",
    ]


def test_troubles_are_the_conditions_that_are_true() -> None:
    conditions = [
        {"type": "Ready", "status": "True", "message": "fine"},
        {"type": "Stalled", "status": "True", "message": "quota exceeded"},
        {"type": "PodsNotStarting", "status": "False"},
    ]
    assert report.troubles(sweep(conditions=conditions)) == ["Stalled: quota exceeded"]
