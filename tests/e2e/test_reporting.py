"""Metrics by HTTP, from real pods with real tokens."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.e2e.kube import Json, Kube
from tests.e2e.sweeps import IMAGE, finished, main_of, phase, sweep

pytestmark = pytest.mark.e2e

ONE = {"x": {"values": [1]}}
REPORT = (
    'wget -q -O - --header "Authorization: Bearer $(cat $SWEEP_TOKEN_FILE)"'
    " --post-data '{}' $SWEEP_REPORT_URL"
)
FOR_EVER = "trap 'exit 143' TERM; sleep 3600 & wait"


def reporting(*reports: Json) -> str:
    """A program that makes these reports, one after the other."""
    return "; ".join(REPORT.format(json.dumps(report)) for report in reports)


def test_a_programs_reports_are_its_history_and_its_result(kube: Kube) -> None:
    reports = [{"metrics": {"loss": 1 / step}, "step": step} for step in (1, 2, 4)]
    last: Json = {"metrics": {"loss": 0.125, "grad": "NaN"}, "step": 8, "final": True}
    kube.apply(sweep("s", ONE, reporting(*reports, last), metric={"name": "loss"}))
    state = kube.until("sweep", "s", finished)
    status = kube.get("sweeprun", "s-1")["status"]
    assert [(point["step"], point["metrics"]["loss"]) for point in status["history"]] == [
        (1, 1),
        (2, 0.5),
        (4, 0.25),
        (8, 0.125),
    ]
    assert status["metrics"] == {"loss": 0.125}
    assert status["nonFinite"] == {"grad": "nan"}
    assert (status["value"], status["reason"]) == (0.125, "Completed")
    assert state["status"]["best"]["value"] == 0.125


def test_a_result_that_was_reported_counts_though_its_pod_is_evicted_then(kube: Kube) -> None:
    last: Json = {"metrics": {"loss": 0.5}, "final": True}
    script = f"{reporting(last)}; {FOR_EVER}"
    kube.apply(sweep("s", ONE, script, metric={"name": "loss"}))
    kube.until("sweeprun", "s-1", lambda run: run.get("status", {}).get("value") == 0.5)
    (pod,) = kube.all("pod")
    kube.evict(pod["metadata"]["name"])
    kube.until("sweep", "s", finished)
    status = kube.get("sweeprun", "s-1")["status"]
    assert (status["phase"], status["value"]) == ("Finished", 0.5)
    assert status["attemptsMade"] == 1


def test_a_program_that_only_prints_its_metric_is_understood_by_a_pattern(kube: Kube) -> None:
    script = "for i in 1 2 4; do echo epoch $i loss=0.$((8 / i)); done"
    pattern = r"loss=(?P<value>\S+)"
    kube.apply(sweep("s", ONE, script, metric={"name": "loss"}, logPattern=pattern))
    state = kube.until("sweep", "s", finished)
    assert state["status"]["best"]["value"] == 0.2


def test_only_the_pod_of_the_current_attempt_may_report(cluster: Kube, kube: Kube) -> None:
    kube.apply(sweep("s", {"x": {"values": [1, 2]}}, FOR_EVER, parallelism=2), stranger())
    for run in ("s-1", "s-2"):
        kube.until("sweeprun", run, lambda run: phase(run) == "Running")
    kube.run("wait", "pod/stranger", "--for=condition=Ready")
    first, second = (pod_name(kube, number) for number in (1, 2))
    report: Json = {"metrics": {"loss": 1}, "final": True}
    with service(cluster) as url:
        assert send(url, report, "nonsense")[0] == 401
        assert send(url, report, token(kube, first, audience="https://example.com"))[0] == 401
        assert send(url, report, token(kube, ""))[0] == 401, "a token bound to no pod"
        assert send(url, report, token(kube, "stranger"))[0] == 403

        # A token says whose report it is: with another run's one reports for that run alone.
        assert send(url, report, token(kube, second))[0] == 200
        assert kube.get("sweeprun", "s-2")["status"]["metrics"] == {"loss": 1}
        assert "metrics" not in kube.get("sweeprun", "s-1")["status"]

        old = token(kube, first)
        assert send(url, {"metrics": {"loss": 3}}, old)[0] == 200
        kube.run("delete", "pod", first)
        kube.until("sweeprun", "s-1", lambda run: attempt_is_running(run, 2))
        status, answer = send(url, report, old)
        assert status in (401, 410), answer
        assert "metrics" not in kube.get("sweeprun", "s-1")["status"]


def test_what_is_no_report_is_told_so(cluster: Kube, kube: Kube) -> None:
    kube.apply(sweep("s", ONE, FOR_EVER))
    kube.until("sweeprun", "s-1", lambda run: phase(run) == "Running")
    good = token(kube, pod_name(kube, 1))
    with service(cluster) as url:
        status, answer = send(url, {"metrics": {"loss": 1, "pad": "x" * 2**20}}, good)
        assert (status, "fewer" in answer["error"]) == (413, True)
        assert send(url, {"loss": 1}, good)[0] == 400
        assert send(url, {"metrics": {"loss": "NaN"}, "final": True}, good)[0] == 200
    assert kube.get("sweeprun", "s-1")["status"]["nonFinite"] == {"loss": "nan"}


@pytest.mark.slow
def test_a_burst_is_slowed_down_and_stored(cluster: Kube, kube: Kube) -> None:
    kube.apply(sweep("s", ONE, FOR_EVER))
    kube.until("sweeprun", "s-1", lambda run: phase(run) == "Running")
    good = token(kube, pod_name(kube, 1))
    answers = set()
    with service(cluster) as url:
        sent = 0
        while sent < 10_000:
            numbers = range(sent + 1, sent + 501)
            batch = [{"metrics": {"loss": n}, "step": n, "sequence": n} for n in numbers]
            status, answer = send(url, batch, good)
            assert status in (200, 429), answer
            answers.add(status)
            sent += 500 if status == 200 else 0
            if status == 429:
                time.sleep(1)  # as the header Retry-After says
    assert answers == {200, 429}
    run = kube.until(
        "sweeprun", "s-1", lambda run: run["status"]["attempts"][0]["reports"].get("", 0) == 10_000
    )
    assert len(run["status"]["history"]) <= 100
    assert run["status"]["history"][-1]["step"] == 10_000


def attempt_is_running(run: Json, number: int) -> bool:
    attempts = run.get("status", {}).get("attempts", ())
    return phase(run) == "Running" and attempts[-1]["number"] == number


def pod_name(kube: Kube, number: int) -> str:
    (pod,) = kube.all("pod", f"sweep-operator.io/run-number={number}")
    name: str = pod["metadata"]["name"]
    return name


def stranger() -> Json:
    """A pod that belongs to no run."""
    container = main_of(sweep("s", ONE, FOR_EVER))
    assert container["image"] == IMAGE
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "stranger"},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    }


def token(kube: Kube, pod: str, audience: str = "sweep-operator") -> str:
    """A token like the one that the kubelet puts into a pod."""
    bound = ["--bound-object-kind=Pod", f"--bound-object-name={pod}"] if pod else []
    return kube.run("create", "token", "default", f"--audience={audience}", *bound).strip()


@contextmanager
def service(cluster: Kube) -> Iterator[str]:
    """The operator's service, as seen from here."""
    process = subprocess.Popen(
        cluster._command("port-forward", "service/sweep-operator", ":80"),
        stdout=subprocess.PIPE,
        text=True,
        env=cluster.environment,
    )
    try:
        assert process.stdout is not None
        found = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found is not None
        yield f"http://127.0.0.1:{found[1]}/v1/reports"
    finally:
        process.kill()
        process.wait()


def send(url: str, report: Any, token: str) -> tuple[int, Any]:
    """Report; tell the answer."""
    request = urllib.request.Request(
        url, json.dumps(report).encode(), {"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
