"""A real Prometheus on this machine, which finds the operator as docs/metrics.md says."""

import base64
import json
import math
import re
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]


class Prometheus:
    """One that runs."""

    def __init__(self, url: str) -> None:
        self._url = url

    def get(self, path: str, **query: str) -> Any:
        """What its API answers."""
        with urllib.request.urlopen(
            f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10
        ) as answer:
            return json.load(answer)["data"]

    def values(self, query: str) -> list[float]:
        """What a query is at the moment, of each series that has a value."""
        result = self.get("query", query=query)["result"]
        found = [float(series["value"][1]) for series in result]
        return [value for value in found if not math.isnan(value)]

    def until(self, *queries: str, within: float = 60) -> None:
        """Ask until each query has a value; no other word comes of a scrape."""
        left, deadline = list(queries), time.monotonic() + within
        while left := [query for query in left if not self.values(query)]:
            assert time.monotonic() < deadline, f"no data within {within:g} s: {left}"


def documented_job() -> Json:
    """The scrape job of docs/metrics.md."""
    page = (ROOT / "docs/metrics.md").read_text()
    (text,) = re.findall(r"^```yaml\n(- job_name:.*?)^```", page, re.MULTILINE | re.DOTALL)
    (job,) = yaml.safe_load(text)
    found: Json = job
    return found


def reached_by_proxy(job: Json, kubeconfig: Path, folder: Path) -> Json:
    """A job as it is outside the cluster, where pods are reached through the API server alone."""
    written = yaml.safe_load(kubeconfig.read_text())
    user, cluster = written["users"][0]["user"], written["clusters"][0]["cluster"]
    tls = {}
    for option, data in (
        ("ca_file", cluster["certificate-authority-data"]),
        ("cert_file", user["client-certificate-data"]),
        ("key_file", user["client-key-data"]),
    ):
        (folder / option).write_bytes(base64.b64decode(data))
        tls[option] = str(folder / option)
    pod = "/api/v1/namespaces/$1/pods/$2:$3/proxy/metrics"
    parts = ["namespace", "pod_name", "pod_container_port_number"]
    through = [
        {"target_label": "__address__", "replacement": cluster["server"].removeprefix("https://")},
        {
            "source_labels": [f"__meta_kubernetes_{part}" for part in parts],
            "regex": "(.+);(.+);(.+)",
            "target_label": "__metrics_path__",
            "replacement": pod,
        },
    ]
    (discovery,) = job["kubernetes_sd_configs"]
    return {
        **job,
        "scheme": "https",
        "tls_config": tls,
        "kubernetes_sd_configs": [{**discovery, "kubeconfig_file": str(kubeconfig)}],
        "relabel_configs": [*job["relabel_configs"], *through],
    }


@contextmanager
def prometheus(job: Json, folder: Path) -> Iterator[Prometheus]:
    """One with one job, the chart's rules, and a scrape each second."""
    program = subprocess.check_output([ROOT / "dev/cluster", "path", "prometheus"], text=True)
    configuration = folder / "prometheus.yml"
    rules = ROOT / "helm/sweep-operator/files/rules.yaml"
    timing = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    whole = {"global": timing, "rule_files": [str(rules)], "scrape_configs": [job]}
    configuration.write_text(yaml.safe_dump(whole))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        program.strip(),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        found = Prometheus(f"http://127.0.0.1:{port}")
        _until_it_answers(found, process, folder / "log")
        yield found
    finally:
        process.terminate()
        process.wait()


def _until_it_answers(found: Prometheus, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            found.get("status/buildinfo")
        except OSError:
            continue
        return
    raise AssertionError(f"Prometheus doesn't answer:\n{log.read_text()}")
