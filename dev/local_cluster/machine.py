"""Machines seen from the host: make one, give it components, see which died, run a command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from local_cluster import machine_init
from local_cluster.errors import ClusterError
from local_cluster.layout import MachineLayout
from local_cluster.processes import Process, inside

_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class ComponentStatus:
    """What process 1 of a machine last wrote about one of its components."""

    machine: MachineLayout
    name: str
    running: bool
    """Its machine is up, whose process 1 hasn't said that it has ended."""
    pid: int | None
    """Host process id; None also of a component that has started or ended this very moment."""
    exit_code: int | None
    """As subprocess has it: negative for the signal that ended it."""

    def describe(self) -> str:
        if self.running:
            return f"running (pid {self.pid})" if self.pid else "running"
        if self.exit_code is None:
            return "gone with its machine"
        if self.exit_code < 0:
            return f"killed by {signal.Signals(-self.exit_code).name}"
        return f"exited with {self.exit_code}"

    def last_lines(self, count: int = 20) -> str:
        try:
            lines = self.machine.log(self.name).read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return "(no log)"
        return "\n".join(lines[-count:])


class Machine:
    """A handle on one machine; everything it knows stands in the machine's folder."""

    def __init__(self, layout: MachineLayout) -> None:
        self.layout = layout

    def start(self, programs: Path) -> None:
        """Start process 1. Returns when it has made its mounts and minds components."""
        folder = self.layout.folder
        for part in ("components", "lib", "log", "etc"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        _write(folder / "components.json", {})
        _write(
            folder / "machine.json",
            {
                "hostname": self.layout.name,
                "programs": str(programs),
                "cgroups": [str(group) for group in _make_cgroups(self.layout.cgroup)],
            },
        )
        log = folder / "components" / "init.log"
        with log.open("ab") as output:
            subprocess.run(
                [sys.executable, "-IS", machine_init.__file__, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            )
        deadline = time.monotonic() + 10
        while self.init is None:
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"machine {self.layout.name} did not start; its first process says:\n"
                    f"{log.read_text()}"
                )
            time.sleep(0.02)

    def _state(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads((self.layout.folder / "state.json").read_text())
        except FileNotFoundError:
            return {}
        return state

    @property
    def init(self) -> Process | None:
        """Process 1, if the machine is up."""
        recorded = self._state().get("init")
        if recorded is None:
            return None
        process = Process(recorded["pid"], recorded["start_time"])
        return process if process.alive() else None

    def run(self, components: dict[str, list[str]]) -> None:
        """Add components to those that the machine runs; one that it has already is restarted."""
        path = self.layout.folder / "components.json"
        wanted = json.loads(path.read_text())
        for name, argv in components.items():
            generation = wanted.get(name, {"generation": 0})["generation"] + 1
            wanted[name] = {"argv": argv, "generation": generation}
        _write(path, wanted)
        self._hang_up()

    def restart(self, component: str) -> None:
        argv = json.loads((self.layout.folder / "components.json").read_text())[component]["argv"]
        self.run({component: argv})

    def _hang_up(self) -> None:
        if self.init is None:
            raise ClusterError(
                f"machine {self.layout.name} is down: delete the cluster and create it anew"
            )
        self.init.send(signal.SIGHUP)

    def components(self) -> list[ComponentStatus]:
        init = self.init
        pids = inside(init) if init else {}
        found = []
        for name, component in self._state().get("components", {}).items():
            running = init is not None and component["exit"] is None
            pid = pids.get(component["pid"]) if running else None
            found.append(ComponentStatus(self.layout, name, running, pid, component["exit"]))
        return found

    def execute(
        self, command: list[str], stdin: IO[bytes] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command in the machine and hand back what it wrote; raises nothing by itself."""
        init = self.init
        if init is None:
            raise ClusterError(f"machine {self.layout.name} is down")
        enter = [
            "nsenter",
            f"--target={init.pid}",
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
            "--wd=/",
        ]
        return subprocess.run(
            [*enter, *command], stdin=stdin or subprocess.DEVNULL, capture_output=True, check=False
        )


def cgroup_folders(cgroup: str) -> list[Path]:
    """A group's folders on this host: one in version 2, one for each controller in version 1."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS / cgroup]
    hierarchies = [e for e in _CGROUPS.iterdir() if e.is_dir() and not e.is_symlink()]
    return [h / cgroup for h in hierarchies if h.name != "unified"]


def _make_cgroups(cgroup: str) -> list[Path]:
    folders = cgroup_folders(cgroup)
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        depth = cgroup.count("/") + 1
        for group in [*reversed([folder, *folder.parents][:depth])]:
            # Version 1: a new cpuset is empty, and nothing may join it until it has been given a
            # share.
            for setting in ("cpuset.cpus", "cpuset.mems"):
                file = group / setting
                if folder.is_relative_to(_CGROUPS / "cpuset") and not file.read_text().strip():
                    file.write_text((group.parent / setting).read_text())
            # Version 2: controllers are handed down level by level.
            if (group.parent / "cgroup.subtree_control").exists():
                controllers = (group.parent / "cgroup.controllers").read_text().split()
                enable = " ".join(f"+{c}" for c in controllers)
                (group.parent / "cgroup.subtree_control").write_text(enable)
    return folders


def _write(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all: process 1 may read at any moment."""
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(content))
    temporary.rename(path)
