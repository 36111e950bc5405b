"""Names, folders and addresses of a cluster: pure arithmetic that starts and changes nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from local_cluster.errors import ClusterError

NODES = 2
"""Two, so that draining one, losing one and crossing from one to the other can all be tested."""

# RFC 2544 keeps 198.18.0.0/15 for tests inside one laboratory: no network routes it, so no VPN,
# office or container engine of the machine uses it.
_ADDRESSES = IPv4Network("198.18.0.0/15")
_CLUSTER_PREFIX = 20
CLUSTERS = 2 ** (_CLUSTER_PREFIX - _ADDRESSES.prefixlen)

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_LONGEST_NAME = 63 - len("-control-plane")


def check_name(name: str) -> str:
    """The name becomes part of host names: a DNS label with room for a suffix."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise ClusterError(
            f"{name!r} is not a valid cluster name: use at most {_LONGEST_NAME} lower-case "
            "letters, digits and '-', beginning and ending with a letter or digit"
        )
    return name


@dataclass(frozen=True)
class Cache:
    """The folder outside the repository that holds programs, images and running clusters."""

    root: Path

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Cache:
        home = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "/root"), ".cache")
        return cls(Path(home).resolve() / "sweep-operator")

    @property
    def programs(self) -> Path:
        return self.root / "bin"

    @property
    def images(self) -> Path:
        return self.root / "images"

    @property
    def clusters(self) -> Path:
        return self.root / "clusters"

    @property
    def failed(self) -> Path:
        """Logs of clusters that could not be created, kept after all else is removed."""
        return self.root / "failed"

    def image_archive(self, image: str) -> Path:
        return self.images / f"{re.sub('[/:]', '_', image)}.tar"


@dataclass(frozen=True)
class Addresses:
    """Every address of one cluster, all from its own block, so that clusters never overlap.

    The block is a /20: machines in its first /24, node n's pods in the /24 numbered 3 + n,
    Services in the upper half. The host routes the whole block into the cluster, so it reaches
    pods and Services.
    """

    index: int

    def _block(self) -> IPv4Network:
        size = 2 ** (32 - _CLUSTER_PREFIX)
        return IPv4Network((int(_ADDRESSES.network_address) + self.index * size, _CLUSTER_PREFIX))

    def _subnet(self, number: int) -> IPv4Network:
        return list(self._block().subnets(new_prefix=24))[number]

    @property
    def block(self) -> IPv4Network:
        return self._block()

    @property
    def machines(self) -> IPv4Network:
        return self._subnet(0)

    @property
    def host(self) -> IPv4Address:
        """The host's own address on the bridge: where pods find a server run by a test."""
        return self.machines[1]

    @property
    def control_plane(self) -> IPv4Address:
        return self.machines[2]

    def node(self, number: int) -> IPv4Address:
        return self.machines[2 + number]

    def pods_of(self, number: int) -> IPv4Network:
        return self._subnet(3 + number)

    @property
    def pods(self) -> IPv4Network:
        """All nodes' pods, for kube-proxy: it masquerades what others send to a Service."""
        return IPv4Network((int(self._subnet(4).network_address), 22))

    @property
    def services(self) -> IPv4Network:
        return list(self._block().subnets(new_prefix=21))[1]

    @property
    def kubernetes_service(self) -> IPv4Address:
        return self.services[1]

    @property
    def dns_service(self) -> IPv4Address:
        return self.services[10]

    @property
    def server(self) -> str:
        return f"https://{self.control_plane}:6443"

    @property
    def bridge(self) -> str:
        return f"sweepop{self.index}"

    def link(self, machine_number: int) -> str:
        """The host's end of a machine's cable; the machine's own end is called eth0."""
        return f"{self.bridge}-{machine_number}"


def free_index(links: set[str]) -> int:
    """The first block of addresses whose bridge does not exist on this machine.

    The kernel's list of links decides, not the cache folder: another user's clusters count too.
    """
    for index in range(CLUSTERS):
        if Addresses(index).bridge not in links:
            return index
    raise ClusterError(
        f"all {CLUSTERS} address blocks for clusters are taken on this machine: delete a cluster "
        "(see `dev/cluster get clusters`)"
    )


@dataclass(frozen=True)
class MachineLayout:
    """One machine of a cluster: number 0 is the control plane, the others are nodes."""

    cluster: str
    number: int
    address: IPv4Address
    folder: Path

    @property
    def name(self) -> str:
        """kind's own names for the same machines."""
        if self.number == 0:
            return f"{self.cluster}-control-plane"
        return f"{self.cluster}-worker{'' if self.number == 1 else self.number}"

    @property
    def cgroup(self) -> str:
        return f"sweep-operator/{self.cluster}/{self.name}"

    @property
    def logs(self) -> Path:
        return self.folder / "components"

    def log(self, component: str) -> Path:
        return self.logs / f"{component}.log"


@dataclass(frozen=True)
class ClusterLayout:
    """One cluster's folder and what stands where in it."""

    name: str
    folder: Path
    addresses: Addresses

    @property
    def pki(self) -> Path:
        return self.folder / "pki"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def context(self) -> str:
        """kind's name for the context, so that a script need not know which of the two it uses."""
        return f"kind-{self.name}"

    @property
    def cgroup(self) -> str:
        return f"sweep-operator/{self.name}"

    def _machine(self, number: int, address: IPv4Address) -> MachineLayout:
        machine = MachineLayout(self.name, number, address, Path())
        return MachineLayout(self.name, number, address, self.folder / "machines" / machine.name)

    @property
    def control_plane(self) -> MachineLayout:
        return self._machine(0, self.addresses.control_plane)

    @property
    def nodes(self) -> list[MachineLayout]:
        return [self._machine(n, self.addresses.node(n)) for n in range(1, NODES + 1)]

    @property
    def machines(self) -> list[MachineLayout]:
        return [self.control_plane, *self.nodes]
