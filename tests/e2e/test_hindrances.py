"""What keeps runs from starting: the Sweep says so, and goes on when the cause is gone."""

import pytest
from tests.e2e.kube import Json, Kube
from tests.e2e.sweeps import condition, finished, holds, main_of, phase, pod_of, stalled, sweep

pytestmark = pytest.mark.e2e

SOON = 30
"""Seconds within which the Sweep says what is wrong."""


def not_starting(state: Json) -> bool:
    return holds(state, "PodsNotStarting")


def test_a_pod_security_refusal_is_said_and_the_sweep_goes_on_when_it_is_lifted(kube: Kube) -> None:
    label = "pod-security.kubernetes.io/enforce"
    kube.run("label", "namespace", kube.namespace, f"{label}=restricted")
    refused = sweep("refused", {"x": {"values": [1, 2]}})
    del pod_of(refused)["securityContext"]
    kube.apply(refused)
    state = kube.until("sweep", "refused", not_starting, within=SOON)
    told = condition(state, "PodsNotStarting")["message"]
    assert "FailedCreate" in told
    assert "restricted" in told
    assert phase(state) == "Running"
    run = kube.get("sweeprun", "refused-1")["status"]
    assert (run["phase"], run["reason"]) == ("Pending", "FailedCreate")
    kube.run("label", "namespace", kube.namespace, f"{label}-")
    end = kube.until("sweep", "refused", finished, within=180)
    assert condition(end, "PodsNotStarting")["status"] == "False"


def test_a_missing_image_is_said_and_the_sweep_goes_on_when_it_is_there(kube: Kube) -> None:
    missing = sweep("missing", {"x": {"values": [1]}})
    main = main_of(missing)
    image = main["image"]
    main |= {"image": "localhost/not-there:1", "imagePullPolicy": "IfNotPresent"}
    kube.apply(missing)
    state = kube.until("sweep", "missing", not_starting, within=SOON)
    assert "localhost/not-there:1" in condition(state, "PodsNotStarting")["message"]
    assert kube.get("sweeprun", "missing-1")["status"]["reason"] == "ImagePullBackOff"
    pod = kube.all("pod")[0]["metadata"]["name"]
    kube.run("set", "image", f"pod/{pod}", f"main={image}")
    kube.until("sweep", "missing", finished)


@pytest.mark.parametrize(
    "resource", ["count/jobs.batch", "pods", "count/sweepruns.sweep-operator.io"]
)
def test_a_quota_is_said_and_the_sweep_goes_on_when_it_is_raised(kube: Kube, resource: str) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {resource: "0"}},
    }
    kube.apply(quota)
    kube.until("resourcequota", "none", lambda state: "hard" in state.get("status", {}))
    kube.apply(sweep("short", {"x": {"values": [1, 2]}}))
    state = kube.until(
        "sweep", "short", lambda state: stalled(state) or not_starting(state), within=SOON
    )
    told = condition(state, "Stalled" if stalled(state) else "PodsNotStarting")["message"]
    assert "exceeded quota" in told
    assert phase(state) == "Running"
    kube.run("delete", "resourcequota", "none")
    end = kube.until("sweep", "short", finished, within=180)
    assert condition(end, "Ready")["status"] == "True"
