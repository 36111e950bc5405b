"""Bad Sweeps where the policy is off: the operator says what is wrong, and goes on with others."""

import secrets
from collections.abc import Iterator

import pytest
from tests.bad_input.cases import BAD_SWEEPS, Case
from tests.e2e.kube import Kube
from tests.e2e.sweeps import condition, finished, phase, stalled, sweep

pytestmark = pytest.mark.e2e

JUDGED = [case for case in BAD_SWEEPS if case.refuser in {"policy", "operator"}]
"""What neither schema nor CEL can see."""


def name_of(case: Case) -> str:
    return f"bad-{JUDGED.index(case)}"


@pytest.fixture(scope="module")
def bad(cluster: Kube) -> Iterator[Kube]:
    """A namespace that the policy leaves out, with all those Sweeps in it at once."""
    name = f"bad-input-{secrets.token_hex(2)}"
    metadata = {"name": name, "labels": {"sweep-operator.io/validation": "off"}}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    kube = cluster.within(name)
    for case in JUDGED:
        kube.apply(case.sweep(name_of(case)))
    yield kube
    kube.run("delete", "namespace", kube.namespace, "--wait=false")


def test_a_good_sweep_among_bad_ones_finishes(bad: Kube) -> None:
    bad.apply(sweep("good", {"x": {"values": [1, 2]}}))
    bad.until("sweep", "good", finished)


@pytest.mark.parametrize("case", JUDGED, ids=str)
def test_the_operator_says_what_is_wrong(bad: Kube, case: Case) -> None:
    state = bad.until("sweep", name_of(case), stalled)
    told = condition(state, "Stalled")
    assert told["reason"] == case.reason
    assert case.said_by_operator in told["message"]
    assert condition(state, "Ready")["status"] == "False"
    assert phase(state) == "Crashed"


def test_a_bad_sweep_makes_no_runs_and_can_be_cancelled(bad: Kube) -> None:
    wrong = [case for case in JUDGED if case.reason == "InvalidSpec"]
    made = {run["spec"]["sweep"] for run in bad.all("sweepruns")}
    assert not made & {name_of(case) for case in wrong}
    bad.edit(name_of(wrong[0]), state="Cancelled")


@pytest.mark.usefixtures("bad")
def test_the_operator_was_not_restarted_by_any(cluster: Kube) -> None:
    selector = "app.kubernetes.io/name=sweep-operator"
    for pod in cluster.all("pods", selector):
        for container in pod["status"]["containerStatuses"]:
            assert container["restartCount"] == 0
