"""The chart, rendered by the real helm: what its values do, and what they may not be."""

import os
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm/sweep-operator"

Json = dict[str, Any]


@cache
def helm() -> str:
    """The helm that dev/manifests uses."""
    found = os.environ.get("HELM")
    if found:
        return found
    told = subprocess.run(
        [ROOT / "dev/cluster", "path", "helm"], check=True, stdout=subprocess.PIPE, text=True
    )
    return told.stdout.strip()


def asked(*values: str) -> "subprocess.CompletedProcess[str]":
    given = [option for value in values for option in ("--set-json", value)]
    command = [helm(), "template", "sweep-operator", str(CHART), "--namespace=sweeps", *given]
    return subprocess.run(
        [*command, "--kube-version=1.37"], check=False, capture_output=True, text=True
    )


def rendered(*values: str) -> Sequence[Json]:
    done = asked(*values)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def of(objects: Sequence[Json], *kinds: str) -> list[Json]:
    """Those that are installed: not the objects of `helm test`."""
    return [
        each
        for each in objects
        if each["kind"] in kinds and "helm.sh/hook" not in each["metadata"].get("annotations", {})
    ]


def container(objects: Sequence[Json]) -> Json:
    deployment = of(objects, "Deployment")[0]
    found: Json = deployment["spec"]["template"]["spec"]["containers"][0]
    return found


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("replica=2", "additional properties 'replica' not allowed"),
        ("replicas=-1", "at '/replicas': minimum: got -1, want 0"),
        ('replicas="two"', "at '/replicas': got string, want integer"),
        ('image.repository=""', "at '/image/repository': '' does not match pattern"),
        ('image.repository="Registry/Sweeps"', "at '/image/repository'"),
        ('image.tag="a b"', "at '/image/tag': 'a b' does not match pattern"),
        ('image.digest="sha256:12"', "at '/image/digest': 'sha256:12' does not match pattern"),
        ('image.pullPolicy="Sometimes"', "must be one of 'Always', 'IfNotPresent', 'Never'"),
        ('image.name="x"', "at '/image': additional properties 'name' not allowed"),
        ('imagePullSecrets=["registry"]', "at '/imagePullSecrets/0': got string, want object"),
        ('imagePullSecrets=[{"name":""}]', "at '/imagePullSecrets/0/name': minLength"),
        ('watchNamespaces="lab"', "at '/watchNamespaces': got string, want array"),
        ('watchNamespaces=["Lab"]', "at '/watchNamespaces/0': 'Lab' does not match pattern"),
        ('watchNamespaces=["a,b"]', "at '/watchNamespaces/0': 'a,b' does not match pattern"),
        ('watchNamespaces=["a","a"]', "at '/watchNamespaces': items at 0 and 1 are equal"),
        ('reports.enabled="yes"', "at '/reports/enabled': got string, want boolean"),
        ("crds.remove=true", "at '/crds': additional properties 'remove' not allowed"),
        ("rbac.readlogs=true", "at '/rbac': additional properties 'readlogs' not allowed"),
        ("validation.enabled=1", "at '/validation/enabled': got number, want boolean"),
        ("podDisruptionBudget.maxUnavailable=0", "at '/podDisruptionBudget/maxUnavailable'"),
        ("podDisruptionBudget.minAvailable=1", "properties 'minAvailable' not allowed"),
        ('podDisruptionBudget.maxUnavailable="half"', "'half' does not match pattern"),
        ("networkPolicy.egress=[]", "at '/networkPolicy': additional properties 'egress'"),
        ("resources.request={}", "at '/resources': additional properties 'request' not allowed"),
        ('resources.limits.memory="1 GB"', "at '/resources/limits/memory': '1 GB' does not match"),
        ('podLabels={"app.kubernetes.io/name":"x"}', "podLabels: app.kubernetes.io/name is"),
        ('podLabels={"team":7}', "at '/podLabels/team': got number, want string"),
        ('nodeSelector={"gpu":true}', "at '/nodeSelector/gpu': got boolean, want string"),
        ('tolerations=[{"effect":"NoStart"}]', "at '/tolerations/0/effect': value must be one of"),
        ("affinity.antiAffinity={}", "at '/affinity': additional properties 'antiAffinity'"),
        ('topologySpreadConstraints=[{"maxSkew":1}]', "missing properties 'topologyKey', 'whenUn"),
        ('serviceAccount.name="mine"', "at '/serviceAccount': additional properties 'name'"),
    ],
)
def test_a_value_that_is_wrong_is_refused_with_its_path_and_what_is_wrong(
    value: str, told: str
) -> None:
    done = asked(value)
    assert done.returncode != 0
    assert told in done.stderr


WATCHED = 'watchNamespaces=["lab","shop"]'
EVERY_RIGHT = ("rbac.readLogs=true", "rbac.unreachableNodes=true")
PEOPLES = ("sweep-operator-view", "sweep-operator-edit")


def cluster_roles(objects: Sequence[Json]) -> list[Json]:
    """Those of the operator."""
    return [each for each in of(objects, "ClusterRole") if each["metadata"]["name"] not in PEOPLES]


def rules(roles: Sequence[Json]) -> list[str]:
    return sorted({yaml.safe_dump(rule) for role in roles for rule in role["rules"]})


def test_with_watched_namespaces_and_without_reports_there_are_roles_alone() -> None:
    objects = rendered(WATCHED, "reports.enabled=false", "rbac.readLogs=true")
    assert cluster_roles(objects) == []
    assert of(objects, "ClusterRoleBinding") == []
    assert {each["metadata"]["namespace"] for each in of(objects, "Role")} == {
        "lab",
        "shop",
        "sweeps",
    }


def test_with_reports_the_only_right_in_the_whole_cluster_is_to_review_tokens() -> None:
    found = [rule for role in cluster_roles(rendered(WATCHED)) for rule in role["rules"]]
    assert found == [
        {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}
    ]


def test_roles_hold_the_cluster_roles_rules_but_for_what_only_a_cluster_has() -> None:
    everywhere = rules(cluster_roles(rendered(*EVERY_RIGHT)))
    objects = rendered(WATCHED, *EVERY_RIGHT)
    for namespace in ("lab", "shop"):
        roles = [each for each in of(objects, "Role") if each["metadata"]["namespace"] == namespace]
        only = set(everywhere) - set(rules(roles))
        assert set(rules(roles)) < set(everywhere)
        assert {yaml.safe_load(rule)["resources"][0] for rule in only} == {
            "customresourcedefinitions",
            "nodes",
            "tokenreviews",
        }


def test_each_role_is_bound_where_it_is_to_the_operator() -> None:
    for objects in (rendered(*EVERY_RIGHT), rendered(WATCHED, *EVERY_RIGHT)):
        bound = of(objects, "RoleBinding", "ClusterRoleBinding")
        roles = of(objects, "Role") + cluster_roles(objects)
        places = [(each["metadata"].get("namespace"), each["metadata"]["name"]) for each in roles]
        assert sorted(map(str, places)) == sorted(
            str((each["metadata"].get("namespace"), each["roleRef"]["name"])) for each in bound
        )
        assert {
            (subject["name"], subject["namespace"])
            for each in bound
            for subject in each["subjects"]
        } == {("sweep-operator", "sweeps")}


def test_policies_hold_in_watched_namespaces_alone() -> None:
    for binding in of(rendered(WATCHED), "ValidatingAdmissionPolicyBinding"):
        selector = binding["spec"]["matchResources"]["namespaceSelector"]
        assert {
            "key": "kubernetes.io/metadata.name",
            "operator": "In",
            "values": ["lab", "shop"],
        } in selector["matchExpressions"]


def test_without_reports_there_is_no_service_and_the_operator_is_told() -> None:
    objects = rendered("reports.enabled=false")
    assert of(objects, "Service") == []
    assert "--report-port=0" in container(objects)["args"]
    assert "REPORT_URL" not in {each["name"] for each in container(objects)["env"]}
    assert "tokenreviews" not in str(rules(cluster_roles(objects)))


def test_the_operator_is_told_which_namespaces_to_watch() -> None:
    assert "--watch-namespaces=lab,shop" in container(rendered(WATCHED))["args"]


def test_the_service_and_the_budget_choose_the_operators_pods_and_not_those_of_helm_test() -> None:
    objects = rendered("podDisruptionBudget.enabled=true", "networkPolicy.enabled=true")
    labels = of(objects, "Deployment")[0]["spec"]["template"]["metadata"]["labels"]
    test_pod = next(each for each in objects if each["kind"] == "Pod")["metadata"]["labels"]
    selectors = [
        of(objects, "Service")[0]["spec"]["selector"],
        of(objects, "PodDisruptionBudget")[0]["spec"]["selector"]["matchLabels"],
        of(objects, "NetworkPolicy")[0]["spec"]["podSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert not selector.items() <= test_pod.items()


def test_each_object_bears_its_release() -> None:
    for each in rendered(WATCHED, *EVERY_RIGHT, "podDisruptionBudget.enabled=true"):
        if each["kind"] != "CustomResourceDefinition":
            assert each["metadata"]["labels"]["app.kubernetes.io/instance"] == "sweep-operator", (
                each["metadata"]
            )


def test_the_chart_passes_helms_own_lint() -> None:
    done = subprocess.run(
        [helm(), "lint", "--strict", "--quiet", "--kube-version=1.37", str(CHART)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
