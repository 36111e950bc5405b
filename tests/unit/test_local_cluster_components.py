"""What becomes of a machine's components, as the host is told of it."""

import json
import os
import signal
import subprocess
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from local_cluster import machine_init
from local_cluster.cluster import Clusters
from local_cluster.console import Console
from local_cluster.errors import ClusterError
from local_cluster.layout import Addresses, Cache, ClusterLayout, MachineLayout
from local_cluster.machine import ComponentStatus, Machine
from local_cluster.machine_init import Supervisor
from local_cluster.processes import Process


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine whose process 1 is the test's own."""
    (tmp_path / "components").mkdir()
    return Machine(MachineLayout("c", 0, IPv4Address("127.0.0.1"), tmp_path))


def init(**changes: int) -> dict[str, int]:
    process = Process.find(os.getpid())
    assert process is not None
    return {"pid": process.pid, "start_time": process.start_time} | changes


def written(machine: Machine, init: dict[str, int], **component: int | None) -> ComponentStatus:
    """What is seen of etcd once process 1 has written this of it."""
    state = {"init": init, "components": {"etcd": component}}
    (machine.layout.folder / "state.json").write_text(json.dumps(state))
    (status,) = machine.components()
    return status


def test_a_component_has_ended_when_process_1_says_so_and_not_before(machine: Machine) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        status = written(machine, init(), pid=process.pid, exit=None)
        assert status.describe() == f"running (pid {process.pid})"
        process.kill()
    status = written(machine, init(), pid=process.pid, exit=None)
    assert status.running, "what became of it isn't known yet"
    status = written(machine, init(), pid=process.pid, exit=3)
    assert (status.running, status.describe()) == (False, "exited with 3")


def test_a_component_is_gone_with_its_machine(machine: Machine) -> None:
    status = written(machine, init(start_time=0), pid=os.getpid(), exit=None)
    assert (status.running, status.describe()) == (False, "gone with its machine")


def test_a_machine_that_died_is_named_with_its_last_words_rather_than_what_it_took_along(
    tmp_path: Path,
) -> None:
    layout = ClusterLayout("c", tmp_path, Addresses(0))
    died = layout.control_plane
    died.logs.mkdir(parents=True)
    died.log("init").write_text("no space left")
    written(Machine(died), init(start_time=0), pid=os.getpid(), exit=None)
    clusters = Clusters(Cache(tmp_path), Console())
    with pytest.raises(ClusterError, match="machine c-control-plane died; it said:\nno space left"):
        clusters._wait(layout, "the API server to be ready", lambda: False)


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
