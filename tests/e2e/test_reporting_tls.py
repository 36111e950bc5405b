"""A sweep whose programs report over TLS, on a real cluster with the chart's own objects."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e.conftest import ROOT
from tests.e2e.kube import Json, Kube
from tests.e2e.sweeps import finished, in_python, sweep
from tests.fakes.certificates import authority, issue

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PROGRAM = """
import os, sweep_run
assert os.environ["SWEEP_REPORT_URL"].startswith("https://")
with sweep_run.init() as run:
    run.log({"loss": 2}, step=1)
    assert run.finish({"loss": 1, "told": 1}), "on record"
"""


@pytest.fixture
def over_tls(cluster: Kube, tmp_path: Path) -> Iterator[None]:
    """The operator as `reports.tls.secretName` has it, with an authority of this test's own."""
    secret = issue(tmp_path / "secret", authority(tmp_path))
    files = [f"--from-file={name}={secret / name}" for name in ("tls.crt", "tls.key", "ca.crt")]
    cluster.run("create", "secret", "generic", "report-tls", "--type=kubernetes.io/tls", *files)
    try:
        install(cluster, *rendered("--set", "reports.tls.secretName=report-tls"))
        cluster.run("rollout", "status", "deployment/sweep-operator", "--timeout=120s")
        yield
    finally:
        install(cluster, *rendered())
        cluster.run("rollout", "status", "deployment/sweep-operator", "--timeout=120s")
        cluster.run("delete", "secret", "report-tls")


def install(cluster: Kube, *things: Json) -> None:
    """Apply as the cluster fixture does: a port then takes the place of the other."""
    listed = {"apiVersion": "v1", "kind": "List", "items": things}
    options = ("--server-side", "--force-conflicts", "-f", "-")
    cluster.run("apply", *options, given=json.dumps(listed))


def rendered(*options: str) -> list[Json]:
    """The Deployment and the Service."""
    helm = [ROOT / "dev/cluster", "path", "helm"]
    program = subprocess.run(helm, check=True, capture_output=True, text=True).stdout.strip()
    chart = (str(ROOT / "helm/sweep-operator"), "--namespace=sweep-system", "--kube-version=1.37")
    shown = [f"--show-only=templates/{name}.yaml" for name in ("deployment", "service")]
    command = [program, "template", "sweep-operator", *chart, *shown, *options]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return list(yaml.safe_load_all(told))


@pytest.mark.usefixtures("over_tls")
def test_a_program_reports_over_tls_and_verifies_whom_it_reports_to(
    kube: Kube, digits: str, cluster: Kube
) -> None:
    made: Json = sweep("s", {"x": {"values": [1]}}, metric={"name": "loss"})
    kube.apply(in_python(made, digits, PROGRAM))
    kube.until("sweep", "s", finished)
    status: Any = kube.get("sweeprun", "s-1")["status"]
    assert status["metrics"] == {"loss": 1, "told": 1}
    assert status["attempts"][0]["reports"], "over HTTP, not by the termination message alone"
