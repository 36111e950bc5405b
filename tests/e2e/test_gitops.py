"""docs/gitops.md: who owns spec.state, with two field managers."""

import json

import pytest
from tests.e2e.kube import Json, Kube
from tests.e2e.sweeps import is_now, sweep

pytestmark = pytest.mark.e2e

SWEEP = sweep("s", {"x": {"values": list(range(9))}}, "sleep 600")


def applied(kube: Kube, manager: str, state: str | None) -> None:
    """Apply the Sweep server-side, with or without a state."""
    kube.run(*as_manager(manager), given=manifest(state))


def as_manager(name: str) -> tuple[str, ...]:
    return ("apply", "--server-side", f"--field-manager={name}", "-f", "-")


def manifest(state: str | None) -> str:
    spec = SWEEP["spec"] | ({"state": state} if state else {})
    return json.dumps(SWEEP | {"spec": spec})


def test_a_state_that_git_leaves_out_belongs_to_people(kube: Kube) -> None:
    applied(kube, "gitops", state=None)
    kube.until("sweep", "s", is_now("Running"))
    kube.edit("s", state="Paused")
    kube.until("sweep", "s", is_now("Paused"))
    applied(kube, "gitops", state=None)
    assert kube.get("sweep", "s")["spec"]["state"] == "Paused"


def test_a_state_that_git_owns_is_a_conflict_for_others_and_undone_where_forced(kube: Kube) -> None:
    applied(kube, "gitops", state="Running")
    said = kube.refusal(*as_manager("person"), given=manifest("Paused"))
    assert "conflict" in said
    assert ".spec.state" in said
    assert "gitops" in said
    kube.edit("s", state="Paused")
    kube.until("sweep", "s", is_now("Paused"))
    kube.run(*as_manager("gitops"), "--force-conflicts", given=manifest("Running"))
    kube.until("sweep", "s", is_now("Running"))


def test_a_state_removed_from_git_resumes_and_one_that_people_own_too_stays(kube: Kube) -> None:
    applied(kube, "gitops", state="Paused")
    kube.until("sweep", "s", is_now("Paused"))
    applied(kube, "gitops", state=None)
    kube.until("sweep", "s", is_now("Running"))
    applied(kube, "gitops", state="Paused")
    applied(kube, "person", state="Paused")
    applied(kube, "gitops", state=None)
    assert kube.get("sweep", "s")["spec"]["state"] == "Paused"


def test_a_cancelled_sweep_refuses_what_git_says_and_the_event_names_who_cancelled(
    kube: Kube,
) -> None:
    applied(kube, "gitops", state="Running")
    kube.run(*as_manager("person"), "--force-conflicts", given=manifest("Cancelled"))
    kube.until("sweep", "s", is_now("Cancelled"))
    said = kube.refusal(*as_manager("gitops"), "--force-conflicts", given=manifest("Running"))
    assert "new Sweep" in said
    assert any("person" in note for note in told(kube, "Cancelled"))


def told(kube: Kube, reason: str) -> list[str]:
    """What Events of a reason say."""
    found: Json = json.loads(kube.run("get", "events", "-o", "json"))
    return [event["message"] for event in found["items"] if event["reason"] == reason]
