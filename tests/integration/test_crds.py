"""The CRDs on a real API server: what it accepts, what it refuses, and the sentences it says."""

import json
import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from tests.bad_input.cases import ACCEPTED, BASE, sweep
from tests.integration.server import VERSION, Server, asked

from sweep_operator.api.rules import IMMUTABLE
from sweep_operator.api.template import (
    CONTROLLED_IN_JOB,
    CONTROLLED_IN_POD,
    OPEN_IN_CONTAINER,
    OPEN_IN_JOB,
    OPEN_IN_POD,
    Controlled,
)

pytestmark = pytest.mark.integration


def run(number: int, **parameters: Any) -> dict[str, Any]:
    return {
        "apiVersion": VERSION,
        "kind": "SweepRun",
        "metadata": {"name": f"digits-{number}"},
        "spec": {"sweep": "digits", "number": number, "parameters": parameters},
        "status": {"phase": "Finished"},
    }


@pytest.fixture(scope="module")
def server(kind_cluster: Any) -> Iterator[Server]:
    """Without the policy, so that the CRDs' own rules are seen."""
    with asked(kind_cluster, validation="off") as found:
        yield found


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(server: Server, name: str) -> None:
    ok, said = server.offer(sweep(**ACCEPTED[name]))
    assert ok, said


def test_the_longest_name(server: Server) -> None:
    ok, said = server.offer(sweep("a" * 44))
    assert ok, said


STATES = ("Running", "Paused", "Stopped", "Cancelled")
ALLOWED = {
    ("Running", "Paused"),
    ("Running", "Stopped"),
    ("Running", "Cancelled"),
    ("Paused", "Running"),
    ("Paused", "Stopped"),
    ("Paused", "Cancelled"),
    ("Stopped", "Cancelled"),
    *((state, state) for state in STATES),
}
ADVICE = {
    "Stopped": "spec.state: Forbidden: a stopped sweep doesn't go on, it can only be Cancelled: "
    "create a new Sweep",
    "Cancelled": "spec.state: Forbidden: a cancelled sweep doesn't go on: create a new Sweep",
}


@pytest.fixture(scope="module")
def states(server: Server) -> dict[str, str]:
    """A Sweep in each state, by the state."""
    names = {state: f"was-{state.lower()}" for state in STATES}
    for state, name in names.items():
        server.run("apply", manifest=sweep(name, state=state))
    return {state: f"sweep/{name}" for state, name in names.items()}


@pytest.mark.parametrize(("before", "after"), list(product(STATES, STATES)))
def test_states_follow_each_other(
    server: Server, states: dict[str, str], before: str, after: str
) -> None:
    ok, said = server.edit(states[before], {"state": after})
    assert ok is ((before, after) in ALLOWED), said
    assert ok or ADVICE[before] in said


@pytest.mark.parametrize("before", ["Stopped", "Cancelled"])
def test_a_removed_state_is_running_and_so_refused(
    server: Server, states: dict[str, str], before: str
) -> None:
    ok, said = server.edit(states[before], {"state": None})
    assert not ok
    assert ADVICE[before] in said


CHANGED = {
    "method": "grid",
    "metric": {"name": "loss"},
    "earlyTerminate": {"type": "hyperband", "minIter": 3},
    "logPattern": "loss=(?P<value>.)",
    "parameters": {"p": {"values": [1, 3]}},
    "constraints": ["p < 3", "p > 0"],
    "shuffle": True,
    "seed": 2,
    "repeats": 2,
    "warmStart": {"sweeps": ["other"]},
    "plateau": {"runs": 3},
    "command": ["python"],
    "mainContainer": None,
    "template": {"metadata": {"labels": {"team": "audio"}}},
}
ALL_SET = {
    "method": "bayes",
    "metric": {"name": "accuracy"},
    "earlyTerminate": {"type": "hyperband", "minIter": 5},
    "logPattern": "accuracy=(?P<value>.)",
    "parameters": {"p": {"values": [1, 2]}, "q": {"value": None}},
    "constraints": ["p < 3"],
    "seed": 1,
    "repeats": 3,
    "warmStart": {"sweeps": ["another"]},
    "plateau": {"runs": 2},
    "command": ["python", "train.py"],
    "mainContainer": "train",
}


@pytest.fixture(scope="module")
def fixed(server: Server) -> str:
    """A Sweep that says all that can't change."""
    server.run("create", manifest=sweep("fixed", **ALL_SET))
    return "sweep/fixed"


@pytest.fixture(scope="module")
def bare(server: Server) -> str:
    """A Sweep that says only what it must."""
    server.run("apply", manifest=sweep("bare"))
    return "sweep/bare"


@pytest.mark.parametrize("field", IMMUTABLE)
def test_the_search_cant_change(server: Server, fixed: str, field: str) -> None:
    ok, said = server.edit(fixed, {field: CHANGED[field]})
    assert not ok
    assert f"spec.{field}: Forbidden: {field} can't change: it would be another search" in said


@pytest.mark.parametrize("field", ["metric", "seed", "command", "mainContainer"])
def test_what_was_left_out_cant_be_put_in(server: Server, bare: str, field: str) -> None:
    ok, said = server.edit(bare, {field: ALL_SET[field]})
    assert not ok
    assert f"spec.{field}: Forbidden: {field} can't change" in said


def test_a_metrics_target_may_change(server: Server, fixed: str) -> None:
    ok, said = server.edit(fixed, {"metric": {"target": 0.9}})
    assert ok, said


@pytest.mark.parametrize("field", ["metric", "seed", "command", "mainContainer"])
def test_what_was_put_in_cant_be_taken_out(server: Server, fixed: str, field: str) -> None:
    ok, said = server.edit(fixed, {field: None})
    assert not ok
    assert f"spec.{field}: Forbidden: {field} can't change" in said


@pytest.mark.parametrize(
    "parameters",
    [
        {"p": {"values": [1]}},
        {"p": {"values": [2, 1]}},
        {"p": {"values": None, "value": 1}},
        {"q": {"value": 1}},
        {"q": None},
        {"r": {"value": 1}},
    ],
    ids=str,
)
def test_what_cel_cant_look_at_cant_change_either(
    server: Server, fixed: str, parameters: dict[str, Any]
) -> None:
    ok, said = server.edit(fixed, {"parameters": parameters})
    assert not ok
    assert "spec.parameters: Forbidden: parameters can't change" in said


@pytest.mark.parametrize(
    "container",
    [
        {"image": "example.org/other"},
        {"image": "example.org/train", "args": ["--fast"]},
        {"command": ["python"]},
    ],
    ids=str,
)
def test_a_containers_own_fields_cant_change(
    server: Server, bare: str, container: dict[str, Any]
) -> None:
    pod = {"containers": [{"name": "train", **container}]}
    ok, said = server.edit(bare, {"template": {"spec": {"template": {"spec": pod}}}})
    assert not ok
    assert "spec.template: Forbidden: template can't change" in said


def test_a_pods_own_fields_cant_take_each_others_place(server: Server) -> None:
    pod = BASE["template"]["spec"]["template"]["spec"]
    placed = {"spec": {"template": {"spec": pod | {"nodeSelector": {"gpu": "yes"}}}}}
    server.run("apply", manifest=sweep("placed", template=placed))
    swapped = {"nodeSelector": None, "tolerations": [{"operator": "Exists"}]}
    ok, said = server.edit("sweep/placed", {"template": {"spec": {"template": {"spec": swapped}}}})
    assert not ok
    assert "spec.template: Forbidden: template can't change" in said


@pytest.mark.parametrize(
    ("explained", "declared", "controlled"),
    [
        ("job.spec", OPEN_IN_JOB, CONTROLLED_IN_JOB),
        ("pod.spec", OPEN_IN_POD, CONTROLLED_IN_POD),
        ("pod.spec.containers", OPEN_IN_CONTAINER, ()),
    ],
)
def test_every_field_of_this_kubernetes_is_declared(
    server: Server,
    explained: str,
    declared: tuple[str, ...],
    controlled: tuple[Controlled, ...],
) -> None:
    """A new Kubernetes brings new fields: add them to OPEN_IN_... (or to CONTROLLED_IN_...)."""
    lines = server.run("explain", explained).splitlines()
    known = {line.split()[0] for line in lines if re.match(r"  \w+\t", line)}
    ours = {"template", "containers", "name"}
    assert known - ours <= {*declared, *(field.name for field in controlled)}


@pytest.mark.parametrize(
    "spec",
    [
        {"parallelism": 7},
        {"runCap": 100},
        {"runCap": None},
        {"finishedJobTTL": "1h"},
        {"failurePolicy": {"maxFailures": 3}},
        {"rerunFailed": 2},
        {"state": "Paused", "rerunFailed": 1},
        {"pendingTimeout": "10m"},
        {"state": "Paused", "parallelism": 2},
    ],
    ids=str,
)
def test_what_may_change(server: Server, fixed: str, bare: str, spec: dict[str, Any]) -> None:
    for resource in (fixed, bare):
        ok, said = server.edit(resource, spec)
        assert ok, said


def test_defaults_are_filled_in(server: Server, bare: str) -> None:
    spec = server.get(bare)["spec"]
    assert (spec["state"], spec["parallelism"], spec["finishedJobTTL"]) == ("Running", 1, "10m")
    assert spec["cancelGracePeriodSeconds"] == 1
    assert not {"failurePolicy", "pendingTimeout"} & set(spec)


def test_null_stays_a_value(server: Server, fixed: str) -> None:
    assert server.get(fixed)["spec"]["parameters"]["q"] == {"value": None}


def test_kubectl_apply_drops_null_but_not_from_a_list(server: Server) -> None:
    """What the description of `value` warns of; server-side apply and create keep it."""
    manifest = sweep("nulls", parameters={"p": {"value": None}, "q": {"values": [None]}})
    server.run("apply", manifest=manifest)
    assert server.get("sweep/nulls")["spec"]["parameters"] == {"p": {}, "q": {"values": [None]}}


@pytest.mark.parametrize("method", ["grid", "random"])
def test_the_largest_spaces_are_within_cels_budget(server: Server, method: str) -> None:
    names = [f"p{number:02}" + "x" * 60 for number in range(64)]
    steps = {"distribution": "q_uniform", "min": 0.1, "max": 0.9, "q": 0.01}
    ranges = {name: {"parameters": dict.fromkeys(names, steps)} for name in names}
    ok, said = server.offer(sweep(method=method, parameters=ranges))
    assert ok, said


def test_the_most_choices_are_within_cels_budget(server: Server) -> None:
    values = list(range(1000))
    choices = {"values": values, "probabilities": [0.001 for _ in values]}
    ok, said = server.offer(sweep(parameters={f"p{number}": choices for number in range(64)}))
    assert ok, said


def test_scale_is_parallelism(server: Server) -> None:
    server.run("apply", manifest=sweep("scaled"))
    server.run("scale", "sweep/scaled", "--replicas=5")
    assert server.get("sweep/scaled")["spec"]["parallelism"] == 5
    ok, said = server.ask("scale", "sweep/scaled", "--replicas=0")
    assert not ok
    assert "spec.parallelism in body should be greater than or equal to 1" in said


def test_scale_reports_active_runs_and_their_pods(server: Server) -> None:
    with server.left_alone(sweep("reported")) as resource:
        server.set_status(resource, {"active": 3, "selector": "sweep-operator.io/sweep=x"})
        said = server.run("get", resource, "--subresource=scale", "--output=json")
    assert json.loads(said)["status"] == {"replicas": 3, "selector": "sweep-operator.io/sweep=x"}


def test_columns_of_a_sweep(server: Server) -> None:
    status = {
        "phase": "Running",
        "runs": {"pending": 1, "running": 2, "finished": 4, "failed": 1},
        "best": {"run": "columns-3", "number": 3, "value": 0.9722, "parameters": {"lr": 0.1}},
    }
    with server.left_alone(sweep("columns", runCap=12, parallelism=3)) as resource:
        server.set_status(resource, status)
        head, row = server.run("get", "sw", "columns").splitlines()
        wide_head, wide_row = server.run("get", "sw", "columns", "--output=wide").splitlines()
    assert head.split() == ["NAME", "STATUS", "RUNNING", "FINISHED", "FAILED", "BEST", "AGE"]
    assert row.split()[:-1] == ["columns", "Running", "2", "4", "1", "0.9722"]
    assert wide_head.split()[7:] == ["METHOD", "PARALLELISM", "CAP", "PENDING", "BEST", "RUN"]
    assert wide_row.split()[7:] == ["random", "3", "12", "1", "columns-3"]


def test_sweeps_are_among_all(server: Server, bare: str) -> None:
    assert f"{bare.replace('sweep/', 'sweep.sweep-operator.io/')} " in server.run("get", "all")


def test_a_new_record_is_pending(server: Server) -> None:
    server.run("create", manifest=run(1, lr=0.1, optimizer={"name": "adam", "decay": None}))
    found = server.get("sweeprun/digits-1")
    assert found["status"] == {"phase": "Pending"}
    assert found["spec"]["parameters"] == {"lr": 0.1, "optimizer": {"name": "adam", "decay": None}}


def test_columns_of_a_run(server: Server) -> None:
    server.run("create", manifest=run(2, lr=0.1))
    attempt = {"number": 1, "job": "digits-2-1", "podUID": "u", "outcome": "Failed", "exitCode": 1}
    server.set_status(
        "sweeprun/digits-2",
        {
            "phase": "Failed",
            "reason": "ProgramFailed",
            "value": 0.5,
            "attempts": [attempt],
            "attemptsMade": 1,
        },
    )
    head, row = server.run("get", "swr", "digits-2").splitlines()
    assert head.split() == ["NAME", "STATUS", "SWEEP", "VALUE", "REASON", "AGE"]
    assert row.split()[:-1] == ["digits-2", "Failed", "digits", "0.5", "ProgramFailed"]
    assert server.get("swr/digits-2")["status"]["attempts"] == [attempt]


@pytest.mark.parametrize(
    "spec",
    [
        {"number": 4},
        {"sweep": "other"},
        {"parameters": {"lr": 0.2}},
        {"parameters": {"lr": None, "rl": 0.1}},
        {"parameters": {"optimizer": {"name": None, "eman": "adam"}}},
        {"attemptsRequested": 1},
        {"attemptsRequested": None},
        {"attemptsRequested": 3, "number": 4},
        {"attemptsRequested": 3, "sweep": "other"},
    ],
    ids=str,
)
def test_a_records_spec_cant_change(server: Server, spec: dict[str, Any]) -> None:
    """But for what asks for another attempt; nor can the rest with that, which CEL sees."""
    made = run(3, lr=0.1, optimizer={"name": "adam"})
    made["spec"]["attemptsRequested"] = 2
    server.run("apply", manifest=made)
    ok, said = server.edit("sweeprun/digits-3", spec)
    assert not ok
    assert "spec: Forbidden: a run's spec can't change" in said


@pytest.mark.parametrize("before", [None, 1])
def test_a_run_can_be_asked_for_again(server: Server, before: int | None) -> None:
    made = run(5, lr=0.1)
    name = made["metadata"]["name"] = f"asked-{before or 'never'}"
    if before is not None:
        made["spec"]["attemptsRequested"] = before
    server.run("create", manifest=made)
    ok, said = server.edit(f"sweeprun/{name}", {"attemptsRequested": 2})
    assert ok, said


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("sweep", "A search over a space of parameters"),
        ("sweep.spec.state", "Paused: no new runs"),
        ("sweep.spec.parameters", "The space to search"),
        ("sweep.spec.parameters.distribution", "log_uniform_values"),
        ("sweep.spec.parameters.parameters.min", "The least value"),
        ("sweep.spec.template.spec.backoffLimit", "Leave it out: the operator sets it to 0"),
        ("sweep.spec.rerunFailed", "Raise it by one to run all runs again"),
        ("sweeprun.spec.attemptsRequested", "Raise it by one to run this run again"),
        ("sweep.status.runs", "How many runs there are in each phase"),
        ("sweeprun.status.attempts.exitCode", "What the main container's program exited with"),
    ],
)
def test_explained(server: Server, path: str, sentence: str) -> None:
    said = " ".join(server.run("explain", path).split())
    assert sentence in said
