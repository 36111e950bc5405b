"""What becomes of a machine's components, as the host is told of it."""

import json
import os
import signal
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from local_cluster import machine_init
from local_cluster.layout import MachineLayout
from local_cluster.machine import Machine
from local_cluster.machine_init import Supervisor
from local_cluster.processes import Process


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine whose process 1 is the test's own."""
    (tmp_path / "components").mkdir()
    return Machine(MachineLayout("c", 0, IPv4Address("127.0.0.1"), tmp_path))


def init() -> dict[str, int]:
    process = Process.find(os.getpid())
    assert process is not None
    return {"pid": process.pid, "start_time": process.start_time}


@pytest.mark.parametrize(
    ("program", "mode", "reason"),
    [
        ("#!/bin/sh", 0o644, "Permission denied"),
        ("no program", 0o755, "Exec format error"),
        (None, 0, "No such file"),
    ],
)
def test_a_component_that_can_not_be_executed_has_exited_with_the_reason_as_its_last_words(
    machine: Machine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: str | None,
    mode: int,
    reason: str,
) -> None:
    broken = tmp_path / "broken"
    if program is not None:
        broken.write_text(program)
        broken.chmod(mode)
    wanted = {
        "broken": {"argv": [str(broken)], "generation": 1},
        "well": {"argv": ["sleep", "60"], "generation": 1},
    }
    (tmp_path / "components.json").write_text(json.dumps(wanted))
    monkeypatch.setattr(machine_init, "MACHINE", tmp_path)
    monkeypatch.setenv("PATH", os.environ["PATH"])  # which a Supervisor changes
    Supervisor(init()).mind()
    first, second = machine.components()
    assert (first.running, first.describe()) == (False, "exited with 127")
    assert reason in first.last_lines()
    assert str(broken) in first.last_lines()
    assert second.running, "the others are none the worse"
    assert second.pid is not None
    os.kill(second.pid, signal.SIGKILL)
    os.waitpid(second.pid, 0)
