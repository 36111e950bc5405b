"""The authors' policy on a real API server: nobody gets by a Sweep what a Job would refuse them.

Each person is impersonated, and has one role of their own, as a platform team may have written it.
"""

import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.bad_input.cases import sweep
from tests.integration.server import ROOT, Server, asked

pytestmark = pytest.mark.integration

SWEEPS = {
    "apiGroups": ["sweep-operator.io"],
    "resources": ["sweeps", "sweepruns"],
    "verbs": ["get", "list", "create", "update", "patch", "delete"],
}
JOBS = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]}
TRAINER = {
    "apiGroups": [""],
    "resources": ["serviceaccounts"],
    "resourceNames": ["trainer"],
    "verbs": ["impersonate"],
}
PEOPLE = {"sweeper": [SWEEPS], "jobber": [SWEEPS, JOBS], "trainer": [SWEEPS, JOBS, TRAINER]}

NO_JOBS = "you may not create Jobs in namespace"


def rendered() -> list[dict[str, Any]]:
    """The policy, as the chart writes it."""
    helm = subprocess.run(
        [ROOT / "dev/cluster", "path", "helm"], check=True, capture_output=True, text=True
    ).stdout.strip()
    chart = [str(ROOT / "helm/sweep-operator"), "--namespace", "sweep-system"]
    chosen = ["--set", "validation.authors=true", "--show-only", "templates/authors.yaml"]
    chosen += ["--kube-version", "1.37"]  # helm knows none without a cluster
    command = [helm, "template", "sweep-operator", *chart, *chosen]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return list(yaml.safe_load_all(told))


@pytest.fixture(scope="module")
def server(kind_cluster: Any) -> Iterator[Server]:
    """A namespace in which each person has a role of that name, and the policy is in force."""
    with asked(kind_cluster) as found:
        for name, rules in PEOPLE.items():
            found.run("create", manifest=role(name, rules))
            found.run("create", "rolebinding", name, f"--role={name}", f"--user={name}")
        for name in ("edit", "view"):
            found.run("create", "rolebinding", name, f"--clusterrole={name}", f"--user={name}")
        for thing in yaml.safe_load_all((ROOT / "manifests/install.yaml").read_text()):
            if thing["kind"].startswith("ClusterRole"):
                found.run("apply", "--server-side", "--force-conflicts", manifest=thing)
        policy = rendered()
        for thing in policy:
            found.run("apply", "--server-side", manifest=thing)
        try:
            _until_in_force(found)
            yield found
        finally:
            for thing in policy:
                found.run("delete", f"{thing['kind']}/{thing['metadata']['name']}")


def role(name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    kind = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role"}
    return {**kind, "metadata": {"name": name}, "rules": rules}


def _until_in_force(server: Server) -> None:
    for _ in range(120):
        if not create(server, "sweeper")[0] and not make_run(server, "jobber")[0]:
            return
        time.sleep(0.25)
    pytest.fail("the policy isn't in force")


def create(server: Server, person: str, **pod: Any) -> tuple[bool, str]:
    """Ask whether a person may create a Sweep, whose pods have these fields too."""
    made = sweep()
    made["spec"]["template"]["spec"]["template"]["spec"].update(pod)
    return server.ask("create", "--dry-run=server", f"--as={person}", manifest=made)


def make_run(server: Server, person: str) -> tuple[bool, str]:
    made = {
        "apiVersion": "sweep-operator.io/v1alpha1",
        "kind": "SweepRun",
        "metadata": {"name": "by-hand-1"},
        "spec": {"sweep": "by-hand", "number": 1, "parameters": {"x": "; id"}},
    }
    return server.ask("create", "--dry-run=server", f"--as={person}", manifest=made)


def edit(server: Server, person: str, change: str, resource: str) -> tuple[bool, str]:
    patch = (f"--as={person}", "--dry-run=server", "--type=merge", f"--patch={change}")
    return server.ask("patch", resource, *patch)


@pytest.fixture(scope="module")
def running(server: Server) -> str:
    server.run("create", manifest=sweep("running"))
    return "sweep/running"


@pytest.fixture(scope="module")
def paused(server: Server) -> str:
    server.run("create", manifest=sweep("paused", state="Paused"))
    return "sweep/paused"


@pytest.mark.parametrize("person", ["jobber", "trainer", "edit"])
def test_who_may_create_jobs_may_create_a_sweep(server: Server, person: str) -> None:
    ok, said = create(server, person)
    assert ok, said
    assert create(server, person, serviceAccountName="default")[0]


def test_who_may_not_create_jobs_may_not_create_a_sweep(server: Server) -> None:
    ok, said = create(server, "sweeper")
    assert not ok
    assert NO_JOBS in said


@pytest.mark.parametrize("field", ["serviceAccountName", "serviceAccount"])
def test_a_service_account_is_for_those_who_may_act_as_it(server: Server, field: str) -> None:
    for person in ("trainer", "edit"):
        ok, said = create(server, person, **{field: "trainer"})
        assert ok, said
    for person, account in (("jobber", "trainer"), ("trainer", "admin")):
        ok, said = create(server, person, **{field: account})
        assert not ok
        assert f"you may not act as service account {account}" in said


def test_the_old_name_of_the_field_doesnt_hide_the_new_one(server: Server) -> None:
    ok, _ = create(server, "jobber", serviceAccountName="trainer", serviceAccount="default")
    assert not ok
    assert not create(server, "jobber", serviceAccountName="", serviceAccount="trainer")[0]


def test_what_is_no_name_is_refused_and_not_passed_over(server: Server) -> None:
    assert not create(server, "jobber", serviceAccountName={"name": "trainer"})[0]
    assert not create(server, "jobber", serviceAccountName=["trainer"])[0]


@pytest.mark.parametrize("state", ["Paused", "Stopped", "Cancelled"])
def test_who_may_write_sweeps_may_hold_and_end_them(
    server: Server, running: str, state: str
) -> None:
    ok, said = edit(server, "sweeper", f'{{"spec": {{"state": "{state}"}}}}', running)
    assert ok, said


@pytest.mark.parametrize("spec", ['{"runCap": 9}', '{"parallelism": 9}', '{"rerunFailed": 1}'])
def test_who_may_not_create_jobs_may_not_have_more_of_them(
    server: Server, running: str, spec: str
) -> None:
    change = f'{{"spec": {spec}}}'
    ok, said = edit(server, "sweeper", change, running)
    assert not ok
    assert NO_JOBS in said
    assert edit(server, "jobber", change, running)[0]


def test_to_resume_takes_the_right_to_create_jobs(server: Server, paused: str) -> None:
    change = '{"spec": {"state": "Running"}}'
    assert NO_JOBS in edit(server, "sweeper", change, paused)[1]
    assert edit(server, "jobber", change, paused)[0]


def test_labels_are_anybodys(server: Server, running: str) -> None:
    assert edit(server, "sweeper", '{"metadata": {"labels": {"a": "b"}}}', running)[0]


def test_a_run_by_hand_takes_all_that_a_sweep_can(server: Server) -> None:
    assert NO_JOBS in make_run(server, "sweeper")[1]
    assert "the operator makes the runs of a Sweep" in make_run(server, "trainer")[1]
    operator = "system:serviceaccount:sweep-system:sweep-operator"
    ok, said = make_run(server, operator)
    assert ok, said


def test_to_ask_for_a_run_again_takes_the_right_to_create_jobs(server: Server) -> None:
    made = {
        "apiVersion": "sweep-operator.io/v1alpha1",
        "kind": "SweepRun",
        "metadata": {"name": "again-1"},
        "spec": {"sweep": "again", "number": 1, "parameters": {"x": 1}},
    }
    server.run("create", manifest=made)
    change = '{"spec": {"attemptsRequested": 1}}'
    assert NO_JOBS in edit(server, "sweeper", change, "sweeprun/again-1")[1]
    assert edit(server, "jobber", change, "sweeprun/again-1")[0]


@pytest.mark.parametrize("person", ["view", "nobody"])
def test_who_may_only_look_may_write_nothing(server: Server, running: str, person: str) -> None:
    assert "forbidden" in create(server, person)[1].lower()
    assert "forbidden" in make_run(server, person)[1].lower()
    for state in ("Paused", "Cancelled"):
        ok, _ = edit(server, person, f'{{"spec": {{"state": "{state}"}}}}', running)
        assert not ok


def test_the_policy_reads_every_field_that_it_names(server: Server) -> None:
    """The API server's own type checker has nothing to say."""
    for name in ("authors", "authors-of-runs"):
        found = server.get(f"validatingadmissionpolicy/sweep-operator-{name}")
        assert found["status"].get("typeChecking", {}).get("expressionWarnings", []) == []
