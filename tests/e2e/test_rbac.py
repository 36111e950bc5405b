"""The operator uses each of its rights and asks for no other, by the API server's account."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.e2e.attempts import Operator, Trial, one_run, program
from tests.e2e.kube import Json, Kube
from tests.e2e.nodes import Nodes
from tests.e2e.sweeps import complete, condition, finished, holds, phase, runs, stalled, sweep
from tests.e2e.test_reporting import FOR_EVER, reporting
from tests.fakes.rights import Right, given

from local_cluster import docker_kind
from local_cluster.cluster import Clusters
from local_cluster.console import Console
from local_cluster.control_plane import AUDIT_LOG
from local_cluster.layout import Cache

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

OPERATOR = "system:serviceaccount:sweep-system:sweep-operator"

SEEN_BY_ADMISSION = {
    Right("sweep-operator.io", f"{kind}/finalizers", "update") for kind in ("sweeps", "sweepruns")
}
"""Rights that are never asked for by a request: the page says what they are for."""

ONE = {"x": {"values": [1]}}


class Asked(NamedTuple):
    """A request of the operator's."""

    right: Right
    allowed: bool


class Audit:
    """What the operator asks for from now on."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._start = log.stat().st_size

    def requests(self) -> Iterator[Asked]:
        """All but those for no resource, as for the server's version."""
        with self._log.open() as lines:
            lines.seek(self._start)
            for line in lines:
                event = json.loads(line)
                about = event.get("objectRef")
                if event["user"]["username"] == OPERATOR and about:
                    resource = "/".join(filter(None, (about["resource"], about.get("subresource"))))
                    right = Right(about.get("apiGroup") or "core", resource, event["verb"])
                    decision = event["annotations"].get("authorization.k8s.io/decision")
                    yield Asked(right, decision == "allow")


@pytest.fixture
def audit(cluster: Kube, kind_cluster: object) -> Audit:
    if docker_kind.engine_answers():
        pytest.skip("needs the local cluster: kind's API server keeps no audit log")
    name = kind_cluster.name  # type: ignore[attr-defined]
    layout = Clusters(Cache.of(os.environ), Console()).find(name)
    return Audit(layout.control_plane.folder / "log" / AUDIT_LOG)


def test_every_right_is_used_and_none_is_missing(
    audit: Audit, trial: Trial, cluster: Kube, kube: Kube, nodes: Nodes
) -> None:
    operator = Operator(cluster)
    operator.leave()
    cluster.run("delete", "lease", "sweep-operator", "--ignore-not-found")
    operator.come_back()

    is_on_a_lost_node(trial, nodes)  # first: it wants the namespace for itself
    reports_and_learns(kube)
    has_a_job_in_its_way(kube)
    waits_for_a_quota(kube)
    prints_its_metric(kube)
    is_cancelled(kube)

    asked = set(audit.requests())
    denied = {each.right for each in asked if not each.allowed}
    assert denied == set()
    own = {
        name: rights for name, rights in given().items() if not name.endswith(("-view", "-edit"))
    }
    unused = set().union(*own.values()) - {each.right for each in asked} - SEEN_BY_ADMISSION
    assert unused == set()


def reports_and_learns(kube: Kube) -> None:
    last: Json = {"metrics": {"loss": 1}, "final": True}
    made = sweep(
        "reports", {"x": {"min": 0.5, "max": 1.5}}, reporting(last), metric={"name": "loss"}
    )
    made["spec"] |= {"method": "tpe", "runCap": 1, "warmStart": {"sweeps": ["teacher"]}}
    kube.apply(made)
    kube.until("sweep", "reports", stalled)
    kube.apply(sweep("teacher", ONE, metric={"name": "loss"}))
    kube.until("sweep", "reports", finished)


def has_a_job_in_its_way(kube: Kube) -> None:
    kube.run("create", "job", "taken-1-1", "--image=localhost/none:1")
    kube.apply(sweep("taken", ONE))
    state = kube.until("sweep", "taken", stalled)
    assert condition(state, "Stalled")["reason"] == "WaitingForCleanup"
    kube.run("delete", "job", "taken-1-1")
    kube.until("sweep", "taken", finished)


def waits_for_a_quota(kube: Kube) -> None:
    hard = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}}
    kube.apply(hard | {"spec": {"hard": {"pods": "0"}}})
    kube.until("resourcequota", "none", lambda state: "hard" in state.get("status", {}))
    kube.apply(sweep("short", ONE))
    state = kube.until("sweep", "short", lambda state: holds(state, "PodsNotStarting"))
    assert "exceeded quota" in condition(state, "PodsNotStarting")["message"]
    kube.run("delete", "resourcequota", "none")
    kube.until("sweep", "short", finished, within=180)


def prints_its_metric(kube: Kube) -> None:
    made = sweep("prints", ONE, "echo loss=1", metric={"name": "loss"})
    made["spec"] |= {"logPattern": r"loss=(?P<value>\S+)", "finishedJobTTL": "30s"}
    kube.apply(made)
    assert kube.until("sweep", "prints", finished)["status"]["best"]["value"] == 1
    kube.run("wait", "job/prints-1-1", "--for=delete", "--timeout=120s")


def is_cancelled(kube: Kube) -> None:
    kube.apply(sweep("ends", ONE, FOR_EVER))
    kube.until("sweeprun", "ends-1", lambda run: phase(run) == "Running")
    kube.edit("ends", state="Cancelled")
    assert runs(kube.until("sweep", "ends", complete))["killed"] == 1


def is_on_a_lost_node(trial: Trial, nodes: Nodes) -> None:
    node = nodes.expendable()
    trial.begin(one_run(program(), preemption={"unreachableAfter": "1s"}), node)
    with nodes.silent(node):
        trial.goes_on("DeletionByTaintManager")
