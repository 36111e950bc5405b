"""The real Argo CD beside a cluster: its processes on this machine, and Git repositories for it."""

import json
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.e2e.kube import Json, Kube

from local_cluster.programs import sources

ROOT = Path(__file__).parents[2]
NAMESPACE = "argocd"
MODULE = "github.com/argoproj/argo-cd/v3"

_CLUSTER = "https://kubernetes.default.svc"
_PROJECT: Json = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "AppProject",
    "metadata": {"name": "default", "namespace": NAMESPACE},
    "spec": {
        "sourceRepos": ["*"],
        "destinations": [{"namespace": "*", "server": "*"}],
        "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
    },
}


class Repository:
    """A Git repository of a test's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._git("init", "--quiet", "--initial-branch=main")

    @property
    def url(self) -> str:
        return f"file://{self._folder}"

    def commit(self, **manifests: Sequence[Json] | str | None) -> str:
        """Write files, or remove those that are None; the commit's hash."""
        for name, content in manifests.items():
            path = self._folder / f"{name}.yaml"
            if content is None:
                path.unlink()
            elif isinstance(content, str):
                path.write_text(content)
            else:
                path.write_text("\n---\n".join(json.dumps(each) for each in content))
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message=test")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        command = ["git", "-C", str(self._folder), *who, *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


class Application:
    """One Application of Argo CD, and what becomes of it."""

    def __init__(self, argocd: "ArgoCD", name: str, repository: Repository) -> None:
        self.name = name
        self._argocd = argocd
        self._kube = argocd.kube
        self._repository = repository

    def sync(self, **manifests: Sequence[Json] | str | None) -> Json:
        """Commit, and see that commit synced."""
        revision = self.commit(**manifests)
        return self.until(lambda found: synced(found, revision))

    def commit(self, **manifests: Sequence[Json] | str | None) -> str:
        """Commit, and have Argo CD look at it."""
        revision = self._repository.commit(**manifests)
        self._kube.run(
            *("annotate", "application", self.name, "--overwrite"),
            "argocd.argoproj.io/refresh=normal",
        )
        return revision

    def until(self, true: Callable[[Json], bool], within: float = 180) -> Json:
        """Watch the Application until something is true of it."""
        return self._kube.until("application", self.name, true, within=within)

    def until_healthy(self, *health: str, within: float = 180) -> Json:
        """Watch the Application until it is of a health."""
        return self.until(lambda found: found["status"]["health"]["status"] in health, within)

    def delete(self) -> None:
        """Delete it, as its finalizer has it: with all that it manages."""
        self._kube.run("delete", "application", self.name, "--timeout=180s")

    def actions(self, sweep: str) -> dict[str, bool]:
        """The actions that are offered for a Sweep, and whether each is enabled."""
        found = self._argocd.ask("GET", self._path("resource/actions"), self._which(sweep))
        return {each["name"]: not each.get("disabled", False) for each in found["actions"]}

    def act(self, sweep: str, action: str) -> None:
        """What a click on an action does."""
        body = self._which(sweep) | {"action": action}
        self._argocd.ask("POST", self._path("resource/actions/v2"), body=body)

    def _path(self, rest: str) -> str:
        return f"/api/v1/applications/{self.name}/{rest}"

    def _which(self, sweep: str) -> dict[str, str]:
        namespace = self._kube.get("application", self.name)["spec"]["destination"]["namespace"]
        return {
            "appNamespace": NAMESPACE,
            "namespace": namespace,
            "resourceName": sweep,
            "group": "sweep-operator.io",
            "version": "v1alpha1",
            "kind": "Sweep",
        }


class ArgoCD:
    """Argo CD, as it runs."""

    def __init__(self, kube: Kube, server: str) -> None:
        self.kube = kube
        self._server = server

    @contextmanager
    def application(
        self, name: str, namespace: str, folder: Path, **spec: Any
    ) -> Iterator[Application]:
        """An Application that syncs a new repository by itself; other fields of its spec as given.

        At its end what it manages goes with it.
        """
        repository = Repository(folder)
        repository.commit(nothing=[])
        metadata = {
            "name": name,
            "namespace": NAMESPACE,
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        }
        whole = {
            "project": "default",
            "source": {"repoURL": repository.url, "targetRevision": "main", "path": "."},
            "destination": {"server": _CLUSTER, "namespace": namespace},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True, "allowEmpty": True},
                "syncOptions": [
                    "ServerSideApply=true",
                    "SkipDryRunOnMissingResource=true",
                    "RespectIgnoreDifferences=true",
                ],
                "retry": {"limit": 1, "backoff": {"duration": "1s"}},
            },
            **spec,
        }
        thing = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata}
        self.kube.apply(thing | {"spec": whole})
        made = Application(self, name, repository)
        try:
            yield made
        finally:
            self.kube.run("delete", "application", name, "--ignore-not-found", "--timeout=180s")

    def ask(
        self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None
    ) -> Json:
        """Ask Argo CD's API server; ArgoCDError with its words where it refuses."""
        url = f"{self._server}{path}?{urlencode(query or {})}"
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                found: Json = json.load(answer)
        except urllib.error.HTTPError as error:
            raise ArgoCDError(error.read().decode()) from None
        return found


class ArgoCDError(Exception):
    """What Argo CD says when it refuses."""


def synced(application: Json, revision: str) -> bool:
    """Whether the cluster is as a commit says, and nothing is under way."""
    sync = application.get("status", {}).get("sync", {})
    here = sync.get("revision") == revision and sync["status"] == "Synced"
    return here and "operation" not in application


@contextmanager
def running(cluster: Kube, folder: Path) -> Iterator[ArgoCD]:
    """Install Argo CD into the cluster, but for its pods: they are processes here."""
    kube = cluster.within(NAMESPACE)
    own = sources("argocd", MODULE) / "manifests"
    kube.run("apply", "--server-side", "--force-conflicts", "-k", str(own / "crds"))
    kube.run("wait", "--for=condition=Established", "-f", str(own / "crds/application-crd.yaml"))
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    kube.apply(namespace)
    kube.run("apply", "-k", str(own / "base/config"))
    # As docs/gitops.md has it.
    settings = str(ROOT / "manifests/argocd/argocd-cm.yaml")
    kube.run("apply", "--server-side", "--field-manager=sweep-operator", "-f", settings)
    kube.apply(_PROJECT)
    redis, repositories, server = (f"127.0.0.1:{port}" for port in _free_ports(3))
    metrics = iter(_free_ports(3))
    host, _, port = repositories.rpartition(":")
    environment = {
        **kube.environment,
        "ARGOCD_ASK_PASS_SOCK": str(folder / "ask-pass.sock"),
        "ARGOCD_FAKE_IN_CLUSTER": "true",
        "ARGOCD_GPG_ENABLED": "false",
        "TMPDIR": str(folder),
    }
    components = {
        "argocd-redis": ("listening", [redis]),
        "argocd-repo-server": (
            "starting grpc server",
            [f"--address={host}", f"--port={port}", f"--redis={redis}"],
        ),
        "argocd-server": (
            "serving on port",
            [
                "--disable-auth",
                "--insecure",
                f"--address={host}",
                f"--port={server.rpartition(':')[2]}",
                f"--repo-server={repositories}",
                f"--redis={redis}",
                f"--namespace={NAMESPACE}",
            ],
        ),
        "argocd-application-controller": (
            "Starting",
            [
                f"--repo-server={repositories}",
                f"--redis={redis}",
                f"--namespace={NAMESPACE}",
                "--loglevel=debug",
            ],
        ),
    }
    with ExitStack() as stack:
        for program, path in zip(components, _built(*components), strict=True):
            ready, arguments = components[program]
            options = [] if program == "argocd-redis" else [f"--metrics-port={next(metrics)}"]
            command = [path, *arguments, *options]
            log = folder / f"{program}.log"
            stack.enter_context(_process(command, environment, log, ready))
        yield ArgoCD(kube, f"http://{server}")


def _built(*programs: str) -> list[str]:
    done = subprocess.run(
        [ROOT / "dev/cluster", "build", *programs], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.split()


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on: all held at once, or the same would come again."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def _process(
    command: list[str], environment: dict[str, str], log: Path, ready: str
) -> Iterator[None]:
    """A program, from the moment that it says that it is ready; what it says goes into its log."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = threading.Event()

    def follow() -> None:
        assert process.stdout is not None
        with log.open("w", buffering=1) as written:
            for line in process.stdout:
                written.write(line)
                if ready in line:
                    said.set()
        said.set()

    reader = threading.Thread(target=follow)
    reader.start()
    try:
        assert said.wait(60), f"{command[0]} is not ready: see {log}"
        assert process.poll() is None, f"{command[0]} has ended: {log.read_text()}"
        yield
    finally:
        process.kill()
        process.wait()
        reader.join()
