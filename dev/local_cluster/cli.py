"""The command line: kind's verbs as kind spells them, and a few of our own."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from local_cluster import docker_kind, images
from local_cluster.cluster import Clusters
from local_cluster.console import Console
from local_cluster.errors import ClusterError
from local_cluster.layout import Cache
from local_cluster.machine import ComponentStatus, Machine
from local_cluster.programs import MODULES, PROGRAMS, Programs, pinned_version

_DEFAULT_NAME = "kind"  # kind's own default


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="dev/cluster",
        description="A real Kubernetes cluster on this machine: kind where a Docker engine is, "
        "otherwise a control plane and two nodes made of Linux namespaces.",
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    get = _objects(verbs, "get", "list clusters")
    get.add_parser("clusters", help="names of the clusters that are up, one a line")

    create = _objects(verbs, "create", "create a cluster").add_parser("cluster")
    _name(create)
    _kubeconfig(create)
    create.add_argument(
        "--image", help="kind's node image; without Docker, its version must be the pinned one"
    )
    create.add_argument(
        "--config", type=Path, help="kind's configuration file; used with Docker only"
    )
    create.add_argument(
        "--kwok-nodes", type=_count, default=0, metavar="K", help="add K KWOK nodes"
    )

    delete = _objects(verbs, "delete", "delete a cluster").add_parser("cluster")
    _name(delete)
    _kubeconfig(delete)

    load = _objects(verbs, "load", "load images into the nodes")
    docker_image = load.add_parser("docker-image")
    docker_image.add_argument(
        "images", nargs="+", metavar="IMAGE", help="name in the image cache, or archive"
    )
    archive = load.add_parser("image-archive")
    archive.add_argument("images", nargs="+", metavar="FILE", help="docker-archive or OCI archive")
    for loader in (docker_image, archive):
        _name(loader)

    export = _objects(verbs, "export", "export a kubeconfig").add_parser("kubeconfig")
    _name(export)
    _kubeconfig(export)

    status = verbs.add_parser("status", help="the components of a cluster and whether they run")
    _name(status)
    status.add_argument("--output", choices=["text", "json"], default="text")

    logs = verbs.add_parser("logs", help="print the log of a component")
    logs.add_argument("component", metavar="[MACHINE/]COMPONENT")
    _name(logs)

    restart = verbs.add_parser("restart", help="restart a component, dead or alive")
    restart.add_argument("component", metavar="[MACHINE/]COMPONENT")
    _name(restart)

    kwok = verbs.add_parser("kwok", help="add KWOK nodes to a running cluster")
    _name(kwok)
    kwok.add_argument("--nodes", type=_count, required=True, metavar="K")

    build = verbs.add_parser("build", help="build programs and print the path of each")
    build.add_argument("programs", nargs="+", choices=sorted(PROGRAMS), metavar="PROGRAM")
    path = verbs.add_parser(
        "path", help="print the path of a program, after building it if need be"
    )
    path.add_argument("programs", nargs=1, choices=sorted(PROGRAMS), metavar="PROGRAM")
    return top


def _objects(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], verb: str, description: str
) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    return verbs.add_parser(verb, help=description).add_subparsers(dest="object", required=True)


def _name(command: argparse.ArgumentParser) -> None:
    command.add_argument("--name", default=_DEFAULT_NAME, help="the cluster (default: %(default)s)")


def _kubeconfig(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--kubeconfig",
        type=Path,
        metavar="FILE",
        help="where the kubeconfig is (default: in the cluster's own folder, never ~/.kube/config)",
    )


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least 1 node")
    return count


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    console = Console()
    cache = Cache.of(os.environ)
    try:
        if options.verb in ("build", "path"):
            for program in Programs(cache.programs, console).build(options.programs):
                print(program)
            return 0
        if docker_kind.engine_answers():
            return _with_kind(options, cache, console)
        return _without_docker(options, cache, console)
    except ClusterError as error:
        notes = getattr(error, "__notes__", [])
        print("\n".join([f"ERROR: {error}", *notes]), file=sys.stderr)
    except BrokenPipeError:  # the reader (`| head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("ERROR: interrupted", file=sys.stderr)
    return 1


def _with_kind(options: argparse.Namespace, cache: Cache, console: Console) -> int:
    target = docker_kind.kubeconfig_of(
        getattr(options, "name", _DEFAULT_NAME), getattr(options, "kubeconfig", None), cache
    )
    match options.verb:
        case "create" if not options.kwok_nodes:
            commands = [docker_kind.create(options.name, target, options.image, options.config)]
        case "delete":
            commands = [docker_kind.delete(options.name, target)]
        case "get":
            commands = [docker_kind.get()]
        case "load":
            commands = docker_kind.load(options.name, options.images, cache)
        case "export":
            commands = [docker_kind.export_kubeconfig(options.name, target)]
        case _:
            raise ClusterError(
                f"a Docker engine answers, so the clusters here are kind's, and kind has no "
                f"{options.verb!r} like this one: see `kind export logs` and kwok's documentation"
            )
    kind = Programs(cache.programs, console).build(["kind"])[0]
    for command in commands:
        done = subprocess.run([kind, *command], check=False)
        if done.returncode:
            return done.returncode
    return 0


def _without_docker(options: argparse.Namespace, cache: Cache, console: Console) -> int:
    clusters = Clusters(cache, console)
    verb = {
        "create": _create,
        "delete": _delete,
        "export": _export,
        "get": _get,
        "kwok": _kwok,
        "load": _load,
        "logs": _logs,
        "restart": _restart,
        "status": _status,
    }[options.verb]
    return verb(options, clusters)


def _create(options: argparse.Namespace, clusters: Clusters) -> int:
    _check_image(options.image)
    if options.config:
        clusters.console.say(f"{options.config} is for kind with Docker: not used here")
    layout = clusters.create(options.name, options.kubeconfig, options.kwok_nodes)
    clusters.console.say(f"Kubeconfig: {options.kubeconfig or layout.kubeconfig}")
    return 0


def _delete(options: argparse.Namespace, clusters: Clusters) -> int:
    clusters.console.say(f"Deleting cluster {options.name!r} ...")
    if not clusters.delete(options.name, options.kubeconfig):
        clusters.console.say("There was none.")
    return 0


def _export(options: argparse.Namespace, clusters: Clusters) -> int:
    print(clusters.export_kubeconfig(options.name, options.kubeconfig))
    return 0


def _get(_: argparse.Namespace, clusters: Clusters) -> int:
    names = clusters.names()
    for name in names:
        print(name)
    if not names:
        clusters.console.say("No clusters found.")
    return 0


def _kwok(options: argparse.Namespace, clusters: Clusters) -> int:
    clusters.add_kwok_nodes(options.name, options.nodes)
    return 0


def _load(options: argparse.Namespace, clusters: Clusters) -> int:
    if options.object == "docker-image":
        archives = [images.find_archive(image, clusters.cache) for image in options.images]
    else:
        archives = [Path(archive) for archive in options.images]
    clusters.load(options.name, archives)
    return 0


def _logs(options: argparse.Namespace, clusters: Clusters) -> int:
    for status in _named(clusters, options.name, options.component):
        clusters.console.say(f"==> {status.machine.name}/{status.name}, {status.describe()} <==")
        print(status.machine.log(status.name).read_text(errors="replace"), end="")
    return 0


def _restart(options: argparse.Namespace, clusters: Clusters) -> int:
    for status in _named(clusters, options.name, options.component):
        Machine(status.machine).restart(status.name)
    return 0


def _status(options: argparse.Namespace, clusters: Clusters) -> int:
    """Exit status 1 if anything is dead, for scripts; its last words for people."""
    components = clusters.components(clusters.find(options.name))
    if options.output == "json":
        rows = [
            {"machine": c.machine.name, "component": c.name, "pid": c.pid, "exitCode": c.exit_code}
            for c in components
        ]
        print(json.dumps(rows, indent=2))
    else:
        for component in components:
            machine = component.machine.name
            print(f"{machine:<32} {component.name:<24} {component.describe()}")
        for component in components:
            if not component.running:
                print(f"\nThe last lines of {component.machine.log(component.name)}:")
                print(component.last_lines())
    return 0 if all(component.running for component in components) else 1


def _check_image(image: str | None) -> None:
    pinned = pinned_version((MODULES / "kubernetes" / "go.mod").read_text(), "k8s.io/kubernetes")
    if image is not None and not image.partition("@")[0].endswith(f":{pinned}"):
        raise ClusterError(
            f"--image={image}: without Docker, the cluster is built from source at {pinned}; "
            f"name an image tagged {pinned}, or leave the option out"
        )


def _named(clusters: Clusters, cluster: str, component: str) -> list[ComponentStatus]:
    """`kubelet` means every kubelet, `dev-worker/kubelet` one; `init` is not a component."""
    components = clusters.components(clusters.find(cluster))
    machine, _, name = component.rpartition("/")
    found = [c for c in components if c.name == name and machine in ("", c.machine.name)]
    if not found:
        known = ", ".join(sorted({c.name for c in components}))
        raise ClusterError(f"cluster {cluster!r} has no component {component!r} (it has: {known})")
    return found
