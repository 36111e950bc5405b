"""Helm for tests: releases of this checkout's chart, each in a namespace of its own."""

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
        self._before: Sequence[str] = ()

    def install(self, *options: str) -> None:
        """Install it, and see its pods ready."""
        self._before = self._in_its_namespace()
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

    def left(self) -> Sequence[str]:
        """What is left of it: objects anywhere that bear its name, and what else it has made."""
        mine = f"--selector=app.kubernetes.io/instance={self.name}"
        new = set(self._in_its_namespace()) - set(self._before)
        return [*self._listed("--all-namespaces", mine), *sorted(new)]

    def _in_its_namespace(self) -> Sequence[str]:
        return self._listed("--namespaced")

    def _listed(self, *options: str) -> Sequence[str]:
        """Objects of all kinds, but for what is told of others."""
        scope = [each for each in options if each == "--namespaced"]
        chosen = [each for each in options if each != "--namespaced"]
        kinds = self.kube.run("api-resources", "--verbs=list", "--output=name", *scope)
        wanted = ",".join(sorted(set(kinds.split()) - DERIVED))
        return self.kube.run("get", wanted, *chosen, "--output=name", "--ignore-not-found").split()

    def _run(self, *arguments: str) -> str:
        command = [str(self._helm), "--namespace", self.kube.namespace, *arguments]
        done = subprocess.run(
            command, env=self.kube.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stderr}"
        return done.stdout


WAIT = ("--wait", "--timeout=120s")
DERIVED = {"events", "events.events.k8s.io", "endpoints", "endpointslices.discovery.k8s.io"}
"""What the cluster says of others: it goes by itself, sooner or later."""


def leader(lease: Json) -> str:
    """The pod that holds a Lease; empty for none."""
    holder: str = lease["spec"].get("holderIdentity", "")
    return holder.rpartition("_")[0]
