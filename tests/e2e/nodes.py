"""A cluster's nodes and what becomes of them; each is undone when its `with` ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from tests.e2e.kube import Json, Kube

from local_cluster import docker_kind, logind, node
from local_cluster.cluster import Clusters
from local_cluster.console import Console
from local_cluster.layout import Cache
from local_cluster.machine import Machine
from local_cluster.processes import Process

MEBIBYTE = 2**20

_CTR = ("ctr", "--namespace=k8s.io")


class Nodes:
    """The nodes that take pods. One of them, at least, is without the operator: that may go."""

    def __init__(self, cluster: Kube, name: str) -> None:
        self._kube = cluster
        self._cluster_name = name

    def names(self) -> set[str]:
        """The nodes that take any pod."""
        nodes = self._kube.all("node")
        return {each["metadata"]["name"] for each in nodes if not each["spec"].get("taints")}

    def expendable(self) -> str:
        """A node without the operator, where there is another for what it loses."""
        pods = self._kube.all("pod", "app.kubernetes.io/name=sweep-operator")
        stays = {pod["spec"]["nodeName"] for pod in pods if not told_to_go(pod)}
        others = sorted(self.names() - stays)
        if not others:
            pytest.skip("needs two nodes")
        return others[0]

    def allocatable_cpu(self, name: str) -> float:
        """How many cores pods can ask for."""
        given: str = self._kube.get("node", name)["status"]["allocatable"]["cpu"]
        return float(given[:-1]) / 1000 if given.endswith("m") else float(given)

    @contextmanager
    def only(self, name: str) -> Iterator[None]:
        """New pods come to one node alone."""
        others = self.names() - {name}
        try:
            for other in others:
                self._kube.run("cordon", other)
            yield
        finally:
            for other in others:
                self._kube.run("uncordon", other)

    @contextmanager
    def drained(self, name: str) -> Iterator[None]:
        """`kubectl drain`."""
        options = ("--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=120s")
        try:
            self._kube.run("drain", name, *options)
            yield
        finally:
            self._kube.run("uncordon", name)

    @contextmanager
    def tainted(self, name: str) -> Iterator[None]:
        """A NoExecute taint, as a cloud sets it on a spot node that it takes back."""
        try:
            self._kube.run("taint", "node", name, "spot=gone:NoExecute")
            yield
        finally:
            self._kube.run("taint", "node", name, "spot-")

    @contextmanager
    def deleted(self, name: str) -> Iterator[None]:
        """`kubectl delete node`; a kubelet registers its node when it starts."""
        machine = self._machine(name)
        self._kube.run("delete", "node", name)
        try:
            yield
        finally:
            machine.restart("kubelet")
            self._kube.run("wait", f"node/{name}", "--for=create", "--timeout=60s")
            machine.restart("kube-proxy")  # it ends when its node is deleted
            self._until_well(name)

    @contextmanager
    def silent(self, name: str) -> Iterator[None]:
        """The kubelet is stopped, its containers go on: so it looks when a network is cut."""
        kubelet = _kubelet(self._machine(name))
        kubelet.send(signal.SIGSTOP)
        try:
            yield
        finally:
            kubelet.send(signal.SIGCONT)
            self._until_well(name)

    @contextmanager
    def about_to_shut_down(self, name: str) -> Iterator[Callable[[], None]]:
        """A node with logind, as far as a kubelet sees of it; yields what announces a shutdown.

        The kubelet's part is real: it ends its pods and refuses new ones. The machine stays up.
        """
        machine = self._machine(name)
        assert machine.init is not None
        # In the machine's file system, but not its process namespace: signals reach it from here.
        enter = ["nsenter", f"--target={machine.init.pid}", "--mount"]
        announcer = subprocess.Popen(
            [*enter, sys.executable, "-IS", logind.__file__], stdout=subprocess.PIPE
        )
        try:
            assert announcer.stdout is not None
            assert announcer.stdout.readline(), "it listens before the kubelet asks for it"
            settings = {"shutdownGracePeriod": "20s", "shutdownGracePeriodCriticalPods": "5s"}
            with self._configured(name, settings):
                yield lambda: announcer.send_signal(signal.SIGUSR1)
        finally:
            announcer.kill()
            announcer.wait()

    @contextmanager
    def short_of_memory(self, name: str) -> Iterator[None]:
        """A node whose kubelet sees a want of memory once its pods take 200 MiB more."""
        told = self._kube.run("get", "--raw", f"/api/v1/nodes/{name}/proxy/stats/summary")
        stats = json.loads(told)
        least = stats["node"]["memory"]["availableBytes"] - 200 * MEBIBYTE
        settings = {
            "evictionHard": {"memory.available": str(least)},
            "evictionPressureTransitionPeriod": "1s",
        }
        with self._configured(name, settings):
            yield

    def come_back_empty(self, name: str) -> None:
        """A machine that is back under its name and knows nothing of its containers."""
        machine = self._machine(name)
        _kubelet(machine).send(signal.SIGSTOP)
        deadline = time.monotonic() + 30
        try:
            while every := machine.execute([*_CTR, "containers", "ls", "--quiet"]).stdout.split():
                # Either may fail, as containerd cleans up after tasks that have ended.
                machine.execute([*_CTR, "tasks", "rm", "--force", *map(bytes.decode, every)])
                machine.execute([*_CTR, "containers", "rm", *map(bytes.decode, every)])
                assert time.monotonic() < deadline, f"containers that don't go: {every}"
        finally:
            machine.restart("containerd")
            machine.restart("kubelet")

    def kill(self, pod: Json) -> None:
        """Kill a pod's program, without a word to it or to the API server."""
        (container,) = pod["status"]["containerStatuses"]
        task = container["containerID"].removeprefix("containerd://")
        self._machine(pod["spec"]["nodeName"]).execute(
            [*_CTR, "task", "kill", "--signal=SIGKILL", task]
        )

    @contextmanager
    def _configured(self, name: str, settings: Json) -> Iterator[None]:
        """The node's kubelet, restarted with other settings."""
        machine = self._machine(name)
        etc = machine.layout.folder / "etc"
        usual = json.loads((etc / node.KUBELET_SETTINGS).read_text())
        (etc / "kubelet-test.json").write_text(json.dumps(usual | settings))
        machine.run({"kubelet": node.kubelet(machine.layout, "kubelet-test.json")})
        try:
            yield
        finally:
            machine.run({"kubelet": node.kubelet(machine.layout)})
            self._until_well(name)

    def _until_well(self, name: str) -> None:
        self._kube.until("node", name, _well)

    def _machine(self, name: str) -> Machine:
        if docker_kind.engine_answers():
            pytest.skip("needs a node that is no container of Docker's")
        layout = Clusters(Cache.of(os.environ), Console()).find(self._cluster_name)
        return next(Machine(each) for each in layout.nodes if each.name == name)


def told_to_go(pod: Json) -> bool:
    """Whether a pod has been deleted, which takes its grace period."""
    return "deletionTimestamp" in pod["metadata"]


def _well(found: Json) -> bool:
    conditions = {each["type"]: each["status"] for each in found["status"]["conditions"]}
    return (
        conditions["Ready"] == "True"
        and conditions["MemoryPressure"] == "False"
        and not found["spec"].get("taints")
    )


def _kubelet(machine: Machine) -> Process:
    (pid,) = (each.pid for each in machine.components() if each.name == "kubelet")
    found = Process.find(pid) if pid is not None else None
    assert found is not None, "the kubelet isn't running"
    return found
