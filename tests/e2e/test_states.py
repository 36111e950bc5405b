"""The contract's table of commands and the design's table of states, cell by cell."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from tests.e2e.kube import Json, Kube
from tests.e2e.nodes import Nodes
from tests.e2e.sweeps import (
    acknowledged,
    complete,
    condition,
    finished,
    holds,
    is_now,
    main_of,
    phase,
    pod_of,
    runs,
    stalled,
    sweep,
)

from sweep_operator.api.names import LABEL_RUN_NUMBER

pytestmark = pytest.mark.e2e

CHOICES = {"x": {"values": list(range(40))}}
FOR_EVER = "sleep 600"


def phases(kube: Kube) -> Counter[str]:
    """How many runs there are in each phase."""
    return Counter(phase(run) for run in kube.all("sweeprun"))


def reasons(kube: Kube, of: str) -> set[str]:
    """Why runs are in a phase."""
    return {run["status"]["reason"] for run in kube.all("sweeprun") if phase(run) == of}


def running(count: int) -> Callable[[Json], bool]:
    """Whether so many runs are Running."""
    return lambda state: runs(state).get("running") == count


# The commands


def test_pause_makes_no_new_runs_and_resume_makes_them_again(kube: Kube) -> None:
    kube.apply(sweep("s", CHOICES, "sleep 3", runCap=6, parallelism=2))
    kube.until("sweep", "s", running(2))
    kube.edit("s", state="Paused")
    paused = kube.until("sweep", "s", is_now("Paused"), within=10)
    made = len(kube.all("sweeprun"))
    drained = kube.until("sweep", "s", lambda state: state["status"]["active"] == 0)
    assert phase(drained) == "Paused"
    assert set(phases(kube)) <= {"Finished", "Pending"}, "what ran went on to its end"
    assert not complete(drained)
    assert list(new_runs(kube, within=20)) == []
    assert len(kube.all("sweeprun")) == made
    assert condition(paused, "Ready")["reason"] == "Paused"
    kube.edit("s", state="Running")
    assert runs(kube.until("sweep", "s", finished))["finished"] == 6


def new_runs(kube: Kube, within: float) -> Iterator[Json]:
    """The runs that come to be within so many seconds."""
    known = {run["metadata"]["name"] for run in kube.all("sweeprun")}
    with kube.watching("sweeprun", within=within) as states:
        for run in states:
            if run["metadata"]["name"] not in known:
                yield run


def test_stop_lets_existing_runs_go_on_to_their_end_and_makes_no_more(kube: Kube) -> None:
    kube.apply(sweep("s", CHOICES, "sleep 4", parallelism=2))
    kube.until("sweep", "s", running(2))
    kube.edit("s", state="Stopped")
    kube.until("sweep", "s", is_now("Stopped"), within=10)
    end = kube.until("sweep", "s", complete)
    assert phase(end) == "Stopped"
    assert runs(end)["finished"] >= 2
    assert reasons(kube, "Killed") <= {"NotStarted"}
    assert runs(end)["finished"] + runs(end)["killed"] == end["status"]["lastNumber"]
    kube.run("wait", "sweep/s", "--for=condition=Complete", "--timeout=5s")


@pytest.mark.parametrize("first", ["Running", "Paused", "Stopped"])
def test_cancel_kills_at_once_whatever_the_state_was(kube: Kube, first: str) -> None:
    kube.apply(sweep("s", CHOICES, f"trap '' TERM; {FOR_EVER}", parallelism=3))
    kube.until("sweep", "s", running(3))
    if first != "Running":
        kube.edit("s", state=first)
        kube.until("sweep", "s", is_now(first), within=10)
    kube.edit("s", state="Cancelled")
    end = kube.until("sweep", "s", complete, within=30)
    assert phase(end) == "Cancelled"
    assert runs(end)["killed"] == 3
    assert reasons(kube, "Killed") == {"Cancelled"}
    assert [pod["metadata"]["name"] for pod in kube.all("pod")] == []
    kube.run("wait", "sweep/s", "--for=jsonpath={.status.phase}=Cancelled", "--timeout=5s")


def test_a_run_that_completed_before_the_cancel_stays_finished(kube: Kube) -> None:
    script = f'[ "$SWEEP_RUN_NUMBER" = 1 ] || {FOR_EVER}'
    kube.apply(sweep("s", CHOICES, script, parallelism=3))
    kube.until("sweep", "s", lambda state: runs(state).get("finished") == 1)
    kube.edit("s", state="Cancelled")
    end = kube.until("sweep", "s", complete, within=30)
    assert phase(kube.get("sweeprun", "s-1")) == "Finished"
    assert runs(end)["finished"] == 1
    assert kube.all("pod", "sweep-operator.io/run-number=1"), "its pod stays, for its log"


def test_a_program_that_ends_well_because_it_was_told_to_go_is_killed(kube: Kube) -> None:
    kube.apply(sweep("s", CHOICES, "trap 'exit 0' TERM; sleep 600 & wait", parallelism=1))
    kube.until("sweep", "s", running(1))
    kube.edit("s", state="Cancelled")
    kube.until("sweep", "s", complete, within=30)
    assert phase(kube.get("sweeprun", "s-1")) == "Killed"


# What never started


@pytest.fixture
def slots(kube: Kube, nodes: Nodes) -> Iterator[Json]:
    """Resources for a container of which the cluster has three."""
    name = f"example.com/{kube.namespace}"
    node = f"node/{min(nodes.names())}"
    path = f"/status/capacity/{name.replace('/', '~1')}"

    def patch(operation: str) -> None:
        kube.run("patch", node, "--subresource=status", "--type=json", "-p", f"[{operation}]")

    patch(f'{{"op": "add", "path": "{path}", "value": "3"}}')
    yield {"requests": {name: "1"}, "limits": {name: "1"}}
    patch(f'{{"op": "remove", "path": "{path}"}}')


def crowded(slots: Json, script: str, **spec: object) -> Json:
    """A sweep of 10 runs, 8 at a time, of which 3 find room."""
    made = sweep("s", {"x": {"values": list(range(10))}}, script, parallelism=8, **spec)
    main_of(made)["resources"] = slots
    return made


def created(thing: Json) -> str:
    stamp: str = thing["metadata"]["creationTimestamp"]
    return stamp


def test_pause_holds_the_runs_that_never_started_and_resume_starts_them_first(
    kube: Kube, slots: Json
) -> None:
    kube.apply(crowded(slots, "sleep 12"))
    kube.until("sweep", "s", lambda state: running(3)(state) and state["status"]["active"] == 8)
    kube.edit("s", state="Paused")
    held = kube.until("sweep", "s", lambda state: is_now("Paused")(state) and active(state) == 3)
    assert runs(held)["running"] == 3
    drained = kube.until("sweep", "s", lambda state: active(state) == 0)
    assert (runs(drained)["finished"], runs(drained)["pending"]) == (3, 5)
    assert drained["status"]["lastNumber"] == 8
    kube.edit("s", state="Running", parallelism=5)
    kube.until("sweep", "s", lambda state: runs(state)["finished"] == 10, within=180)
    # Which of the pods that are there gets a slot first is up to the scheduler.
    records = {run["spec"]["number"]: created(run) for run in kube.all("sweeprun")}
    assert sorted(records) == list(range(1, 11))
    jobs = {job["metadata"]["labels"][LABEL_RUN_NUMBER]: created(job) for job in kube.all("job")}
    assert max(jobs[str(number)] for number in range(1, 9)) < min(records[9], records[10])


def active(state: Json) -> int:
    """How many runs have a Job whose outcome isn't on record."""
    found: int = state["status"]["active"]
    return found


def test_stop_kills_the_runs_that_never_started(kube: Kube, slots: Json) -> None:
    kube.apply(crowded(slots, "sleep 8"))
    kube.until("sweep", "s", lambda state: running(3)(state) and active(state) == 8)
    kube.edit("s", state="Stopped")
    end = kube.until("sweep", "s", complete)
    assert (runs(end)["finished"], runs(end)["killed"]) == (3, 5)
    assert reasons(kube, "Killed") == {"NotStarted"}


# Edges


@pytest.mark.parametrize("state", ["Stopped", "Cancelled"])
def test_a_sweep_created_at_its_end_makes_nothing(kube: Kube, state: str) -> None:
    kube.apply(sweep("s", CHOICES, state=state))
    end = kube.until("sweep", "s", complete)
    assert (phase(end), kube.all("sweeprun")) == (state, [])


def test_a_sweep_created_paused_makes_its_runs_once_resumed(kube: Kube) -> None:
    kube.apply(sweep("s", CHOICES, state="Paused", runCap=2))
    kube.until("sweep", "s", is_now("Paused"))
    assert list(new_runs(kube, within=5)) == []
    kube.edit("s", state="Running")
    kube.until("sweep", "s", finished)


@pytest.mark.parametrize(
    ("first", "then"),
    [("Stopped", "Running"), ("Stopped", "Paused"), ("Cancelled", "Running")],
)
def test_an_edit_back_is_refused_and_says_what_to_do(kube: Kube, first: str, then: str) -> None:
    kube.apply(sweep("s", CHOICES, state=first))
    said = kube.refusal(
        "patch", "sweep", "s", "--type=merge", "-p", f'{{"spec":{{"state":"{then}"}}}}'
    )
    assert "new Sweep" in said


@pytest.mark.slow
def test_lowered_parallelism_waits_and_raised_parallelism_fills(kube: Kube) -> None:
    kube.apply(sweep("s", CHOICES, "sleep 5", runCap=8, parallelism=4))
    kube.until("sweep", "s", running(4))
    kube.run("scale", "sweep/s", "--replicas=1")
    kube.until("sweep", "s", lambda state: acknowledged(state) and active(state) <= 1)
    assert phases(kube)["Killed"] == 0
    kube.edit("s", parallelism=3)
    kube.until("sweep", "s", lambda state: active(state) == 3 or finished(state))
    assert runs(kube.until("sweep", "s", finished))["finished"] == 8


def test_a_finished_sweep_whose_cap_is_raised_goes_on_and_one_that_is_paused_stays(
    kube: Kube,
) -> None:
    kube.apply(sweep("s", CHOICES, runCap=1))
    kube.until("sweep", "s", finished)
    kube.edit("s", state="Paused")
    kube.until("sweep", "s", lambda state: acknowledged(state) and finished(state))
    kube.edit("s", state="Running", runCap=2)
    kube.until("sweep", "s", lambda state: finished(state) and runs(state)["finished"] == 2)


def test_a_spent_failure_budget_fails_the_sweep_and_a_larger_one_lets_it_go_on(kube: Kube) -> None:
    kube.apply(sweep("s", CHOICES, "exit 1", runCap=4, failurePolicy={"maxFailures": 2}))
    failed = kube.until("sweep", "s", lambda state: phase(state) == "Failed")
    assert condition(failed, "Failed")["status"] == "True"
    assert runs(failed)["failed"] == 2
    kube.edit("s", state="Paused")
    kube.until("sweep", "s", is_now("Failed"))
    kube.edit("s", state="Running", failurePolicy={"maxFailures": 9})
    assert runs(kube.until("sweep", "s", finished))["failed"] == 4


def test_runs_that_all_fail_are_told_of_and_the_sweep_stays_running(kube: Kube) -> None:
    kube.apply(sweep("s", CHOICES, "exit 1", parallelism=3))
    state = kube.until("sweep", "s", lambda state: holds(state, "SystematicFailures"))
    assert phase(state) == "Running"
    kube.edit("s", state="Cancelled")


def test_a_run_that_waits_too_long_for_its_start_is_failed_and_says_why(kube: Kube) -> None:
    late = sweep("s", {"x": {"values": [1]}}, pendingTimeout="10s")
    pod_of(late)["nodeSelector"] = {"no": "where"}
    kube.apply(late)
    kube.until("sweep", "s", finished)
    run = kube.get("sweeprun", "s-1")["status"]
    assert (run["phase"], run["reason"]) == ("Failed", "PendingTimeout")
    assert "Unschedulable" in run["message"]


def test_a_deleted_job_is_a_crashed_attempt_of_a_run_that_goes_on(kube: Kube) -> None:
    script = f'[ "$SWEEP_ATTEMPT" = 2 ] || {FOR_EVER}'
    kube.apply(sweep("s", {"x": {"values": [1]}}, script))
    kube.until("sweep", "s", running(1))
    kube.run("delete", "job", "s-1-1")
    kube.until("sweep", "s", finished)
    attempts = kube.get("sweeprun", "s-1")["status"]["attempts"]
    assert [each["outcome"] for each in attempts] == ["Crashed", "Finished"]
    assert attempts[0]["reason"] == "JobDeleted"


def test_a_deleted_run_is_not_made_again(kube: Kube) -> None:
    kube.apply(sweep("s", {"x": {"values": [1, 2]}}, f'[ "$SWEEP_RUN_NUMBER" = 2 ] || {FOR_EVER}'))
    kube.until("sweep", "s", running(1))
    kube.run("delete", "sweeprun", "s-1")
    end = kube.until("sweep", "s", finished)
    assert [run["metadata"]["name"] for run in kube.all("sweeprun")] == ["s-2"]
    assert end["status"]["lastNumber"] == 2


@pytest.mark.parametrize("cascade", ["background", "foreground"])
def test_a_deleted_sweep_takes_everything_along(kube: Kube, cascade: str) -> None:
    kube.apply(sweep("s", CHOICES, FOR_EVER, parallelism=2))
    kube.until("sweep", "s", running(2))
    kube.run("delete", "sweep", "s", f"--cascade={cascade}", "--timeout=60s")
    kube.run("wait", "sweeprun,job,pod", "--all", "--for=delete", "--timeout=60s")


def test_a_sweep_of_the_same_name_waits_for_what_an_orphaning_delete_left(kube: Kube) -> None:
    kube.apply(sweep("s", {"x": {"values": [1]}}, FOR_EVER))
    kube.until("sweep", "s", running(1))
    kube.run("delete", "sweep", "s", "--cascade=orphan")
    kube.apply(sweep("s", {"x": {"values": [2]}}))
    state = kube.until("sweep", "s", stalled)
    assert condition(state, "Stalled")["reason"] == "WaitingForCleanup"
    assert "kubectl delete sweeprun s-1" in condition(state, "Stalled")["message"]
    assert phase(state) == "Running"
    kube.run("delete", "sweeprun", "s-1")
    kube.until("sweep", "s", finished)
    assert kube.get("sweeprun", "s-1")["spec"]["parameters"] == {"x": 2}


def test_a_sweep_deleted_and_applied_again_at_once_begins_anew(kube: Kube) -> None:
    kube.apply(sweep("s", {"x": {"values": [1]}}, FOR_EVER))
    kube.until("sweep", "s", running(1))
    kube.run("delete", "sweep", "s")
    kube.apply(sweep("s", {"x": {"values": [2]}}))
    kube.until("sweep", "s", finished, within=180)
    assert kube.get("sweeprun", "s-1")["spec"]["parameters"] == {"x": 2}


def test_a_status_edited_by_hand_is_put_right(kube: Kube) -> None:
    kube.apply(sweep("s", CHOICES, FOR_EVER, parallelism=2))
    kube.until("sweep", "s", running(2))
    best = '{"run":"x","number":1,"value":1}'
    wrong = f'{{"status":{{"phase":"Finished","runs":{{"running":9}},"best":{best}}}}}'
    kube.run("patch", "sweep", "s", "--subresource=status", "--type=merge", "-p", wrong)
    state = kube.until("sweep", "s", running(2))
    assert phase(state) == "Running"


def test_a_refusal_for_good_is_crashed_until_its_cause_is_gone(kube: Kube) -> None:
    name = f"refuse-{kube.namespace}"
    kube.run("label", "namespace", kube.namespace, f"refuse={kube.namespace}")
    kube.apply(*no_jobs(name, kube.namespace))
    kube.until_refused("create", "job", "probe", "--image=none", "--dry-run=server")
    kube.apply(sweep("s", {"x": {"values": [1]}}))
    state = kube.until("sweep", "s", lambda state: phase(state) == "Crashed")
    assert "no Jobs here" in condition(state, "Stalled")["message"]
    kube.run(
        "delete", f"validatingadmissionpolicybinding/{name}", f"validatingadmissionpolicy/{name}"
    )
    kube.until("sweep", "s", finished)


def no_jobs(name: str, namespace: str) -> tuple[Json, Json]:
    """A policy that refuses Jobs in one namespace, and its binding."""
    version = "admissionregistration.k8s.io/v1"
    rule = {
        "apiGroups": ["batch"],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["jobs"],
    }
    policy = {
        "apiVersion": version,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": "false", "message": "no Jobs here"}],
        },
    }
    selector = {"namespaceSelector": {"matchLabels": {"refuse": namespace}}}
    binding = {
        "apiVersion": version,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": selector,
        },
    }
    return policy, binding
