"""Which process is which: a process id means nothing without the time its process was started.

Ids are reused. Nothing is ever signalled here before the kernel confirmed that the id still
belongs to the process that was recorded, and the signal goes through a pidfd, so that it cannot
change in between.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process id together with its start time in clock ticks since boot (proc(5), field 22)."""

    pid: int
    start_time: int

    @classmethod
    def find(cls, pid: int) -> Process | None:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        state, start_time = parse_stat(stat)
        return None if state in "ZX" else cls(pid, start_time)

    def alive(self) -> bool:
        return Process.find(self.pid) == self

    def send(self, signal_number: signal.Signals) -> None:
        """Signal this very process; nothing happens if it has ended, whoever has its id now."""
        _send(self.pid, signal_number, self.alive)


def parse_stat(stat: str) -> tuple[str, int]:
    """State and start time. The second field, the program's name, may hold spaces and brackets."""
    fields = stat.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _send(pid: int, signal_number: signal.Signals, still_ours: Callable[[], bool]) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if still_ours():
            signal.pidfd_send_signal(descriptor, signal_number)
    except ProcessLookupError:
        pass
    finally:
        os.close(descriptor)


def inside(namespace_owner: Process) -> dict[int, int]:
    """Host process ids of everything in a process's PID namespace, keyed by the ids used inside."""
    namespace = _pid_namespace(namespace_owner.pid)
    found: dict[int, int] = {}
    if namespace is None or not namespace_owner.alive():
        return found
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and _pid_namespace(int(entry.name)) == namespace:
            try:
                status = Path(entry.path, "status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            ids = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
            found[int(ids[-1])] = int(ids[1])
    return found


def _pid_namespace(pid: int) -> str | None:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def kill_cgroups(folders: Iterable[Path], timeout: float = 20) -> None:
    """Kill every process in the given cgroups and below, and remove the cgroups.

    The kernel keeps this record of what a cluster started, so it also holds for a cluster whose
    creator was killed before it could write anything down.
    """
    deadline = time.monotonic() + timeout
    folders = list(folders)
    while remaining := [f for f in folders if f.exists()]:
        for folder in remaining:
            for group, _, _ in os.walk(folder, topdown=False):
                for pid in _members(Path(group)):
                    _send(pid, signal.SIGKILL, partial(_is_member, pid, Path(group)))
                with suppress(OSError):  # not empty yet: its processes are still ending
                    Path(group).rmdir()
        if time.monotonic() > deadline:
            left = {
                str(f): [p for g, _, _ in os.walk(f) for p in _members(Path(g))] for f in remaining
            }
            raise TimeoutError(f"these cgroups still hold processes after {timeout:.0f} s: {left}")
        time.sleep(0.02)


def _is_member(pid: int, group: Path) -> bool:
    return pid in _members(group)


def _members(group: Path) -> list[int]:
    try:
        return [int(line) for line in (group / "cgroup.procs").read_text().split()]
    except OSError:
        return []
