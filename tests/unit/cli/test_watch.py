"""What `kubectl sweep watch` shows."""

from datetime import UTC, datetime
from typing import Any

from sweep_operator.cli.watch import line, picture
from sweep_operator.client import Connection, Sweep

NOW = datetime(2026, 1, 1, 0, 2, tzinfo=UTC)


def sweep(cap: int | None = 8, **status: Any) -> Sweep:
    counts = {"failed": 1, "finished": 3, "pending": 0, "running": 2}  # an API server's order
    started = "2026-01-01T00:00:00Z"
    return Sweep(
        {
            "metadata": {"name": "s", "namespace": "ml"},
            "spec": {"runCap": cap} if cap else {},
            "status": {"phase": "Running", "runs": counts, "startTime": started, **status},
        },
        Connection(),
    )


def test_it_shows_how_much_is_done_how_fast_and_how_long_the_rest_takes() -> None:
    head, bar, counts = picture(sweep(), NOW)
    assert head == "ml/s  Running"
    assert bar == f"[{'#' * 20}{'.' * 20}] 4 of 8 runs ended, 2 a minute, about 2m left"
    assert counts == "2 running, 3 finished, 1 failed"


def test_a_sweep_without_an_end_has_no_bar() -> None:
    assert picture(sweep(cap=None), NOW)[1] == "4 runs ended, 2 a minute"


def test_a_sweep_that_makes_no_runs_has_no_pace() -> None:
    bar = picture(sweep(phase="Paused"), NOW)[1]
    assert bar.endswith("] 4 of 8 runs ended")


def test_it_shows_the_best_run_and_what_keeps_the_sweep_from_going_on() -> None:
    stalled = {"type": "Stalled", "status": "True", "message": "The quota is used up."}
    best = {"number": 2, "value": 0.5, "parameters": {"lr": 0.1}}
    lines = picture(sweep(best=best, conditions=[stalled]), NOW)
    assert lines[-2:] == ["best 0.5, run 2: lr=0.1", "Stalled: The quota is used up."]


def test_in_a_log_it_is_one_line() -> None:
    best = {"number": 2, "value": 0.5, "parameters": {"lr": 0.1}}
    assert line(sweep(best=best), NOW) == (
        "00:02:00 Running; 4/8 ended; 2 running, 3 finished, 1 failed; best 0.5 (run 2)"
    )
