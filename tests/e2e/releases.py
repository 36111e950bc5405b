"""Helm for tests: releases of this checkout's chart, each in a namespace of its own."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.kube import Json, Kube

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm/sweep-operator"
LEASE = "sweep-operator"


class Release:
    """A release of the chart, in a namespace that has the restricted Pod Security level."""

    def __init__(self, helm: Path, kube: Kube, name: str) -> None:
        self.kube = kube
        self.name = name
        self._helm = helm

    def install(self, *options: str) -> None:
        """Install it, and see its pods ready."""
        self._run("install", self.name, str(CHART), *WAIT, *options)

    def upgrade(self, chart: Path, *options: str) -> None:
        """Bring it to another version."""
        self._run("upgrade", self.name, str(chart), *WAIT, *options)

    def rollback(self) -> None:
        """Bring it back to the version before."""
        self._run("rollback", self.name, *WAIT)

    def test(self) -> str:
        """Run its test."""
        return self._run("test", self.name, "--timeout=180s")

    def uninstall(self) -> None:
        """Remove it, and see its pods gone."""
        self._run("uninstall", self.name, "--wait", "--ignore-not-found")
        mine = f"--selector=app.kubernetes.io/instance={self.name}"
        self.kube.run("wait", "pods", mine, "--for=delete", "--timeout=60s")

    def packaged(self, version: str, into: Path) -> Path:
        """The chart under another version."""
        self._run("package", str(CHART), f"--version={version}", f"--destination={into}")
        return into / f"sweep-operator-{version}.tgz"

    @property
    def leader(self) -> str:
        """The name of the pod that leads."""
        return leader(self.kube.get("lease", LEASE))

    def objects(self) -> Sequence[str]:
        """All objects in the cluster that bear its name."""
        listed = self.kube.run("api-resources", "--verbs=list", "--output=name")
        told = self.kube.run(
            *("get", ",".join(sorted(set(listed.split()) - DERIVED)), "--all-namespaces"),
            *(f"--selector=app.kubernetes.io/instance={self.name}", "--output=json"),
            "--ignore-not-found",
        )
        items: Sequence[Json] = json.loads(told)["items"] if told else []
        return [f"{each['kind']}/{each['metadata']['name']}" for each in items]

    def _run(self, *arguments: str) -> str:
        command = [str(self._helm), "--namespace", self.kube.namespace, *arguments]
        done = subprocess.run(
            command, env=self.kube.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stderr}"
        return done.stdout


WAIT = ("--wait", "--timeout=120s")
DERIVED = {"events", "events.events.k8s.io"}
"""What happened stays on record for an hour."""


def leader(lease: Json) -> str:
    """The pod that holds a Lease; empty for none."""
    holder: str = lease["spec"].get("holderIdentity", "")
    return holder.rpartition("_")[0]
