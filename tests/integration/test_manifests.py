"""What is installed, offered to a real API server: it takes every field of every object."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.server import ROOT, Server, asked
from tests.integration.test_chart import rendered

pytestmark = pytest.mark.integration

SAMPLES = sorted((ROOT / "manifests/samples").glob("*.yaml"))
EVERYTHING = (
    "replicas=2",
    "rbac.readLogs=true",
    "rbac.unreachableNodes=true",
    "podDisruptionBudget.enabled=true",
    "networkPolicy.enabled=true",
    'resources.limits={"cpu":"1","memory":"1Gi"}',
    'tolerations=[{"operator":"Exists"}]',
    'nodeSelector={"kubernetes.io/os":"linux"}',
    'podLabels={"team":"a"}',
    'imagePullSecrets=[{"name":"registry"}]',
    'serviceAccount.annotations={"example.org/role":"x"}',
    'priorityClassName="system-cluster-critical"',
)
DRY_RUN = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")


@pytest.fixture(scope="module")
def server(kind_cluster: Any) -> Iterator[Server]:
    with asked(kind_cluster) as found:
        yield found


def offered(server: Server, objects: list[dict[str, Any]]) -> tuple[bool, str]:
    return server.ask(*DRY_RUN, manifest={"apiVersion": "v1", "kind": "List", "items": objects})


@pytest.mark.parametrize(
    "values",
    [
        (),
        EVERYTHING,
        ("reports.enabled=false", "validation.enabled=false", "rbac.aggregate=false"),
        ("watchNamespaces=[{here}]",),
        ("watchNamespaces=[{here}]", "reports.enabled=false", *EVERYTHING),
    ],
    ids=["defaults", "everything", "nothing", "one namespace", "everything in one namespace"],
)
def test_the_api_server_takes_each_object_of_the_chart(
    server: Server, values: tuple[str, ...]
) -> None:
    here = f'"{server.namespace}"'
    objects = rendered(*(value.replace("{here}", here) for value in values))
    for each in objects:
        # A dry run makes no namespace for what comes after.
        if "namespace" in each["metadata"]:
            each["metadata"]["namespace"] = server.namespace
    # A pod isn't admitted, not even for show, without its service account.
    for account in (each for each in objects if each["kind"] == "ServiceAccount"):
        server.run("apply", manifest=account)
    ok, said = offered(server, list(objects))
    assert ok, said
    assert said.count("serverside-applied") == len(objects)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_accepted_and_leaves_the_state_to_people(server: Server, path: Path) -> None:
    sweep = yaml.safe_load(path.read_text())
    assert "state" not in sweep["spec"]
    ok, said = server.offer(sweep)
    assert ok, said


def test_the_base_holds_what_install_holds(server: Server) -> None:
    built = yaml.safe_load_all(server.run("kustomize", str(ROOT / "manifests")))
    written = yaml.safe_load_all((ROOT / "manifests/install.yaml").read_text())

    def names(objects: Iterator[Any]) -> list[str]:
        return sorted(f"{each['kind']}/{each['metadata']['name']}" for each in objects if each)

    assert names(built) == names(written)
