"""What is the program's own fault: the run is Failed, and not run again unless it may be."""

import pytest
from tests.e2e.attempts import Trial, job_ended, one_run, program, up_and_down
from tests.e2e.nodes import Nodes
from tests.e2e.sweeps import main_of, pod_of

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SOON = 20
"""Seconds: a deadline that leaves time to start, and for the operator to leave."""


@up_and_down
def test_a_program_that_exits_with_a_code_is_failed(trial: Trial) -> None:
    trial.begin(one_run(program("exit 3")))
    trial.let_go_on(1)
    trial.come_back_after_its_job()
    run = trial.fails("ProgramFailed")
    assert run["status"]["attempts"][0]["exitCode"] == 3


@pytest.mark.parametrize("operator", ["down"])
def test_a_program_that_exits_with_a_code_is_failed_though_its_node_goes_then(
    trial: Trial, nodes: Nodes
) -> None:
    node = nodes.expendable()
    trial.begin(one_run(program("exit 3")), node)
    trial.let_go_on(1)
    trial.kube.until("job", "s-1-1", job_ended)
    with nodes.drained(node):
        assert not trial.kube.all("pod"), "the drain took its pod along"
        trial.come_back()
        trial.fails("ProgramFailed")


@up_and_down
def test_a_program_over_its_own_memory_limit_is_failed(trial: Trial) -> None:
    greedy = one_run(program("x=a; while :; do x=$x$x; done"))
    main_of(greedy)["resources"]["limits"] = {"memory": "32Mi"}
    trial.begin(greedy)
    trial.let_go_on(1)
    trial.come_back_after_its_job()
    trial.fails("OOMKilled")


@up_and_down
@pytest.mark.parametrize("limited", ["container", "volume"])
def test_a_program_over_its_own_limit_of_ephemeral_storage_is_failed(
    trial: Trial, limited: str
) -> None:
    greedy = one_run(program("dd if=/dev/zero of=/disk/full bs=1M count=40; sleep 600 & wait"))
    main = main_of(greedy)
    main["volumeMounts"] = [{"name": "disk", "mountPath": "/disk"}]
    disk: dict[str, str] = {}
    if limited == "volume":
        disk["sizeLimit"] = "10Mi"
    else:
        main["resources"]["limits"] = {"ephemeral-storage": "10Mi"}
    pod_of(greedy)["volumes"] = [{"name": "disk", "emptyDir": disk}]
    trial.begin(greedy)
    trial.let_go_on(1)
    trial.come_back_after_its_job()
    trial.fails("EphemeralStorageExceeded")


@up_and_down
@pytest.mark.parametrize("on_term", ["exit 143", "exit 0"])
def test_a_run_over_the_deadline_of_its_job_is_failed(trial: Trial, on_term: str) -> None:
    late = one_run(program(on_term=f"trap '{on_term}' TERM"))
    late["spec"]["template"]["spec"]["activeDeadlineSeconds"] = SOON
    trial.begin(late)
    trial.come_back_after_its_job()
    trial.fails("DeadlineExceeded")


@up_and_down
@pytest.mark.parametrize("on_term", ["exit 143", "exit 0"])
def test_a_run_over_the_deadline_of_its_pod_is_failed(trial: Trial, on_term: str) -> None:
    late = one_run(program(on_term=f"trap '{on_term}' TERM"))
    pod_of(late)["activeDeadlineSeconds"] = SOON
    trial.begin(late)
    trial.come_back_after_its_job()
    trial.fails("DeadlineExceeded")


@up_and_down
def test_a_failed_run_that_may_be_retried_is_run_again_with_the_same_parameters(
    trial: Trial,
) -> None:
    trial.begin(one_run(program("exit $((SWEEP_ATTEMPT % 2))"), failurePolicy={"maxRetries": 1}))
    trial.let_go_on(1)
    trial.come_back_after_its_job()
    trial.until_true(lambda run: run["status"].get("reason") == "Retrying")
    trial.until("Running")
    trial.let_go_on(2)
    run = trial.until("Finished")
    assert trial.phases == ["Pending", "Running", "Pending", "Running", "Finished"]
    status = run["status"]
    assert [attempt["outcome"] for attempt in status["attempts"]] == ["Failed", "Finished"]
    assert (status["failures"], status.get("preemptions", 0)) == (1, 0)
    trial.same_parameters(run)
    trial.sweep_finishes()


def test_a_run_that_fails_at_each_of_its_tries_is_failed(trial: Trial) -> None:
    trial.begin(one_run(program("exit 3"), failurePolicy={"maxRetries": 1}))
    trial.let_go_on(1)
    trial.until("Pending")
    trial.until("Running")
    trial.let_go_on(2)
    run = trial.until("Failed")
    assert (run["status"]["failures"], run["status"]["attemptsMade"]) == (2, 2)
    assert run["status"]["reason"] == "ProgramFailed"
    trial.sweep_finishes()
