"""Bad Sweeps on a real API server: refused at apply, and by whom, and in which words.

What happens where the policy is off is tests/e2e/test_bad_input.py's.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.bad_input.cases import ACCEPTED, BAD_SWEEPS, Case, sweep
from tests.integration.server import ROOT, VERSION, Server, asked

pytestmark = pytest.mark.integration

POLICY = "validatingadmissionpolicy/sweep-operator-validation"
RECORDS = "validatingadmissionpolicy/sweep-operator-records"


@pytest.fixture(scope="module")
def server(kind_cluster: Any) -> Iterator[Server]:
    """A namespace like any other, with the policy of this checkout."""
    with asked(kind_cluster) as found:
        installed = yaml.safe_load_all((ROOT / "manifests/install.yaml").read_text())
        for thing in installed:
            if thing["kind"].startswith("ValidatingAdmissionPolicy"):
                found.run("apply", "--server-side", "--force-conflicts", manifest=thing)
        _until_in_force(found)
        yield found


@pytest.fixture(scope="module")
def unguarded(kind_cluster: Any) -> Iterator[Server]:
    """A namespace that the policy leaves out."""
    with asked(kind_cluster, validation="off") as found:
        yield found


def _until_in_force(server: Server) -> None:
    """The API server reads policies now and then; the type checker is a controller's."""
    bad = next(case for case in BAD_SWEEPS if case.refuser == "policy")
    for _ in range(120):
        found = [server.get(name) for name in (POLICY, RECORDS)]
        checked = all(
            each.get("status", {}).get("observedGeneration") == each["metadata"]["generation"]
            for each in found
        )
        if checked and not server.offer(bad.sweep())[0]:
            return
        time.sleep(0.25)
    pytest.fail("the policy isn't in force")


def _refusal(server: Server, resource: str, change: dict[str, Any]) -> str:
    """What is said of an edit once it is refused: this policy may be in force a moment later."""
    for _ in range(120):
        ok, said = server.edit(resource, change)
        if not ok:
            return said
        time.sleep(0.25)
    raise AssertionError(f"{change} isn't refused")


def refused_by(*refusers: str, edits: bool) -> list[Case]:
    return [
        case for case in BAD_SWEEPS if case.refuser in refusers and (case.edit is not None) is edits
    ]


@pytest.mark.parametrize("case", refused_by("schema", "cel", edits=False), ids=str)
def test_refused_by_the_crd(server: Server, case: Case) -> None:
    ok, said = server.apply(case.sweep())
    assert not ok
    assert case.message in said


@pytest.mark.parametrize("case", refused_by("schema", "cel", edits=True), ids=str)
def test_an_edit_is_refused(server: Server, case: Case) -> None:
    assert case.edit is not None
    name = f"edited-{BAD_SWEEPS.index(case)}"
    server.run("create", manifest=case.sweep(name))
    ok, said = server.edit(f"sweep/{name}", case.edit)
    assert not ok
    assert case.message in said


def test_what_a_run_was_trained_with_cant_change_as_it_is_asked_for_again(server: Server) -> None:
    """The CRD's rules can't see it, as values are of any type."""
    record = {
        "apiVersion": VERSION,
        "kind": "SweepRun",
        "metadata": {"name": "digits-1"},
        "spec": {"sweep": "digits", "number": 1, "parameters": {"lr": 0.1, "name": "adam"}},
    }
    server.run("create", manifest=record)
    for parameters in ({"lr": 0.2}, {"lr": None, "rl": 0.1}, {"name": None}):
        change = {"attemptsRequested": 1, "parameters": parameters}
        assert "spec.parameters can't change" in _refusal(server, "sweeprun/digits-1", change)
    ok, said = server.edit("sweeprun/digits-1", {"attemptsRequested": 1})
    assert ok, said


@pytest.mark.parametrize("case", refused_by("policy", edits=False), ids=str)
def test_refused_by_the_policy(server: Server, case: Case) -> None:
    ok, said = server.apply(case.sweep())
    assert not ok
    assert said.endswith(f"denied request: {case.message}")


@pytest.mark.parametrize("case", refused_by("operator", edits=False), ids=str)
def test_nobody_but_the_operator_sees_it(server: Server, case: Case) -> None:
    ok, said = server.offer(case.sweep())
    assert ok, said


@pytest.mark.parametrize("case", refused_by("policy", edits=False), ids=str)
def test_a_namespace_may_be_left_out(unguarded: Server, case: Case) -> None:
    ok, said = unguarded.offer(case.sweep())
    assert ok, said


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_policy_accepts_what_is_right(server: Server, name: str) -> None:
    ok, said = server.offer(sweep(**ACCEPTED[name]))
    assert ok, said


def test_kubectl_apply_says_it(server: Server) -> None:
    bad = sweep(parameters={"dropout": {"value": None}})
    ok, said = server.ask("apply", manifest=bad)
    assert not ok
    assert "spec.parameters.dropout: write value, values," in said
    assert "kubectl apply drops value: null: write values: [null]" in said


def test_the_type_checker_has_no_warnings(server: Server) -> None:
    assert server.get(POLICY)["status"]["typeChecking"] == {}


def test_what_was_made_without_the_policy_can_be_cancelled_with_it(unguarded: Server) -> None:
    unguarded.run("create", manifest=sweep("odd", parameters={"p": {}}))
    namespace = unguarded.get("sweep/odd")["metadata"]["namespace"]
    unguarded.run("label", "namespace", namespace, "sweep-operator.io/validation-")
    try:
        for _ in range(40):  # until the API server has seen the label go
            if not unguarded.offer(sweep("odder", parameters={"p": {}}))[0]:
                break
            time.sleep(0.25)
        else:
            pytest.fail("the namespace is still left out")
        unguarded.run(
            "patch", "sweep/odd", "--type=merge", '--patch={"spec":{"state":"Cancelled"}}'
        )
    finally:
        unguarded.run("label", "namespace", namespace, "sweep-operator.io/validation=off")


NAMES = [f"p{number:02}" + "x" * 60 for number in range(64)]


def test_a_mistake_is_found_in_the_largest_space(server: Server) -> None:
    """Nested twice 64 names: what evaluation may cost isn't spent."""
    steps = {"distribution": "q_uniform", "min": 0.1, "max": 0.9, "q": 0.01}
    space: dict[str, Any] = {name: {"parameters": dict.fromkeys(NAMES, steps)} for name in NAMES}
    ok, said = server.offer(sweep(parameters=space))
    assert ok, said
    space[NAMES[0]] = {"parameters": {NAMES[1]: {}}}
    ok, said = server.offer(sweep(parameters=space))
    assert not ok
    assert f"spec.parameters.{NAMES[0]}.parameters.{NAMES[1]}: write value, values" in said


def test_a_space_that_costs_too_much_is_left_to_the_operator(server: Server) -> None:
    """Looking for values that are there twice is quadratic; the other rules still hold."""
    choices = {name: {"values": list(range(32))} for name in NAMES}
    space: dict[str, Any] = {name: {"parameters": choices} for name in NAMES[:8]}
    space["twice"] = {"values": [0, 0]}
    ok, said = server.offer(sweep(parameters=space))
    assert ok, said
    space["empty"] = {}
    ok, said = server.offer(sweep(parameters=space))
    assert not ok
    assert said.endswith("write values: [null])")


def test_more_mistakes_than_a_message_holds(server: Server) -> None:
    ok, said = server.offer(sweep(parameters={name: {} for name in NAMES}))
    assert not ok
    assert "denied request: spec.parameters: many are wrong: each takes value" in said


def test_a_macro_across_lines_is_told_of(server: Server) -> None:
    """A message of the policy has one line: the general one is said instead."""
    ok, said = server.offer(sweep(command=["sh", "-c", "${a\nb}"]))
    assert not ok
    assert "spec.command: has ${...} that are no macros" in said
