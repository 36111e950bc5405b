"""Keys and certificates of a cluster, made by openssl: every server and client has a real one."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from local_cluster.errors import ClusterError
from local_cluster.layout import ClusterLayout

_DAYS = "3650"


@dataclass(frozen=True)
class Certificate:
    """A certificate to be signed: its file name, its subject as Kubernetes reads it, its names."""

    name: str
    user: str
    group: str | None = None
    names: tuple[str, ...] = ()
    signer: str = "ca"


def certificates(cluster: ClusterLayout) -> list[Certificate]:
    addresses = cluster.addresses
    services = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
    apiserver = (
        *(f"DNS:{service}" for service in services),
        "DNS:kubernetes.default.svc.cluster.local",
        "DNS:localhost",
        f"DNS:{cluster.control_plane.name}",
        f"IP:{addresses.control_plane}",
        f"IP:{addresses.kubernetes_service}",
        "IP:127.0.0.1",
    )
    wanted = [
        Certificate("apiserver", "kube-apiserver", names=apiserver),
        Certificate("apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
        Certificate("front-proxy-client", "front-proxy-client", signer="front-proxy-ca"),
        Certificate("admin", "kubernetes-admin", "system:masters"),
        Certificate("controller-manager", "system:kube-controller-manager"),
        Certificate("scheduler", "system:kube-scheduler"),
        Certificate("kube-proxy", "system:kube-proxy"),
        Certificate("coredns", "system:coredns"),
        Certificate("kwok", "kwok", "system:masters"),
    ]
    for node in cluster.nodes:
        names = (f"DNS:{node.name}", f"IP:{node.address}")
        wanted.append(Certificate(node.name, f"system:node:{node.name}", "system:nodes", names))
    return wanted


def make(cluster: ClusterLayout) -> None:
    folder = cluster.pki
    folder.mkdir(parents=True, mode=0o700)
    for authority in ("ca", "front-proxy-ca"):
        subject = f"/CN={'kubernetes' if authority == 'ca' else authority}"
        extension = ["-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"]
        _request(folder, authority, subject, extension)
    _openssl(folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "sa.key")
    _openssl(folder, "ec", "-in", "sa.key", "-pubout", "-out", "sa.pub")
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda certificate: _sign(folder, certificate), certificates(cluster)))


def _sign(folder: Path, certificate: Certificate) -> None:
    group = f"/O={certificate.group}" if certificate.group else ""
    extensions = [
        "basicConstraints=critical,CA:FALSE",
        "keyUsage=critical,digitalSignature",
        "extendedKeyUsage=clientAuth,serverAuth",
    ]
    if certificate.names:
        extensions.append(f"subjectAltName={','.join(certificate.names)}")
    options = ["-CA", f"{certificate.signer}.crt", "-CAkey", f"{certificate.signer}.key"]
    for extension in extensions:
        options += ["-addext", extension]
    _request(folder, certificate.name, f"{group}/CN={certificate.user}", options)


def _request(folder: Path, name: str, subject: str, options: list[str]) -> None:
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", f"{name}.key", "-out", f"{name}.crt"]
    _openssl(folder, "req", "-x509", *key, *files, "-days", _DAYS, "-subj", subject, *options)


def _openssl(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        ["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ClusterError(f"`openssl {' '.join(arguments)}` failed: {done.stderr.strip()}")
