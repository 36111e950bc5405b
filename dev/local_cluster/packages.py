"""Debian packages that a cluster needs: which are missing, and how they get there."""

from __future__ import annotations

import os
import shutil
import subprocess
import time

from local_cluster.console import Console
from local_cluster.errors import ClusterError

NEEDED = (
    "busybox-static",  # the pause and busybox images
    "containerd",
    "containernetworking-plugins",
    "iproute2",
    "iptables",  # kube-proxy, host ports
    "mount",
    "openssl",
    "runc",
    "util-linux",  # unshare, nsenter
)

_LOCK_SECONDS = 300


def ensure(console: Console) -> None:
    missing = _missing()
    if not missing:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        raise ClusterError(f"Debian packages are missing: run `sudo {' '.join(command)}`")
    with console.step(f"Installing the Debian packages {', '.join(missing)}"):
        if _apt_get(command[1:]).returncode:  # most often because no package list was ever fetched
            _apt_get(["update"])
            done = _apt_get(command[1:])
            if done.returncode:
                raise ClusterError(f"`{' '.join(command)}` failed:\n{done.stdout[-2000:]}")


def _missing() -> list[str]:
    if shutil.which("dpkg-query") is None:
        raise ClusterError(
            "a cluster without Docker needs Debian or a distribution made from it: start a Docker "
            "engine, and kind is used instead"
        )
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *NEEDED]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    installed = {
        line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")
    }
    return [package for package in NEEDED if package not in installed]


def _apt_get(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run apt-get, after whoever else is installing something at this moment."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        done = _try_apt_get(arguments)
        if done.returncode == 0 or "Could not get lock" not in done.stdout:
            return done
        if time.monotonic() > deadline:
            return done
        time.sleep(1)


def _try_apt_get(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["apt-get", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
