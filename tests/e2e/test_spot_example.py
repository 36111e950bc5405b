"""examples/spot, as it is in the repository: a run that loses its node goes on where it was."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from tests.e2e.kube import Json, Kube
from tests.e2e.nodes import Nodes
from tests.e2e.sweeps import IMAGE, finished, main_of, phase

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ROOT = Path(__file__).parents[2]


def test_a_run_that_loses_its_node_goes_on_from_its_checkpoint(
    kube: Kube, nodes: Nodes, digits: str, tmp_path: Path
) -> None:
    example = rendered(kube)
    example["Sweep"]["spec"]["runCap"] = 1
    assert digits == main_of(example["Sweep"])["image"]
    with shared_volume(kube, example.pop("PersistentVolumeClaim"), tmp_path):
        kube.apply(*example.values())
        kube.until("sweeprun", "spot-1", lambda run: phase(run) == "Running")
        (pod,) = kube.all("pod", "sweep-operator.io/attempt=1")
        # Ends when so much was said: some ten epochs, of which each has left a checkpoint.
        first = said(kube, "spot-1-1", "--follow", "--limit-bytes=300")
        with nothing_new_on(kube, nodes, pod["spec"]["nodeName"]):
            kube.evict(pod["metadata"]["name"])
            phases = ["Running"]
            run = kube.until("sweeprun", "spot-1", finished, within=300, seen=note(phases))
    assert phases == ["Running", "Crashed", "Pending", "Running", "Finished"]
    status = run["status"]
    assert (status["preemptions"], status.get("failures", 0)) == (1, 0)
    attempts = [(each["outcome"], each["reason"], each["exitCode"]) for each in status["attempts"]]
    assert attempts == [("Crashed", "EvictionByEvictionAPI", 143), ("Finished", "Completed", 0)]
    assert len({each["node"] for each in status["attempts"]}) == min(2, len(nodes.names()))

    seen, second = epochs(first), epochs(said(kube, "spot-1-2"))
    resumed = status["metrics"]["resumed_from_epoch"]
    assert 0 < seen[-1] <= resumed < 200
    assert second == [*range(resumed + 1, 201)]

    sweep = kube.until("sweep", "spot", finished)
    assert sweep["status"]["best"]["run"] == "spot-1"


def rendered(kube: Kube) -> dict[str, Json]:
    """What `kubectl apply -k examples/spot` applies, by kind."""
    text = kube.run("kustomize", str(ROOT / "examples/spot"))
    return {each["kind"]: each for each in yaml.safe_load_all(text)}


@contextmanager
def shared_volume(kube: Kube, claim: Json, folder: Path) -> Iterator[None]:
    """Give the example a volume that many nodes write to.

    The nodes of a local cluster share their machine's files, so a folder there does for a file
    server.
    """
    kube.apply(claim)
    name = f"spot-{kube.namespace}"
    claimed = kube.get("pvc", claim["metadata"]["name"])
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": claim["spec"]["resources"]["requests"],
            "accessModes": claim["spec"]["accessModes"],
            "storageClassName": claimed["spec"].get("storageClassName", ""),
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": kube.namespace, "name": claim["metadata"]["name"]},
            "hostPath": {"path": str(folder), "type": "DirectoryOrCreate"},
        },
    }
    # fsGroup does nothing for such a volume.
    opening = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "open-the-volume"},
        "spec": {
            "restartPolicy": "Never",
            "volumes": [
                {
                    "name": "volume",
                    "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]},
                }
            ],
            "containers": [
                {
                    "name": "main",
                    "image": IMAGE,
                    "command": ["chmod", "777", "/volume"],
                    "volumeMounts": [{"name": "volume", "mountPath": "/volume"}],
                }
            ],
        },
    }
    kube.apply(volume, opening)
    try:
        kube.until("pod", "open-the-volume", lambda pod: phase(pod) == "Succeeded")
        yield
    finally:
        kube.run("delete", "pv", name, "--wait=false")


@contextmanager
def nothing_new_on(kube: Kube, nodes: Nodes, node: str) -> Iterator[None]:
    """Keep new pods off a node, if there is another one for them."""
    if nodes.names() == {node}:
        yield
        return
    kube.run("cordon", node)
    try:
        yield
    finally:
        kube.run("uncordon", node)


def said(kube: Kube, job: str, *options: str) -> str:
    """What an attempt's program has printed."""
    return kube.run("logs", f"job/{job}", *options)


def epochs(log: str) -> list[int]:
    """The epochs that were trained."""
    return [int(number) for number in re.findall(r"^epoch +(\d+) .+\n", log, re.MULTILINE)]


def note(phases: list[str]) -> Callable[[Json], None]:
    """Write down each phase that a run goes through."""

    def see(run: Json) -> None:
        if phase(run) != phases[-1]:
            phases.append(phase(run))

    return see
