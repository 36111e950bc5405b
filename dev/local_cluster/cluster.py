"""The life of a cluster: created, found again, looked at, deleted.

`cluster.json` is written before anything else is made and removed after everything else is gone,
so a creation that is cut off at any point leaves enough behind for the next command to clean up.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

from local_cluster import (
    addons,
    control_plane,
    host,
    images,
    kubeconfig,
    kwok,
    network,
    node,
    packages,
    pki,
)
from local_cluster.api import Api
from local_cluster.console import Console
from local_cluster.errors import ClusterError
from local_cluster.layout import Addresses, Cache, ClusterLayout, check_name, free_index
from local_cluster.machine import ComponentStatus, Machine, cgroup_folders
from local_cluster.processes import kill_cgroups
from local_cluster.programs import OF_A_CLUSTER, Programs

_TIMEOUT_SECONDS = 120
"""For each thing that is waited for; a loaded machine with two slow cores needs a quarter of it."""


class Clusters:
    """All clusters of one cache folder."""

    def __init__(self, cache: Cache, console: Console) -> None:
        self.cache = cache
        self.console = console
        self._programs = Programs(cache.programs, console)

    def names(self) -> list[str]:
        """The clusters that are there to be used; remnants of a crash are not."""
        return [layout.name for layout in self._layouts() if self._healthy(layout)]

    def find(self, name: str) -> ClusterLayout:
        layout = self._read(name)
        if layout is None or not self._ready(layout):
            known = ", ".join(self.names()) or "none"
            raise ClusterError(f"there is no cluster named {name!r} (there are: {known})")
        return layout

    def create(self, name: str, target: Path | None, kwok_nodes: int) -> ClusterLayout:
        check_name(name)
        if os.geteuid() != 0:
            raise ClusterError(
                "a cluster without Docker is made of Linux namespaces, which takes root"
            )
        with self._lock(name):
            remnant = self._read(name)
            if remnant is not None and self._healthy(remnant):
                raise ClusterError(
                    "failed to create cluster: node(s) already exist for a cluster with the name "
                    f"{name!r}"
                )
            if target is not None:
                kubeconfig.check_replaceable(target, f"kind-{name}")
            packages.ensure(self.console)
            host.raise_limits(self.console)
            self._programs.build([*OF_A_CLUSTER, *(["kwok"] if kwok_nodes else [])])
            if remnant is not None:
                with self.console.step(f"Cleaning up what is left of an earlier cluster {name!r}"):
                    self._destroy(remnant)
            self.console.say(f"Creating cluster {name!r} ...")
            layout = self._reserve(name)
            try:
                self._start(layout, kwok_nodes)
                kubeconfig.write(target or layout.kubeconfig, kubeconfig.build(layout, "admin"))
            except BaseException as error:
                self._fail(layout, error)
                raise
            self._write(layout, "ready")
            return layout

    def delete(self, name: str, target: Path | None) -> bool:
        """Whether there was anything to delete; kind, too, is content when there was not."""
        with self._lock(check_name(name)):
            layout = self._read(name)
            if layout is not None:
                self._destroy(layout)
        if target is not None:
            kubeconfig.remove(target, f"kind-{name}")
        return layout is not None

    def export_kubeconfig(self, name: str, target: Path | None) -> Path:
        layout = self.find(name)
        path = target or layout.kubeconfig
        kubeconfig.check_replaceable(path, layout.context)
        kubeconfig.write(path, kubeconfig.build(layout, "admin"))
        return path

    def load(self, name: str, archives: list[Path]) -> None:
        images.load([Machine(node) for node in self.find(name).nodes], archives)

    def add_kwok_nodes(self, name: str, count: int) -> None:
        layout = self.find(name)
        self._programs.build(["kwok"])
        with self._lock(name):
            self._start_kwok(layout, count)

    def components(self, layout: ClusterLayout) -> list[ComponentStatus]:
        return [status for m in layout.machines for status in Machine(m).components()]

    # -- the cluster's folder ------------------------------------------------------------------

    def _layouts(self) -> list[ClusterLayout]:
        found = sorted(self.cache.clusters.glob("*/cluster.json"))
        layouts = [self._read(file.parent.name) for file in found]
        return [layout for layout in layouts if layout is not None]

    def _read(self, name: str) -> ClusterLayout | None:
        folder = self.cache.clusters / name
        try:
            state = json.loads((folder / "cluster.json").read_text())
        except FileNotFoundError:
            return None
        return ClusterLayout(name, folder, Addresses(state["index"]))

    def _write(self, layout: ClusterLayout, phase: str) -> None:
        file = layout.folder / "cluster.json"
        temporary = file.with_suffix(".new")
        temporary.write_text(json.dumps({"index": layout.addresses.index, "phase": phase}))
        temporary.rename(file)

    def _ready(self, layout: ClusterLayout) -> bool:
        phase: str = json.loads((layout.folder / "cluster.json").read_text())["phase"]
        return phase == "ready"

    def _healthy(self, layout: ClusterLayout) -> bool:
        """Usable: its creation ended well, its machines are up, its control plane is whole.

        A dead kubelet makes a cluster with a dead node, which is what some tests are about.
        """
        if not self._ready(layout) or any(Machine(m).init is None for m in layout.machines):
            return False
        return all(status.running for status in Machine(layout.control_plane).components())

    def _reserve(self, name: str) -> ClusterLayout:
        """Take a block of addresses, with no other command of this cache in between."""
        with self._lock(".addresses"):
            taken = {layout.addresses.bridge for layout in self._layouts()}
            addresses = Addresses(free_index(network.links() | taken))
            layout = ClusterLayout(name, self.cache.clusters / name, addresses)
            layout.folder.mkdir(parents=True)
            self._write(layout, "creating")
            for folder in cgroup_folders(layout.cgroup):
                folder.mkdir(parents=True, exist_ok=True)
            return layout

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        """Held while a cluster is made or removed; the kernel lets go when its holder dies."""
        self.cache.clusters.mkdir(parents=True, exist_ok=True)
        with (self.cache.clusters / f"{name}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.console.say(f" • Waiting for another command on {name!r} to end ...")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    # -- creation ------------------------------------------------------------------------------

    def _start(self, layout: ClusterLayout, kwok_nodes: int) -> None:
        machines = [Machine(m) for m in layout.machines]
        first, *nodes = machines
        with self.console.step("Preparing machines"):
            pki.make(layout)
            control_plane.write_files(layout)
            addons.write_files(layout)
            for machine in nodes:
                node.write_files(layout, machine.layout)
            for machine in machines:
                machine.start(self._programs.folder_of_a_cluster())
            network.connect(layout, [init for m in machines if (init := m.init) is not None])
        with self.console.step("Starting control plane"):
            first.run(
                {
                    "etcd": control_plane.etcd(),
                    "kube-apiserver": control_plane.kube_apiserver(layout),
                }
            )
            for machine in nodes:
                machine.run({"containerd": node.containerd()})
            api = Api(layout)
            self._wait(layout, "the API server to be ready", api.ready)
            for resource in addons.resources(layout):
                api.apply(resource)
            first.run(
                {
                    "kube-controller-manager": control_plane.kube_controller_manager(layout),
                    "kube-scheduler": control_plane.kube_scheduler(),
                    "coredns": addons.coredns(),
                }
            )
        with self.console.step("Loading images"):
            self._wait(layout, "containerd to answer", lambda: all(map(_containerd_answers, nodes)))
            images.load(nodes, images.write_own_images(self.cache.images / "own"))
        with self.console.step("Joining nodes"):
            for machine in nodes:
                machine.run(
                    {"kubelet": node.kubelet(machine.layout), "kube-proxy": node.kube_proxy()}
                )
            names = {machine.layout.name for machine in nodes}
            self._wait(layout, "both nodes to be Ready", lambda: api.ready_nodes() >= names)
            self._wait(layout, "cluster DNS to be ready", lambda: _dns_ready(layout))
        if kwok_nodes:
            self._start_kwok(layout, kwok_nodes)

    def _start_kwok(self, layout: ClusterLayout, count: int) -> None:
        api = Api(layout)
        machine = Machine(layout.control_plane)
        with self.console.step(f"Adding {count} KWOK nodes"):
            if "kwok" not in {status.name for status in machine.components() if status.running}:
                kwok.write_files(layout, self._programs.path("kwok"))
                machine.run({"kwok": kwok.kwok(layout)})
            names = kwok.node_names(count)
            for name in names:
                api.apply(kwok.node(name))
            self._wait(layout, "KWOK nodes to be Ready", lambda: api.ready_nodes() >= set(names))

    def _wait(self, layout: ClusterLayout, what: str, condition: Callable[[], bool]) -> None:
        """Wait for a condition, and no longer than every component lives."""
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while not _holds(condition):
            for machine in layout.machines:
                if Machine(machine).init is None:
                    words = machine.log("init").read_text()
                    raise ClusterError(f"machine {machine.name} died; it said:\n{words}")
            dead = [status for status in self.components(layout) if not status.running]
            if dead:
                status = dead[0]
                raise ClusterError(
                    f"{status.name} on {status.machine.name} {status.describe()} while waiting for "
                    f"{what}; the last lines of its log:\n{status.last_lines()}"
                )
            if time.monotonic() > deadline:
                raise ClusterError(f"waited {_TIMEOUT_SECONDS} s in vain for {what}")
            time.sleep(0.1)

    def _fail(self, layout: ClusterLayout, error: BaseException) -> None:
        """Keep the logs, remove the rest."""
        kept = self.cache.failed / layout.name
        shutil.rmtree(kept, ignore_errors=True)
        for machine in layout.machines:
            if machine.logs.is_dir():
                shutil.copytree(machine.logs, kept / machine.name)
        self._destroy(layout)
        if isinstance(error, ClusterError) and kept.is_dir():
            error.add_note(f"The logs of all components are kept in {kept}.")

    # -- deletion ------------------------------------------------------------------------------

    def _destroy(self, layout: ClusterLayout) -> None:
        """End every process, and with the namespaces all mounts; then cables, cgroups and files."""
        try:
            kill_cgroups(cgroup_folders(layout.cgroup))
        except TimeoutError as error:
            raise ClusterError(f"cluster {layout.name!r} does not end: {error}") from error
        network.disconnect(layout.addresses)
        record = layout.folder / "cluster.json"
        for entry in layout.folder.iterdir():
            if entry != record:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        shutil.rmtree(layout.folder)
        with self._lock(".addresses"), suppress(OSError):  # other clusters may still be in them
            for folder in cgroup_folders(layout.cgroup):
                folder.parent.rmdir()


def _holds(condition: Callable[[], bool]) -> bool:
    """Whether it holds; where nobody answers it doesn't, and who has died is the better news."""
    try:
        return condition()
    except OSError:
        return False


def _containerd_answers(machine: Machine) -> bool:
    return machine.execute(["ctr", "version"]).returncode == 0


def _dns_ready(layout: ClusterLayout) -> bool:
    address = str(layout.addresses.control_plane)
    with closing(HTTPConnection(address, addons.READY_PORT, timeout=2)) as connection:
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
