"""Which cluster, and as whom: kubectl's own configuration, or the service account of a pod.

The kubernetes package reads a kubeconfig too, but imports so much for it that every command takes
twice as long, and five times where no bytecode is kept. It is asked only for what Kubernetes itself
has given up, an `auth-provider`.
"""

import base64
import os
import ssl
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from sweep_operator.client.errors import ClientError
from sweep_operator.client.login import Login

Json = Mapping[str, Any]

POD: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_FILES: Final = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
"""Fields that name files, by their paths from the kubeconfig's own folder."""

_KINDS: Final = {"clusters": "cluster", "users": "user", "contexts": "context"}

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


_NONE: Final = (
    yaml.YAMLError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RecursionError,
)
"""What comes of reading as a kubeconfig what is none."""


class Access(NamedTuple):
    """How to talk to a cluster."""

    host: str
    namespace: str
    authorization: Callable[[], str | None]
    """The header of that name, as it is now; None for who needs none."""
    tls: ssl.SSLContext | None = None
    server_name: str | None = None
    """What the certificate is for, if it isn't the host."""
    proxy: str | None = None


def access(kubeconfig: str | None, context: str | None) -> Access:
    """Find out how to talk to a cluster.

    Args:
        kubeconfig: a file; None for those of $KUBECONFIG, or for ~/.kube/config, or in a pod
            without either for its service account.
        context: one of the file's; None for the current one.

    Raises:
        ClientError: there is none, or it can't be used; the message says why.
    """
    told = kubeconfig or os.environ.get("KUBECONFIG")
    default = Path.home() / ".kube" / "config"
    in_pod = not told and not context and not default.exists() and (POD / "token").exists()
    files = told or str(POD if in_pod else default)
    paths = [files] if kubeconfig else [each for each in files.split(os.pathsep) if each]
    try:
        return _of_pod() if in_pod else _chosen(_Config.read(paths), context)
    except (OSError, ValueError) as error:  # a certificate that isn't there, or is none
        raise no_cluster(f"{files}: {error}") from error
    except (TypeError, AttributeError, LookupError) as error:  # a list where a name should be
        raise no_cluster(f"{files}: a field isn't what a kubeconfig has there") from error


def no_cluster(why: object) -> ClientError:
    """Nothing says which cluster is meant."""
    told = str(why).rstrip(".")
    return ClientError(
        f"no cluster to talk to: {told}. Name a kubeconfig by --kubeconfig or KUBECONFIG"
    )


class _Config:
    """What some kubeconfigs say together: of a name that several have, the first one's holds."""

    def __init__(self, files: str) -> None:
        self.files = files
        self.current = ""
        self._entries: dict[str, dict[str, Json]] = {kind: {} for kind in _KINDS}

    @classmethod
    def read(cls, paths: list[str]) -> "_Config":
        found = cls(os.pathsep.join(paths))
        there = [Path(each).expanduser() for each in paths]
        there = [each for each in there if each.exists()]
        if not there:
            raise no_cluster(f"there is no file {found.files}")
        for file in there:
            found._add(file)
        return found

    def _add(self, file: Path) -> None:
        try:
            written = yaml.load(file.read_bytes(), _LOADER) or {}  # noqa: S506 - it is a safe one
            self.current = self.current or written.get("current-context") or ""
            for kind, field in _KINDS.items():
                for each in written.get(kind) or ():
                    entry = _resolved(each.get(field) or {}, file.parent)
                    self._entries[kind].setdefault(each["name"], entry)
        except OSError as error:
            raise no_cluster(f"{file}: {error.strerror}") from error
        except _NONE as error:
            raise no_cluster(f"{file} is no kubeconfig") from error

    def get(self, kind: str, name: str) -> Json:
        """One of the named things; ClientError where it isn't there."""
        found = self._entries[kind].get(name)
        if found is None:
            raise no_cluster(f"{self.files} has no {_KINDS[kind]} {name!r}")
        return found


def _resolved(entry: Json, folder: Path) -> Json:
    """An entry, with its files under names that hold from everywhere."""
    found = dict(entry)
    for name in _FILES:
        if entry.get(name):
            found[name] = str(folder / entry[name])
    login = entry.get("exec")
    if login and os.sep in login["command"]:
        found["exec"] = {**login, "command": str(folder / login["command"])}
    return found


def _chosen(config: _Config, name: str | None) -> Access:
    name = name or config.current
    if not name:
        raise no_cluster(f"{config.files} says no current-context: name one by --context")
    context = config.get("contexts", name)
    cluster = config.get("clusters", context.get("cluster", ""))
    user = config.get("users", context["user"]) if context.get("user") else {}
    host = str(cluster.get("server", "")).rstrip("/")
    if not host:
        raise no_cluster(f"{config.files} says no server of {context.get('cluster')!r}")
    login = Login(user["exec"], cluster) if user.get("exec") else None
    tls = _tls(cluster, {**user, **(login.certificate() if login else {})})
    return Access(
        host=host,
        namespace=context.get("namespace") or "default",
        authorization=_authorization(config.files, name, user, login),
        tls=tls if host.startswith("https:") else None,
        server_name=cluster.get("tls-server-name"),
        proxy=cluster.get("proxy-url"),
    )


def _authorization(
    files: str, context: str, user: Json, login: Login | None
) -> Callable[[], str | None]:
    """What says who is asking, in kubectl's order."""
    if file := user.get("tokenFile"):
        return lambda: _token(Path(file))
    if token := user.get("token"):
        return lambda: f"Bearer {token}"
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password', '')}".encode()
        basic = f"Basic {base64.b64encode(pair).decode()}"
        return lambda: basic
    if login:
        return login.authorization
    if "auth-provider" in user:
        return _of_provider(files, context)
    return lambda: None


def _token(file: Path) -> str:
    """As it is now: another one is written before it ends."""
    try:
        return f"Bearer {file.read_text().strip()}"
    except OSError as error:
        raise no_cluster(f"{file}: {error.strerror}") from error


def _of_provider(files: str, context: str) -> Callable[[], str | None]:
    from kubernetes.client import Configuration  # noqa: PLC0415 (see above)
    from kubernetes.config import ConfigException, load_kube_config  # noqa: PLC0415

    found = Configuration()
    try:
        load_kube_config(files, context, found)
    except (ConfigException, KeyError) as error:
        raise no_cluster(f"{files}: auth-provider: {error}") from error
    return lambda: found.get_api_key_with_prefix("BearerToken")


def _tls(cluster: Json, user: Json) -> ssl.SSLContext:
    authority = _content(cluster, "certificate-authority")
    context = ssl.create_default_context(cadata=authority.decode() or None)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # clusters' own authorities are older
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate := _content(user, "client-certificate"):
        with tempfile.NamedTemporaryFile() as file:  # the ssl module reads nothing else
            file.write(certificate + b"\n" + _content(user, "client-key"))
            file.flush()
            context.load_cert_chain(file.name)
    return context


def _content(entry: Json, name: str) -> bytes:
    """A certificate or a key: from its file, unless it is there itself."""
    if data := entry.get(f"{name}-data"):
        return base64.b64decode("".join(data.split()), validate=True)
    return Path(entry[name]).read_bytes() if entry.get(name) else b""


def _of_pod() -> Access:
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{each}", "") for each in ("HOST", "PORT"))
    return Access(
        host=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        namespace=(POD / "namespace").read_text().strip(),
        authorization=lambda: _token(POD / "token"),
        tls=_tls({"certificate-authority": str(POD / "ca.crt")}, {}),
    )
