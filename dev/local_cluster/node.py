"""What runs on a node: containerd, kubelet, kube-proxy, and the configuration of each."""

from __future__ import annotations

import json
from pathlib import Path

from local_cluster import kubeconfig
from local_cluster.images import PAUSE_IMAGE
from local_cluster.layout import ClusterLayout, MachineLayout
from local_cluster.machine_init import MACHINE

KUBELET_SETTINGS = "kubelet.json"
"""The kubelet's configuration, in a node's etc folder."""

_ETC = MACHINE / "etc"
_CNI_PLUGINS = "/usr/lib/cni"  # where Debian's containernetworking-plugins puts them

# A pair of TOML strings is a JSON string each; the file is small enough to be written out.
_CONTAINERD = f"""\
version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = {json.dumps(PAUSE_IMAGE)}
  # Without CAP_SYS_RESOURCE (a container, a restricted virtual machine) no sandbox starts
  # otherwise.
  restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{_CNI_PLUGINS}"
  conf_dir = "{_ETC}/cni"
"""


def containerd() -> list[str]:
    return ["containerd", f"--config={_ETC}/containerd.toml"]


def kubelet(node: MachineLayout, settings: str = KUBELET_SETTINGS) -> list[str]:
    return [
        "kubelet",
        f"--config={_ETC}/{settings}",
        f"--kubeconfig={_ETC}/kubelet.kubeconfig",
        f"--node-ip={node.address}",
    ]


def kube_proxy() -> list[str]:
    return ["kube-proxy", f"--config={_ETC}/kube-proxy.json"]


def write_files(cluster: ClusterLayout, node: MachineLayout) -> None:
    etc = node.folder / "etc"
    (etc / "cni").mkdir(parents=True)
    for source, target in (
        (cluster.pki / "ca.crt", etc / "ca.crt"),
        (cluster.pki / f"{node.name}.crt", etc / "kubelet.crt"),
        (cluster.pki / f"{node.name}.key", etc / "kubelet.key"),
    ):
        target.hardlink_to(source)
    (etc / "containerd.toml").write_text(_CONTAINERD)
    (etc / "resolv.conf").write_text(f"nameserver {cluster.addresses.control_plane}\n")
    _write_cni(etc / "cni" / "10-ptp.conflist", cluster, node)
    _write_kubelet(etc, cluster, node)
    _write_kube_proxy(etc, cluster, node)


def _write_cni(path: Path, cluster: ClusterLayout, node: MachineLayout) -> None:
    # ptp, as kind has it, not bridge: every packet is routed, so it passes the Service rules even
    # between two pods of one node, without the br_netfilter module.
    pods = str(cluster.addresses.pods_of(node.number))
    ipam = {"type": "host-local", "ranges": [[{"subnet": pods}]], "routes": [{"dst": "0.0.0.0/0"}]}
    plugins = [
        {"type": "ptp", "ipMasq": False, "ipam": ipam, "mtu": 1500},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    path.write_text(json.dumps({"cniVersion": "0.4.0", "name": "pods", "plugins": plugins}))


def _write_kubelet(etc: Path, cluster: ClusterLayout, node: MachineLayout) -> None:
    kubeconfig.write(etc / "kubelet.kubeconfig", kubeconfig.build(cluster, node.name))
    configuration = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{_ETC}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",  # there is no systemd in a machine
        "clusterDNS": [str(cluster.addresses.dns_service)],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "enforceNodeAllocatable": [],
        # A full disk of the host is no reason to evict pods, still less to remove images that no
        # registry could give back.
        "evictionHard": {},
        "imageGCHighThresholdPercent": 100,
        "failCgroupV1": False,
        "failSwapOn": False,
        "resolvConf": f"{_ETC}/resolv.conf",
        "tlsCertFile": f"{_ETC}/kubelet.crt",
        "tlsPrivateKeyFile": f"{_ETC}/kubelet.key",
    }
    (etc / KUBELET_SETTINGS).write_text(json.dumps(configuration, indent=2))


def _write_kube_proxy(etc: Path, cluster: ClusterLayout, node: MachineLayout) -> None:
    kubeconfig.write(etc / "kube-proxy.kubeconfig", kubeconfig.build(cluster, "kube-proxy"))
    configuration = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": "0.0.0.0",
        "clientConnection": {"kubeconfig": f"{_ETC}/kube-proxy.kubeconfig"},
        "clusterCIDR": str(cluster.addresses.pods),
        # The size of the connection table belongs to the host's kernel, not to a namespace.
        "conntrack": {"maxPerCore": 0},
        "hostnameOverride": node.name,
        "mode": "iptables",
    }
    (etc / "kube-proxy.json").write_text(json.dumps(configuration, indent=2))
