"""Prometheus finds the operator, and the dashboard has data once a sweep has run."""

from pathlib import Path
from typing import Any

import pytest
from tests.e2e.kube import Kube
from tests.e2e.prometheus import documented_job, prometheus, reached_by_proxy
from tests.e2e.sweeps import finished, sweep
from tests.e2e.test_reporting import reporting
from tests.promtool.dashboard import queries

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

FAILED = 'increase(sweep_operator_attempts_ended_total{outcome="Failed"}[5m]) > 0'


def test_after_a_sweep_each_query_of_the_dashboard_has_data(
    cluster: Kube, kube: Kube, kind_cluster: Any, tmp_path: Path
) -> None:
    kubeconfig = Path(kind_cluster.kubeconfig_path).resolve()
    job = reached_by_proxy(documented_job(), kubeconfig, tmp_path)
    with prometheus(job, tmp_path) as found:
        found.until("sweep_operator_leader == 1")
        result = {"metrics": {"loss": 1}}
        report = reporting({**result, "step": 1}, {**result, "final": True})
        script = f"test ${{param:x}} != 2 || exit 3; {report}"
        metric = {"name": "loss"}
        kube.apply(sweep("s", {"x": {"values": [1, 2, 3]}}, script, metric=metric, parallelism=3))
        kube.until("sweep", "s", finished)
        found.until(FAILED, *(query.text for query in queries("1m")))

        runs = f'sweep_operator_runs{{namespace="{kube.namespace}"}}'
        found.until(
            f'{runs[:-1]}, status="Finished"}} == 2', f'{runs[:-1]}, status="Failed"}} == 1'
        )
        assert found.values(f"sum({runs})") == [3]
        assert max(found.values("sweep_operator_watch_silence_seconds")) < 300
        heard = found.get("query", query="sweep_operator_watch_silence_seconds")["result"]
        resources = {series["metric"]["resource"] for series in heard}
        assert resources == {"sweeps", "sweepruns", "jobs", "pods"}

        rules = found.get("rules")["groups"][0]["rules"]
        assert {rule["name"]: rule["health"] for rule in rules} == dict.fromkeys(
            (rule["name"] for rule in rules), "ok"
        )
        assert all(rule["state"] == "inactive" for rule in rules), rules
