"""The pinned programs of a cluster, built from Go modules into a cache outside the repository.

`dev/programs/<module>/go.mod` pins them. The modules kwok and helm use the versions of dependencies
that kubernetes uses, so that Go's build cache gives them most of what they need.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local_cluster.console import Console, Step
from local_cluster.errors import ClusterError

MODULES = Path(__file__).resolve().parent.parent / "programs"


@dataclass(frozen=True)
class Program:
    """A program, the folder of the module that pins it, and its main package."""

    name: str
    module: str
    package: str

    @property
    def built_as(self) -> str:
        """The name that `go build` gives it: the package's last element."""
        return self.package.rpartition("/")[2]


# One file that goes by these names; its main.go says why.
_HYPERKUBE = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubelet",
)
# Likewise, by Argo CD's own doing.
_ARGO_CD = ("argocd-application-controller", "argocd-repo-server", "argocd-server")
PROGRAMS = {
    program.name: program
    for program in (
        *(Program(name, "kubernetes", "./hyperkube") for name in _HYPERKUBE),
        Program("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl"),
        Program("coredns", "kubernetes", "./coredns"),
        *(Program(name, "argocd", "github.com/argoproj/argo-cd/v3/cmd") for name in _ARGO_CD),
        Program("argocd-redis", "argocd", "./redis"),
        Program("helm", "helm", "helm.sh/helm/v3/cmd/helm"),
        Program("kind", "kind", "sigs.k8s.io/kind"),
        Program("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok"),
        Program("prometheus", "prometheus", "github.com/prometheus/prometheus/cmd/prometheus"),
        Program("promtool", "prometheus", "github.com/prometheus/prometheus/cmd/promtool"),
    )
}
OF_A_CLUSTER = (*_HYPERKUBE, "kubectl", "coredns")

# The variables that a program's own build sets to its version; {version} is the module's in go.mod.
_VERSION_VARIABLES = {
    "kubernetes": (
        "k8s.io/kubernetes",
        "k8s.io/component-base/version.gitVersion={version}",
        "k8s.io/component-base/version.gitMajor={major}",
        "k8s.io/component-base/version.gitMinor={minor}",
        "k8s.io/component-base/version.gitTreeState=clean",
    ),
    "helm": ("helm.sh/helm/v3", "helm.sh/helm/v3/internal/version.version={version}"),
    "kwok": ("sigs.k8s.io/kwok", "sigs.k8s.io/kwok/pkg/consts.Version={version}"),
    "prometheus": (
        "github.com/prometheus/prometheus",
        "github.com/prometheus/common/version.Version={version}",
    ),
}

# Of all the places where Prometheus finds what to ask, Kubernetes: each cloud's brings its own SDK.
# Its user interface isn't in Go modules, and without it there is one that is empty.
_TAGS = {"prometheus": "remove_all_sd,enable_kubernetes_sd"}


def pinned_version(go_mod: str, module: str) -> str:
    match = re.search(rf"^(?:require\s+|\s+){re.escape(module)}\s+(v\S+)", go_mod, re.MULTILINE)
    if match is None:
        raise ClusterError(f"go.mod does not require {module}")
    return match[1]


def flags(module: str, go_mod: str) -> list[str]:
    """No debugging information, which nobody reads here; no local paths; the version."""
    linker = ["-s", "-w"]
    if module in _VERSION_VARIABLES:
        versioned, *variables = _VERSION_VARIABLES[module]
        version = pinned_version(go_mod, versioned)
        major, minor = version.removeprefix("v").split(".")[:2]
        for variable in variables:
            linker += ["-X", variable.format(version=version, major=major, minor=minor)]
    tags = [f"-tags={_TAGS[module]}"] if module in _TAGS else []
    return [*tags, "-trimpath", "-gcflags=all=-dwarf=false", f"-ldflags={' '.join(linker)}"]


def key(module: Path) -> str:
    """What a build depends on: locked modules, our own main packages, flags, architecture."""
    digest = hashlib.sha256()
    for file in sorted([module / "go.mod", module / "go.sum", *module.rglob("*.go")]):
        digest.update(f"{file.relative_to(module)}\0".encode())
        digest.update(file.read_bytes())
    parts = [*flags(module.name, (module / "go.mod").read_text()), platform.machine()]
    digest.update("\0".join(parts).encode())
    return digest.hexdigest()[:16]


class Programs:
    """The cache of built programs."""

    def __init__(self, cache: Path, console: Console) -> None:
        self._cache = cache
        self._console = console

    def _folder(self, module: str) -> Path:
        return self._cache / f"{module}-{key(MODULES / module)}"

    def path(self, name: str) -> Path:
        program = PROGRAMS[name]
        return self._folder(program.module) / name

    def folder_of_a_cluster(self) -> Path:
        return self._folder("kubernetes")

    def build(self, names: Iterable[str]) -> list[Path]:
        """The paths of the named programs, after building those that the cache lacks."""
        names = list(names)
        for module in dict.fromkeys(PROGRAMS[name].module for name in names):
            wanted = [PROGRAMS[name] for name in names if PROGRAMS[name].module == module]
            if any(not self.path(program.name).exists() for program in wanted):
                self._build_module(module, wanted)
        return [self.path(name) for name in names]

    def _build_module(self, module: str, programs: list[Program]) -> None:
        folder = self._folder(module)
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(self._cache / f"{module}.lock", self._console, f"another build of {module}"):
            missing = [p for p in programs if not self.path(p.name).exists()]
            if not missing:  # built by whoever held the lock
                return
            names = ", ".join(program.name for program in missing)
            with self._console.step(f"Building {names} (once)") as step:
                building = folder / "building"
                shutil.rmtree(building, ignore_errors=True)
                building.mkdir()
                _go_build(MODULES / module, missing, building, step)
                for program in missing:
                    self.path(program.name).hardlink_to(building / program.built_as)
                shutil.rmtree(building)


def _go_build(module: Path, programs: list[Program], target: Path, step: Step) -> None:
    go = _go()
    options = flags(module.name, (module / "go.mod").read_text())
    packages = list(dict.fromkeys(program.package for program in programs))
    environ = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    environ.pop(
        "GOFLAGS", None
    )  # a person's own flags would make another program under the same key
    listing = subprocess.run(
        [go, "list", "-deps", *packages],
        cwd=module,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode:
        raise ClusterError(
            f"`go list` failed in {module}:\n{_last_lines(listing.stderr.splitlines())}"
        )
    total = len(listing.stdout.split())
    build = subprocess.Popen(
        [go, "build", "-v", *options, "-o", f"{target}/", *packages],
        cwd=module,
        env=environ,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    progress = _Progress(total)
    reader = threading.Thread(target=progress.read, args=(build.stderr,))
    reader.start()
    try:
        while build.poll() is None:
            step.update(progress.describe())
            reader.join(timeout=1)
    finally:
        build.terminate()  # only matters when we are interrupted
        build.wait()
        reader.join()
    if build.returncode:
        raise ClusterError(f"`go build` failed in {module}:\n{_last_lines(progress.other)}")


def sources(module: str, dependency: str) -> Path:
    """Where the sources of a module lie that one of ours is built from."""
    done = subprocess.run(
        [_go(), "mod", "download", "-json", dependency],
        cwd=MODULES / module,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ClusterError(f"`go mod download {dependency}` failed:\n{done.stderr}")
    return Path(json.loads(done.stdout)["Dir"])


class _Progress:
    """Follows `go build -v`, which names each package that it compiles."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._compiled = self._downloaded = 0
        self.other: list[str] = []

    def read(self, lines: Iterable[str]) -> None:
        for line in lines:
            if line.startswith("go: downloading"):
                self._downloaded += 1
            elif " " not in line.strip():
                self._compiled += 1
            self.other.append(line.rstrip())

    def describe(self) -> str:
        if self._downloaded and not self._compiled:
            return f"{self._downloaded} modules downloaded"
        if self._compiled >= self._total * 0.99:
            return "linking"
        return f"{self._compiled} of at most {self._total} packages compiled"


def _last_lines(lines: list[str]) -> str:
    return "\n".join(lines[-20:])


def _go() -> str:
    """Go, from PATH or from where go.dev's own instructions put it."""
    found = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if found is None:
        needed = re.search(
            r"^go (\S+)", (MODULES / "kubernetes" / "go.mod").read_text(), re.MULTILINE
        )
        raise ClusterError(
            f"Go is not installed, and the cluster's programs are built with it: install Go "
            f"{needed[1] if needed else ''} or later (https://go.dev/dl/) and put it on PATH"
        )
    return found


@contextmanager
def _locked(path: Path, console: Console, other: str) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.say(f" • Waiting for {other} to end ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
