"""Every way off a node, with real containers: the run goes on, as the same run, on another node.

What is made by hand here is said where it is made: of systemd, only what the kubelet asks of it.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.e2e.attempts import RESULT, Trial, job_ended, one_run, program, up_and_down
from tests.e2e.conftest import ROOT
from tests.e2e.kube import Json, Kube
from tests.e2e.nodes import Nodes, told_to_go
from tests.e2e.sweeps import IMAGE, main_of, phase, pod_of

pytestmark = pytest.mark.e2e

DEAF = ":"
"""In place of a trap: the program hears no SIGTERM and is killed when its grace period is over."""


# Nodes that go


@up_and_down
def test_a_run_on_a_drained_node_goes_on_elsewhere(trial: Trial, nodes: Nodes) -> None:
    node = nodes.expendable()
    trial.begin(one_run(program()), node)
    with nodes.drained(node):
        trial.come_back_after_its_job()
        trial.goes_on("EvictionByEvictionAPI", "Disrupted")


@up_and_down
@pytest.mark.slow
def test_a_run_under_a_no_execute_taint_goes_on_elsewhere(trial: Trial, nodes: Nodes) -> None:
    node = nodes.expendable()
    trial.begin(one_run(program()), node)
    with nodes.tainted(node):
        trial.come_back_after_its_job()
        trial.goes_on("DeletionByTaintManager", "Disrupted")


@up_and_down
@pytest.mark.slow
def test_a_run_whose_node_is_deleted_goes_on_elsewhere(trial: Trial, nodes: Nodes) -> None:
    node = nodes.expendable()
    trial.begin(one_run(program()), node)
    with nodes.deleted(node):
        trial.come_back_after_its_job()
        trial.goes_on("DeletionByPodGC", "Disrupted")


@up_and_down
@pytest.mark.slow
def test_a_run_on_a_node_out_of_reach_is_given_up_and_goes_on_elsewhere(
    trial: Trial, nodes: Nodes
) -> None:
    """Nobody ends such a pod but the operator, so one that was away does it when it is back."""
    node = nodes.expendable()
    trial.begin(one_run(program(), preemption={"unreachableAfter": "1s"}), node)
    with nodes.silent(node):
        if trial.leaves:
            trial.kube.until("pod", first_pod(trial), told_to_go, within=180)
            trial.come_back()
        trial.goes_on("DeletionByTaintManager")


@pytest.mark.slow
def test_a_run_on_a_node_out_of_reach_says_what_to_do_where_the_rights_are_missing(
    trial: Trial, nodes: Nodes, cluster: Kube
) -> None:
    node = nodes.expendable()
    rights = str(ROOT / "manifests/unreachable-nodes.yaml")
    trial.begin(one_run(program(), preemption={"unreachableAfter": "1s"}), node)
    with nodes.silent(node):
        cluster.run("delete", "-f", rights)
        try:
            stuck = trial.until_true(lambda run: run["status"].get("reason") == "PodStuck")
        finally:
            cluster.run("apply", "--server-side", "-f", rights)
        assert phase(stuck) == "Running"
        assert "manifests/unreachable-nodes.yaml" in stuck["status"]["message"]
        trial.goes_on("DeletionByTaintManager")


@up_and_down
@pytest.mark.slow
def test_a_run_on_a_node_that_shuts_down_goes_on_elsewhere(trial: Trial, nodes: Nodes) -> None:
    node = nodes.expendable()
    with nodes.about_to_shut_down(node) as shut_down:
        trial.begin(one_run(program()), node)
        shut_down()
        trial.come_back_after_its_job()
        trial.goes_on("TerminationByKubelet")


@up_and_down
@pytest.mark.slow
def test_a_run_on_a_machine_that_comes_back_empty_is_run_again(trial: Trial, nodes: Nodes) -> None:
    node = nodes.expendable()
    trial.begin(one_run(program()), node)
    nodes.come_back_empty(node)
    trial.come_back_after_its_job()
    trial.goes_on("ContainerLost", elsewhere=False)


# Pods that go


@up_and_down
@pytest.mark.slow
def test_a_run_evicted_for_its_nodes_want_of_memory_is_run_again(
    trial: Trial, nodes: Nodes
) -> None:
    fill = "dd if=/dev/zero of=/memory/full bs=1M count=400; sleep 600 & wait"
    greedy = one_run(program(f"[ $SWEEP_ATTEMPT = 2 ] || {{ {fill}; }}; {RESULT}"))
    pod_of(greedy)["volumes"] = [{"name": "memory", "emptyDir": {"medium": "Memory"}}]
    main_of(greedy)["volumeMounts"] = [{"name": "memory", "mountPath": "/memory"}]
    node = nodes.expendable()
    with nodes.short_of_memory(node):
        trial.begin(greedy, node)
        trial.let_go_on(1)
        trial.come_back_after_its_job()
        trial.goes_on("TerminationByKubelet", elsewhere=False)


@up_and_down
@pytest.mark.slow
def test_a_run_that_yields_to_a_higher_priority_goes_on_elsewhere(
    trial: Trial, nodes: Nodes
) -> None:
    node = nodes.expendable()
    most = f"{nodes.allocatable_cpu(node) * 0.6:.3f}"
    large = one_run(program())
    main_of(large)["resources"] = {"requests": {"cpu": most}}
    trial.begin(large, node)
    with higher_priority(trial.kube) as name:
        rival = bare_pod("rival", {"requests": {"cpu": most}})
        rival["spec"] |= {
            "priorityClassName": name,
            "nodeSelector": {"kubernetes.io/hostname": node},
        }
        trial.kube.apply(rival)
        trial.come_back_after_its_job()
        trial.goes_on("PreemptionByScheduler", "Disrupted")


def bare_pod(name: str, resources: Json) -> Json:
    """A pod of nobody's that takes up room."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "main",
                    "image": IMAGE,
                    "command": ["sleep", "600"],
                    "resources": resources,
                }
            ],
        },
    }


@contextmanager
def higher_priority(kube: Kube) -> Iterator[str]:
    """A priority class above the default one."""
    name = f"above-{kube.namespace}"
    meta = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass"}
    kube.apply({**meta, "metadata": {"name": name}, "value": 1000})
    try:
        yield name
    finally:
        kube.run("delete", "priorityclass", name)


@pytest.mark.parametrize(
    ("on_term", "options"),
    [
        pytest.param("trap 'exit 143' TERM", [], id="exits"),
        pytest.param(DEAF, [], id="is-killed", marks=pytest.mark.slow),
        pytest.param(DEAF, ["--force", "--grace-period=0"], id="forced", marks=pytest.mark.slow),
    ],
)
@up_and_down
def test_a_run_whose_pod_is_deleted_is_run_again(
    trial: Trial, on_term: str, options: list[str]
) -> None:
    trial.begin(one_run(program(on_term=on_term)))
    trial.kube.run("delete", "pod", first_pod(trial), "--wait=false", *options)
    trial.come_back_after_its_job()
    trial.goes_on("PodDeleted", elsewhere=False)


@up_and_down
@pytest.mark.slow
def test_a_run_whose_job_is_deleted_is_run_again(trial: Trial) -> None:
    trial.begin(one_run(program()))
    trial.kube.run("delete", "job", "s-1-1", "--cascade=foreground")
    trial.come_back()
    trial.goes_on("JobDeleted", elsewhere=False)


@up_and_down
@pytest.mark.slow
def test_a_run_that_its_node_refuses_is_run_again_where_there_is_room(
    trial: Trial, nodes: Nodes
) -> None:
    node = nodes.expendable()
    most = f"{nodes.allocatable_cpu(node) * 0.6:.3f}"
    filler = bare_pod("filler", {"requests": {"cpu": most}})
    filler["spec"]["nodeName"] = node
    trial.kube.apply(filler)
    trial.kube.until("pod", "filler", lambda pod: phase(pod) == "Running")
    bound = one_run(program())
    pod_of(bound)["nodeName"] = node
    main_of(bound)["resources"] = {"requests": {"cpu": most}}
    trial.apply(bound)
    trial.until("Pending")
    trial.kube.run("wait", "job/s-1-1", "--for=create", "--timeout=30s")
    trial.leave()
    trial.kube.until("job", "s-1-1", job_ended)
    trial.kube.run("delete", "pod", "filler")
    trial.come_back()
    trial.goes_on("OutOfcpu", elsewhere=False)


# Exit code 0 and results


@up_and_down
@pytest.mark.slow
def test_a_run_that_takes_its_eviction_for_success_is_run_again(trial: Trial, nodes: Nodes) -> None:
    node = nodes.expendable()
    trial.begin(one_run(program(on_term="trap 'exit 0' TERM")), node)
    with nodes.drained(node):
        trial.come_back_after_its_job()
        trial.goes_on("StoppedEarly")


@up_and_down
@pytest.mark.slow
def test_a_run_that_takes_its_nodes_shutdown_for_success_is_run_again(
    trial: Trial, nodes: Nodes
) -> None:
    node = nodes.expendable()
    with nodes.about_to_shut_down(node) as shut_down:
        trial.begin(one_run(program(on_term="trap 'exit 0' TERM")), node)
        shut_down()
        trial.come_back_after_its_job()
        trial.goes_on("StoppedEarly")


@pytest.mark.slow
def test_a_run_that_ended_well_while_its_sidecar_is_evicted_is_finished(
    trial: Trial, nodes: Nodes
) -> None:
    lingering = one_run(program())
    pod_of(lingering)["terminationGracePeriodSeconds"] = 30
    pod_of(lingering)["initContainers"] = [
        main_of(lingering)
        | {
            "name": "sidecar",
            "restartPolicy": "Always",
            "command": ["sh", "-c", "trap 'sleep 8; exit 0' TERM; sleep 600 & wait"],
        }
    ]
    node = nodes.expendable()
    trial.begin(lingering, node)
    pod = first_pod(trial)
    trial.let_go_on(1)
    state = trial.kube.until("pod", pod, main_ended)
    assert phase(state) == "Running", "the sidecar is still there"
    with nodes.drained(node):
        run = trial.until("Finished")
    assert trial.phases == ["Pending", "Running", "Finished"]
    assert run["status"]["metrics"] == {"loss": 1}
    assert run["status"]["attemptsMade"] == 1
    trial.sweep_finishes()


@pytest.mark.slow
@pytest.mark.parametrize("operator", ["down"])
def test_a_run_whose_result_went_with_its_pod_is_run_again(trial: Trial) -> None:
    trial.begin(one_run(program()))
    trial.let_go_on(1)
    trial.kube.until("job", "s-1-1", job_ended)
    trial.kube.run("delete", "pod", first_pod(trial))
    trial.come_back()
    trial.goes_on("ResultLost", elsewhere=False)


# What belongs to others


@pytest.mark.slow
def test_a_suspended_run_is_pending_until_others_let_it_go_and_keeps_what_its_template_says(
    trial: Trial, nodes: Nodes
) -> None:
    """`suspend: true` in the template stands for Kueue's webhook, a patch for its decisions."""
    node = nodes.expendable()
    queue = {"kueue.x-k8s.io/queue-name": "user-queue"}
    spot = {"key": "spot", "operator": "Equal", "value": "yes", "effect": "NoExecute"}
    wanted: Json = {
        "terminationGracePeriodSeconds": 7,
        "nodeSelector": {"kubernetes.io/hostname": node},
    }
    queued = one_run(program())
    queued["spec"]["template"]["metadata"] = {"labels": queue}
    queued["spec"]["template"]["spec"]["suspend"] = True
    pod_of(queued).update(wanted, tolerations=[spot])
    kube = trial.kube

    trial.apply(queued)
    trial.until_true(lambda run: run.get("status", {}).get("reason") == "Suspended")
    job = kube.get("job", "s-1-1")
    assert job["spec"]["suspend"] is True
    assert queue.items() <= job["metadata"]["labels"].items()

    suspend(kube, False)
    trial.until("Running")
    pod = kube.get("pod", first_pod(trial))
    assert pod["spec"]["nodeName"] == node
    assert wanted.items() <= pod["spec"].items()
    assert spot in pod["spec"]["tolerations"]

    suspend(kube, True)
    held = trial.until("Pending")
    assert held["status"]["reason"] == "Suspended"
    kube.run("wait", f"pod/{pod['metadata']['name']}", "--for=delete", "--timeout=60s")
    assert kube.get("job", "s-1-1")["spec"]["suspend"] is True

    suspend(kube, False)
    going = trial.until_true(lambda run: phase(run) in ("Running", "Crashed"))
    attempt = 1
    if phase(going) == "Crashed":  # Kubernetes took the old pod's end for the Job's: see the docs
        attempt = 2
        kube.run("wait", "job/s-1-2", "--for=create", "--timeout=60s")
        suspend(kube, False, attempt)
        trial.until("Running")
    trial.let_go_on(attempt)
    run = trial.until("Finished")
    assert run["status"]["attempts"][-1]["podUID"] != pod["metadata"]["uid"]
    assert run["status"].get("preemptions", 0) == attempt - 1
    trial.same_parameters(run)
    trial.sweep_finishes()


def suspend(kube: Kube, suspended: bool, attempt: int = 1) -> None:
    """What Kueue does to a Job when it takes or gives its place."""
    patch = json.dumps({"spec": {"suspend": suspended}})
    kube.run("patch", "job", f"s-1-{attempt}", "--type=merge", "-p", patch)


# What the tests look at


def first_pod(trial: Trial) -> str:
    """The name of the first attempt's pod."""
    (pod,) = trial.kube.all("pod", "sweep-operator.io/attempt=1")
    name: str = pod["metadata"]["name"]
    return name


def main_ended(pod: Json) -> bool:
    statuses = pod["status"].get("containerStatuses", ())
    return any(each["name"] == "main" and "terminated" in each["state"] for each in statuses)
