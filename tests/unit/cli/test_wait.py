"""`kubectl sweep wait`, and what a pipeline makes of it."""

from typing import Any

import pytest
from tests.unit.cli.api_server import SWEEPS, Server, sweep

from sweep_operator.cli.main import main


def ended(server: Server, phase: str) -> None:
    done = {"type": "Failed" if phase == "Failed" else "Complete", "status": "True"}
    status: dict[str, Any] = {"phase": phase, "observedGeneration": 1, "conditions": [done]}
    server.answers["GET", f"{SWEEPS}/s"] = 200, sweep("s") | {"status": status}


@pytest.mark.parametrize(
    ("phase", "code"),
    [("Finished", 0), ("Stopped", 0), ("Cancelled", 0), ("Failed", 1), ("Crashed", 1)],
)
def test_a_pipeline_fails_where_the_sweep_came_to_a_bad_end(
    phase: str, code: int, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    ended(server, phase)
    assert main(["wait", "s"]) == code
    assert capsys.readouterr().out == f"{phase}\n"


def test_a_bad_end_that_is_waited_for_is_none(server: Server) -> None:
    ended(server, "Failed")
    assert main(["wait", "s", "--for", "Failed"]) == 0


def test_a_phase_that_will_never_be_is_told(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    ended(server, "Stopped")
    assert main(["wait", "s", "--for", "Finished"]) == 1
    assert capsys.readouterr().err == "error: s is Stopped and will not be Finished\n"


def test_a_time_that_is_over_is_told(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers["GET", f"{SWEEPS}/s"] = 200, sweep("s")
    server.answers["GET", SWEEPS] = 200, {"type": "BOOKMARK", "object": {}}  # of the watch
    assert main(["wait", "s", "--timeout", "0"]) == 1
    assert capsys.readouterr().err == "error: s is still Running after 0 s\n"
