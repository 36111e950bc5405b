"""Processes are who they were, or they are left alone."""

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from local_cluster.processes import Process, parse_stat


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_program_name_with_spaces_and_brackets_does_not_confuse() -> None:
    fields = ["S", *(str(number) for number in range(4, 53))]
    assert parse_stat(f"42 (a) b (c)) {' '.join(fields)}") == ("S", 22)


def test_a_process_is_itself() -> None:
    process = Process.find(os.getpid())
    assert process is not None
    assert process.alive()


def test_an_ended_process_is_not_found(sleeper: "subprocess.Popen[bytes]") -> None:
    process = Process.find(sleeper.pid)
    assert process is not None
    process.send(signal.SIGKILL)
    assert sleeper.wait(5) == -signal.SIGKILL
    assert not process.alive()
    assert Process.find(sleeper.pid) is None


def test_a_process_that_has_anothers_id_is_left_alone(sleeper: "subprocess.Popen[bytes]") -> None:
    process = Process.find(sleeper.pid)
    assert process is not None
    Process(process.pid, process.start_time - 1).send(signal.SIGKILL)
    with pytest.raises(subprocess.TimeoutExpired):
        sleeper.wait(0.2)
