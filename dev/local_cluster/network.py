"""The cable and the switch: one bridge for each cluster, one veth pair for each machine.

Nothing is forwarded to the outer world and no rule is added to the host's firewall: pods need no
internet here, and a test cluster that changes its host's packet filter is a bad guest.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from local_cluster.errors import ClusterError
from local_cluster.layout import Addresses, ClusterLayout
from local_cluster.processes import Process


def links() -> set[str]:
    return {link.name for link in Path("/sys/class/net").iterdir()}


def connect(cluster: ClusterLayout, inits: list[Process]) -> None:
    """Join the cluster's machines (their process 1, in the order of their numbers) and the host."""
    addresses = cluster.addresses
    prefix = addresses.machines.prefixlen
    pods = [
        f"route add {addresses.pods_of(node.number)} via {node.address}" for node in cluster.nodes
    ]
    host = [
        f"link add {addresses.bridge} type bridge",
        f"addr add {addresses.host}/{prefix} dev {addresses.bridge}",
        f"link set {addresses.bridge} up",
    ]
    for machine, init in zip(cluster.machines, inits, strict=True):
        link = addresses.link(machine.number)
        host += [
            f"link add {link} type veth peer name eth0 netns {init.pid}",
            f"link set {link} master {addresses.bridge} up",
        ]
    # A Service's address leads to node 1, whose kube-proxy takes it from there.
    _ip(host + pods + [f"route add {addresses.services} via {cluster.nodes[0].address}"])
    for machine, init in zip(cluster.machines, inits, strict=True):
        others = [
            f"route add {addresses.pods_of(node.number)} via {node.address}"
            for node in cluster.nodes
            if node.number != machine.number
        ]
        default = f"route add default via {addresses.host}"
        own = [f"addr add {machine.address}/{prefix} dev eth0", "link set eth0 up", default]
        _ip(own + others, enter=["nsenter", f"--target={init.pid}", "--net"])


def disconnect(addresses: Addresses) -> None:
    """Remove the bridge and what of the cables outlived the machines; routes go with the bridge."""
    prefix = f"{addresses.bridge}-"
    for link in links():
        if link == addresses.bridge or link.startswith(prefix):
            # A cable vanishes by itself while its machine's namespaces end: gone is as good as
            # removed.
            subprocess.run(["ip", "link", "delete", link], capture_output=True, check=False)


def _ip(commands: list[str], enter: list[str] | None = None) -> None:
    batch = "\n".join(commands) + "\n"
    done = subprocess.run(
        [*(enter or []), "ip", "-batch", "-"],
        input=batch,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ClusterError(f"`ip -batch` failed: {done.stderr.strip()}\nfor the commands:\n{batch}")
