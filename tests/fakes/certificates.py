"""Authorities and certificates for tests, made by openssl."""

import subprocess
from pathlib import Path

NAME = "sweep-operator.sweep-system.svc"


def authority(folder: Path, name: str = "authority") -> Path:
    """A certificate authority: its files' name without .crt and .key."""
    _request(folder / name, "authority", "-addext", "keyUsage=critical,keyCertSign")
    return folder / name


def issue(secret: Path, by: Path, name: str = NAME) -> Path:
    """A folder like a mounted Secret of type kubernetes.io/tls, with a certificate for a name."""
    secret.mkdir(exist_ok=True)
    signer = ("-CA", f"{by}.crt", "-CAkey", f"{by}.key")
    _request(
        secret / "tls", "service", *signer,
        *("-addext", f"subjectAltName=DNS:{name}", "-addext", "basicConstraints=critical,CA:FALSE"),
        *("-addext", "extendedKeyUsage=serverAuth"),
    )  # fmt: skip
    (secret / "ca.crt").write_bytes(by.with_suffix(".crt").read_bytes())
    return secret


def _request(files: Path, subject: str, *options: str) -> None:
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    written = ("-keyout", f"{files}.key", "-out", f"{files}.crt", "-days", "2")
    command = ["openssl", "req", "-x509", *key, *written, "-subj", f"/CN={subject}", *options]
    subprocess.run(command, check=True, capture_output=True)
