"""dev/cluster itself, on this machine, where there is no Docker engine."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local_cluster import docker_kind
from local_cluster.console import Console
from local_cluster.layout import Addresses, Cache
from local_cluster.programs import OF_A_CLUSTER, Programs

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces take root"),
    pytest.mark.skipif(docker_kind.engine_answers(), reason="kind makes the clusters here"),
]

PROGRAM = Path(__file__).parents[2] / "dev/cluster"
CACHE = Cache.of(os.environ)
FIRST, SECOND, BROKEN = "local-cluster-test-1", "local-cluster-test-2", "local-cluster-test-3"


def cluster(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PROGRAM, *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def delete(name: str, **environ: str) -> None:
    done = cluster("delete", "cluster", "--name", name, **environ)
    assert done.returncode == 0, done.stderr


class Kubectl:
    """kubectl of one cluster, with the kubeconfig that `create cluster` wrote."""

    def __init__(self, name: str, kubeconfig: Path) -> None:
        self.name = name
        self.kubeconfig = kubeconfig
        self._program = cluster("path", "kubectl").stdout.strip()

    def __call__(self, *arguments: str, stdin: dict[str, Any] | None = None) -> str:
        done = subprocess.run(
            [self._program, f"--kubeconfig={self.kubeconfig}", *arguments],
            input=json.dumps(stdin) if stdin else None,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run_job(self, name: str, node: str, script: str) -> str:
        """Run a script to its end on one node, restricted as pods should be; give its output."""
        container = {
            "name": "main",
            "image": "busybox:1.36",
            "command": ["sh", "-ec", script],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "runAsNonRoot": True,
                "runAsUser": 65534,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        }
        pod = {
            "containers": [container],
            "nodeSelector": {"kubernetes.io/hostname": node},
            "restartPolicy": "Never",
        }
        spec = {"backoffLimit": 0, "template": {"spec": pod}}
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}
        self("apply", "--filename=-", stdin=job)
        self("wait", "--for=condition=Complete", "--timeout=60s", f"job/{name}")
        return self("logs", f"job/{name}")


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Kubectl]]:
    """Two clusters made at the same time, by someone whose own kubeconfig is to stay untouched."""
    folder = tmp_path_factory.mktemp("clusters")
    own = folder / "own-kubeconfig"
    own.write_text("untouched")
    made = [Kubectl(name, folder / name) for name in (FIRST, SECOND)]

    def create(kubectl: Kubectl) -> None:
        options = (f"--name={kubectl.name}", f"--kubeconfig={kubectl.kubeconfig}")
        done = cluster(
            "create",
            "cluster",
            *options,
            HOME=str(folder),
            KUBECONFIG=str(own),
            XDG_CACHE_HOME=str(CACHE.root.parent),
        )
        assert done.returncode == 0, done.stderr

    for kubectl in made:
        delete(kubectl.name)
    with ThreadPoolExecutor() as pool:
        list(pool.map(create, made))
    yield made
    for kubectl in made:
        delete(kubectl.name)
    assert own.read_text() == "untouched"
    assert not (folder / ".kube").exists()


@pytest.mark.slow
def test_two_clusters_are_there_at_once(clusters: list[Kubectl]) -> None:
    names = cluster("get", "clusters").stdout.split()
    for kubectl in clusters:
        assert kubectl.name in names
        nodes = kubectl("get", "nodes", "--output=name").split()
        assert nodes == [f"node/{kubectl.name}-worker", f"node/{kubectl.name}-worker2"]


@pytest.mark.parametrize("node", ["worker", "worker2"])
def test_a_job_runs_on_each_node(clusters: list[Kubectl], node: str) -> None:
    for kubectl in clusters:
        full_name = f"{kubectl.name}-{node}"
        assert kubectl.run_job(f"hello-{node}", full_name, "echo hello") == "hello\n"


@pytest.mark.parametrize("node", ["worker", "worker2"])
def test_a_pod_reaches_the_api_server_by_service_address_and_by_name(
    clusters: list[Kubectl], node: str
) -> None:
    script = """
    nc -w 5 "$KUBERNETES_SERVICE_HOST" "$KUBERNETES_SERVICE_PORT" < /dev/null
    nc -w 5 kubernetes.default.svc.cluster.local 443 < /dev/null
    nc -w 5 kubernetes.default 443 < /dev/null
    echo reached
    """
    for kubectl in clusters:
        output = kubectl.run_job(f"reach-{node}", f"{kubectl.name}-{node}", script)
        assert output.endswith("reached\n")


@pytest.mark.parametrize("node", ["worker", "worker2"])
def test_a_service_leads_to_a_pod_of_any_node(clusters: list[Kubectl], node: str) -> None:
    """Also of the client's own, which takes a node that routes instead of bridging."""
    kubectl = clusters[0]
    command = "echo served > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"
    kubectl("delete", "pod,service", "server", "--ignore-not-found", "--now")
    kubectl(
        "run",
        "server",
        "--image=busybox:1.36",
        "--port=8080",
        "--expose",
        f"--overrides={json.dumps({'spec': {'nodeName': f'{kubectl.name}-worker'}})}",
        "--command",
        "--",
        "sh",
        "-c",
        command,
    )
    kubectl("wait", "--for=condition=Ready", "--timeout=30s", "pod/server")
    script = "sleep 1; wget -q -O - http://server:8080/index.html"
    assert kubectl.run_job(f"client-{node}", f"{kubectl.name}-{node}", script) == "served\n"
    assert kubectl("exec", "server", "--", "hostname") == "server\n"


def test_a_memory_limit_is_real(clusters: list[Kubectl]) -> None:
    kubectl = clusters[0]
    limits = {"resources": {"limits": {"memory": "32Mi"}}}
    hungry = {"name": "main", "image": "busybox:1.36", "command": ["tail", "/dev/zero"], **limits}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "hungry"},
        "spec": {"containers": [hungry], "restartPolicy": "Never"},
    }
    kubectl("apply", "--filename=-", stdin=pod)
    kubectl("wait", "--for=jsonpath={.status.phase}=Failed", "--timeout=60s", "pod/hungry")
    path = "{.status.containerStatuses[0].state.terminated.reason}"
    assert kubectl("get", "pod", "hungry", f"--output=jsonpath={path}") == "OOMKilled"


def test_an_existing_cluster_is_not_created_again(clusters: list[Kubectl]) -> None:
    done = cluster("create", "cluster", "--name", clusters[0].name)
    assert done.returncode == 1
    assert "already exist" in done.stderr


def test_a_dead_component_is_reported_and_restarted(clusters: list[Kubectl]) -> None:
    name = clusters[1].name
    status = cluster("status", "--name", name, "--output=json")
    assert status.returncode == 0, status.stdout
    component = {"machine": f"{name}-worker", "component": "kubelet"}
    [row] = [row for row in json.loads(status.stdout) if component.items() <= row.items()]
    os.kill(row["pid"], signal.SIGKILL)
    time.sleep(0.5)
    status = cluster("status", "--name", name)
    assert status.returncode == 1
    assert "killed by SIGKILL" in status.stdout
    assert cluster("restart", f"{name}-worker/kubelet", "--name", name).returncode == 0
    time.sleep(0.5)
    assert cluster("status", "--name", name).returncode == 0


def test_kwok_nodes_join_a_running_cluster(clusters: list[Kubectl]) -> None:
    done = cluster("kwok", "--name", clusters[1].name, "--nodes=3")
    assert done.returncode == 0, done.stderr
    assert len(clusters[1]("get", "nodes", "--selector=type=kwok", "--output=name").split()) == 3


def remains(name: str, addresses: Addresses) -> list[str]:
    """All that is left of a cluster on this machine."""
    links = [link.name for link in Path("/sys/class/net").iterdir()]
    bridge = addresses.bridge
    found = [link for link in links if link == bridge or link.startswith(f"{bridge}-")]
    found += [line for line in Path("/proc/self/mounts").read_text().splitlines() if name in line]
    found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{name}")]
    found += [str(path) for path in CACHE.clusters.glob(f"{name}*") if path.suffix != ".lock"]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if name in (process / "cgroup").read_text() + (process / "cmdline").read_text():
                found.append(str(process))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


@pytest.mark.slow
def test_what_a_killed_creation_left_is_cleaned_up_and_deletion_leaves_nothing() -> None:
    delete(BROKEN)
    creation = subprocess.Popen(
        [PROGRAM, "create", "cluster", "--name", BROKEN], stderr=subprocess.PIPE, text=True
    )
    assert creation.stderr is not None
    for line in creation.stderr:
        if "Loading images" in line:
            break
    creation.kill()
    creation.wait()
    creation.stderr.close()
    state = json.loads((CACHE.clusters / BROKEN / "cluster.json").read_text())
    assert remains(BROKEN, Addresses(state["index"]))
    assert BROKEN not in cluster("get", "clusters").stdout.split()

    done = cluster("create", "cluster", "--name", BROKEN)
    assert done.returncode == 0, done.stderr
    assert "Cleaning up what is left" in done.stderr
    state = json.loads((CACHE.clusters / BROKEN / "cluster.json").read_text())
    delete(BROKEN)
    assert remains(BROKEN, Addresses(state["index"])) == []


def test_a_component_that_dies_in_creation_is_named_with_its_last_words(tmp_path: Path) -> None:
    programs = Programs(CACHE.programs, Console())
    programs.build(OF_A_CLUSTER)
    built = programs.folder_of_a_cluster()
    copy = tmp_path / "sweep-operator" / "bin" / built.name
    shutil.copytree(built, copy, copy_function=os.link)
    (copy / "kube-scheduler").unlink()  # the same file as five others
    (copy / "kube-scheduler").write_text("#!/bin/sh\necho no schedule today\nexit 3\n")
    (copy / "kube-scheduler").chmod(0o755)
    done = cluster("create", "cluster", "--name", BROKEN, XDG_CACHE_HOME=str(tmp_path))
    if done.returncode == 0:
        delete(BROKEN, XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 1, done.stderr
    assert f"kube-scheduler on {BROKEN}-control-plane exited with 3" in done.stderr, done.stderr
    assert "no schedule today" in done.stderr
    kept = tmp_path / "sweep-operator" / "failed" / BROKEN / f"{BROKEN}-control-plane"
    assert (kept / "kube-apiserver.log").exists()
    assert not (tmp_path / "sweep-operator" / "clusters" / BROKEN).exists()
