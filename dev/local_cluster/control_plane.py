"""What runs on the control plane: etcd, kube-apiserver, kube-controller-manager, kube-scheduler.

Defaults are those of kubeadm; what differs is said beside it.
"""

from __future__ import annotations

from local_cluster import kubeconfig
from local_cluster.layout import ClusterLayout
from local_cluster.machine_init import MACHINE

_ETC = MACHINE / "etc"
_PKI = _ETC / "pki"

# The stock controller-manager starts about 3 Jobs a second (5 syncs at a time, 20 queries a
# second), the stock scheduler binds 50 pods a second: a sweep would measure them, not the
# operator.
_QUERIES_PER_SECOND, _QUERIES_BURST = 2000, 4000
_CONCURRENT_JOB_SYNCS = 50

# What sweep-operator's own service accounts ask for, and no more: tests compare it with its roles.
# Its requests' bodies hold people's programs, so none is kept.
AUDIT_LOG = "audit.log"
_AUDITED_MEBIBYTES, _AUDITED_BACKUPS = 50, 1
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Metadata", "userGroups": ["system:serviceaccounts:sweep-system"]},
        {"level": "None"},
    ],
}


def etcd() -> list[str]:
    # A test cluster does not outlive its machine, so there is nothing that fsync could save.
    return ["etcd", "--data-dir=/var/lib/etcd", "--unsafe-no-fsync", "--log-level=warn"]


def kube_apiserver(cluster: ClusterLayout) -> list[str]:
    addresses = cluster.addresses
    return [
        "kube-apiserver",
        f"--advertise-address={addresses.control_plane}",
        "--allow-privileged=true",
        f"--audit-log-maxbackup={_AUDITED_BACKUPS}",
        f"--audit-log-maxsize={_AUDITED_MEBIBYTES}",
        f"--audit-log-path={MACHINE}/log/{AUDIT_LOG}",
        f"--audit-policy-file={_ETC}/audit.json",
        "--authorization-mode=Node,RBAC",
        f"--client-ca-file={_PKI}/ca.crt",
        "--enable-admission-plugins=NodeRestriction",
        # No kube-proxy runs beside it: webhooks are called at their pods' own addresses.
        "--enable-aggregator-routing=true",
        "--etcd-servers=http://127.0.0.1:2379",
        f"--kubelet-certificate-authority={_PKI}/ca.crt",
        f"--kubelet-client-certificate={_PKI}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={_PKI}/apiserver-kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
        f"--proxy-client-cert-file={_PKI}/front-proxy-client.crt",
        f"--proxy-client-key-file={_PKI}/front-proxy-client.key",
        "--requestheader-allowed-names=front-proxy-client",
        f"--requestheader-client-ca-file={_PKI}/front-proxy-ca.crt",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={_PKI}/sa.pub",
        f"--service-account-signing-key-file={_PKI}/sa.key",
        f"--service-cluster-ip-range={addresses.services}",
        f"--tls-cert-file={_PKI}/apiserver.crt",
        f"--tls-private-key-file={_PKI}/apiserver.key",
    ]


def kube_controller_manager(cluster: ClusterLayout) -> list[str]:
    config = f"{_ETC}/controller-manager.kubeconfig"
    return [
        "kube-controller-manager",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        f"--cluster-name={cluster.name}",
        f"--cluster-signing-cert-file={_PKI}/ca.crt",
        f"--cluster-signing-key-file={_PKI}/ca.key",
        f"--concurrent-job-syncs={_CONCURRENT_JOB_SYNCS}",
        f"--kube-api-burst={_QUERIES_BURST}",
        f"--kube-api-qps={_QUERIES_PER_SECOND}",
        f"--kubeconfig={config}",
        # There is one of it, and a lease of a crashed one would only make the next wait.
        "--leader-elect=false",
        f"--root-ca-file={_PKI}/ca.crt",
        f"--service-account-private-key-file={_PKI}/sa.key",
        "--use-service-account-credentials=true",
    ]


def kube_scheduler() -> list[str]:
    config = f"{_ETC}/scheduler.kubeconfig"
    return [
        "kube-scheduler",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        f"--config={_ETC}/scheduler.json",
    ]


def write_files(cluster: ClusterLayout) -> None:
    etc = cluster.control_plane.folder / "etc"
    (etc / "pki").mkdir(parents=True)
    for file in cluster.pki.iterdir():
        (etc / "pki" / file.name).hardlink_to(file)
    kubeconfig.write(etc / "audit.json", _AUDIT_POLICY)
    for component in ("controller-manager", "scheduler"):
        kubeconfig.write(etc / f"{component}.kubeconfig", kubeconfig.build(cluster, component))
    kubeconfig.write(
        etc / "scheduler.json",
        {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "clientConnection": {
                "kubeconfig": f"{_ETC}/scheduler.kubeconfig",
                "qps": _QUERIES_PER_SECOND,
                "burst": _QUERIES_BURST,
            },
            "leaderElection": {"leaderElect": False},
        },
    )
