"""Pods of runs and of the operator under the restricted Pod Security level, and without tokens."""

import pytest
from tests.e2e.kube import Kube
from tests.e2e.sweeps import finished, pod_of, sweep

pytestmark = pytest.mark.e2e

NO_TOKEN = """
[ ! -e /var/run/secrets/kubernetes.io ] && [ "$(ls /var/run/secrets)" = sweep-operator.io ]
"""


@pytest.mark.slow
def test_runs_pass_the_restricted_level_and_have_no_token_of_the_api_server(kube: Kube) -> None:
    label = "pod-security.kubernetes.io/enforce=restricted"
    kube.run("label", "namespace", kube.namespace, label)
    kube.apply(sweep("s", {"x": {"values": [1, 2]}}, NO_TOKEN))
    state = kube.until("sweep", "s", finished)
    assert state["status"]["runs"]["finished"] == 2


@pytest.mark.slow
def test_a_run_has_such_a_token_where_its_template_asks_for_one(kube: Kube) -> None:
    asking = sweep("s", {"x": {"values": [1]}}, "cat /var/run/secrets/kubernetes.io/*/token")
    pod_of(asking)["automountServiceAccountToken"] = True
    kube.apply(asking)
    state = kube.until("sweep", "s", finished)
    assert state["status"]["runs"]["finished"] == 1


@pytest.mark.slow
def test_the_operator_runs_in_a_namespace_of_the_restricted_level(cluster: Kube) -> None:
    namespace = cluster.get("namespace", cluster.namespace)
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert cluster.all("pod", "app.kubernetes.io/name=sweep-operator")
