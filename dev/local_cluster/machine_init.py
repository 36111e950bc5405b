"""Process 1 of a machine: makes Linux namespaces look like a computer, minds its components.

It runs as a program of its own, in three steps:
  `machine_init.py FOLDER`           on the host: joins the machine's cgroups, makes namespaces;
  `machine_init.py FOLDER --inside`  in them: forks, as only a child enters a new PID namespace;
  the child                          is process 1: mounts, then starts what components.json lists.

The host rewrites components.json and sends SIGHUP; process 1 starts what is new, restarts what
has a new generation, and writes to state.json what became of each. It restarts nothing by itself:
a test that kills a kubelet wants it dead, and a cluster whose scheduler crashes should say so.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAMS = Path("/run/programs")
MACHINE = Path("/run/machine")

# What the machine hides of the host: /run (sockets, locks and network namespaces of its own),
# /var/lib and /var/log (the kubelet's and containerd's default folders, some of which are not
# configurable).
_MOUNTS = """
set -e
mount --make-rshared /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 run /run
mkdir -p {programs} {machine} /run/lock
mount --bind "$1" {programs}
mount --bind "$2" {machine}
mount --bind {machine}/lib /var/lib
mount --bind {machine}/log /var/log
mount -t sysfs sysfs /sys
ip link set lo up
echo 1 > /proc/sys/net/ipv4/ip_forward
"""


def main(folder: Path, *, inside: bool) -> None:
    spec = json.loads((folder / "machine.json").read_text())
    if not inside:
        for group in spec["cgroups"]:
            Path(group, "cgroup.procs").write_text("0")
        command = ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
        os.execvp(command[0], [*command, sys.executable, "-IS", __file__, str(folder), "--inside"])
    if os.fork():
        os._exit(0)
    os.setsid()
    host_pid = Path("/proc/self").readlink()  # still the host's /proc: the id that the host knows
    start_time = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    hierarchies = _cgroup_mounts(Path("/proc/self/mountinfo").read_text())
    socket.sethostname(spec["hostname"])
    script = _MOUNTS.format(programs=PROGRAMS, machine=MACHINE)
    subprocess.run(["sh", "-c", script, "sh", spec["programs"], str(folder)], check=True)
    _mount_cgroups(hierarchies)
    os.chdir("/")
    Supervisor({"pid": int(str(host_pid)), "start_time": int(start_time)}).run()


def _cgroup_mounts(mountinfo: str) -> list[tuple[str, str, str]]:
    """Mount point, type and options of the host's cgroup hierarchies (proc(5), mountinfo)."""
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split()[:3]
        mount_point = before.split()[4]
        if kind == "cgroup" or (kind == "cgroup2" and mount_point == "/sys/fs/cgroup"):
            found.append((mount_point, kind, options))
    return found


def _mount_cgroups(hierarchies: list[tuple[str, str, str]]) -> None:
    """Mount the hierarchies anew: in a cgroup namespace, their root is the machine's own group."""
    root = Path("/sys/fs/cgroup")
    if [kind for _, kind, _ in hierarchies] == ["cgroup2"]:
        _mount("cgroup2", "rw", root)
        # In version 2 a group holds processes or groups with controllers, never both.
        (root / "init").mkdir()
        (root / "init/cgroup.procs").write_text("0")
        controllers = (root / "cgroup.controllers").read_text().split()
        (root / "cgroup.subtree_control").write_text(" ".join(f"+{c}" for c in controllers))
        return
    _mount("tmpfs", "mode=755", root)
    for mount_point, kind, options in hierarchies:
        target = root / Path(mount_point).name
        target.mkdir()
        _mount(kind, options, target)
        controllers = [o for o in options.split(",") if o in target.name.split(",")]
        for controller in controllers:  # cpu,cpuacct is also reachable as cpu and as cpuacct
            if controller != target.name:
                (root / controller).symlink_to(target.name)


def _mount(kind: str, options: str, target: Path) -> None:
    subprocess.run(["mount", "-t", kind, "-o", options, kind, str(target)], check=True)


_NOT_EXECUTED = 127
"""The exit code of a component that can't be executed, as a shell has it."""


class Supervisor:
    """Starts components, reaps everything, and writes down what happened."""

    _signals = (signal.SIGCHLD, signal.SIGHUP)

    def __init__(self, init: dict[str, int]) -> None:
        self._state: dict[str, Any] = {"init": init, "components": {}}
        path = f"{PROGRAMS}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        os.environ["PATH"] = path  # posix_spawnp searches ours, not the one that it hands on
        self._environ = {"PATH": path, "HOME": "/root"}

    def run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, self._signals)
        while True:
            self._reap()
            self.mind()
            signal.sigwaitinfo(self._signals)

    def mind(self) -> None:
        """Start what is new, and write down what became of each."""
        self._start()
        _write(MACHINE / "state.json", self._state)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for component in self._state["components"].values():
                if component["pid"] == pid and component["exit"] is None:
                    component["exit"] = os.waitstatus_to_exitcode(status)

    def _start(self) -> None:
        wanted = json.loads((MACHINE / "components.json").read_text())
        for name, component in wanted.items():
            known = self._state["components"].get(name)
            if known and known["generation"] == component["generation"]:
                continue
            if known and known["exit"] is None:
                os.kill(known["pid"], signal.SIGKILL)
                os.waitpid(known["pid"], 0)
            pid = self._spawn(name, component["argv"])
            self._state["components"][name] = {
                "pid": pid,
                "exit": _NOT_EXECUTED if pid is None else None,
                "generation": component["generation"],
            }

    def _spawn(self, name: str, argv: list[str]) -> int | None:
        """Start a component; None, and the reason in its log, where it can't be executed."""
        log = MACHINE / "components" / f"{name}.log"
        to_log = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            return os.posix_spawnp(
                argv[0],
                argv,
                self._environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, str(log), to_log, 0o644),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
                setsigmask=[],
                setsid=True,
            )
        except OSError as error:  # process 1 must not end with it, and the machine with that
            with log.open("a") as words:
                words.write(f"{error}\n")
            return None


def _write(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all: the host may read at any moment."""
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(content))
    temporary.rename(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), inside="--inside" in sys.argv[2:])
