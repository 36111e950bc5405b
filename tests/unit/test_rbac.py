"""Rights: the page says each, and there is none that is too much for what it is."""

import pytest
from tests.fakes.rights import Right, documented, given

GIVEN = given()
OPERATORS = [name for name in GIVEN if not name.endswith(("-view", "-edit"))]


def test_the_page_has_exactly_the_rights_of_the_chart() -> None:
    assert documented() == GIVEN


@pytest.mark.parametrize("role", GIVEN)
def test_no_role_has_a_wildcard_or_a_right_that_leads_to_others(role: str) -> None:
    for right in GIVEN[role]:
        assert "*" not in "".join(right)
        assert right.resource not in ("secrets", "configmaps", "serviceaccounts", "pods/exec")
        assert right.group != "rbac.authorization.k8s.io"
        assert right.verb not in ("impersonate", "escalate", "bind")


@pytest.mark.parametrize("role", OPERATORS)
def test_the_operator_writes_no_spec_of_a_sweep(role: str) -> None:
    writes = {"create", "update", "patch", "delete", "deletecollection"}
    assert not {r for r in GIVEN[role] if r.resource == "sweeps" and r.verb in writes}
    assert Right("sweep-operator.io", "sweepruns", "update") not in GIVEN[role]
    assert Right("sweep-operator.io", "sweepruns", "patch") not in GIVEN[role]


def test_strong_rights_are_only_where_they_are_asked_for() -> None:
    strong = {
        Right("core", "pods/status", "patch"),
        Right("core", "pods/log", "get"),
        Right("core", "pods", "delete"),
        Right("core", "nodes", "get"),
    }
    for role, rights in GIVEN.items():
        if not role.endswith(("-read-logs", "-unreachable-nodes")):
            assert not rights & strong


def test_who_may_look_may_write_nothing() -> None:
    verbs = {right.verb for right in GIVEN["ClusterRole sweep-operator-view"]}
    assert verbs == {"get", "list", "watch"}


def test_who_may_make_sweeps_by_our_role_may_make_jobs() -> None:
    rights = GIVEN["ClusterRole sweep-operator-edit"]
    assert Right("sweep-operator.io", "sweeps", "create") in rights
    assert Right("batch", "jobs", "create") in rights
    assert Right("sweep-operator.io", "sweepruns", "create") not in rights
    assert not {r for r in rights if r.resource.endswith("/status")}
