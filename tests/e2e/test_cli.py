"""The contract's commands, given on the command line."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.e2e.kube import Kube
from tests.e2e.sweeps import complete, runs, sweep
from tests.e2e.test_states import CHOICES, FOR_EVER, phases, running
from tests.unit.cli.dashboard_page import STUDY, Opened, until
from tests.unit.report.reading import Read

pytestmark = pytest.mark.e2e


class Cli:
    """`kubectl sweep`, in a test's own namespace."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "sweep_operator.cli.main", *arguments],
            env=self._kube.environment,
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def __call__(self, command: str, *arguments: str) -> str:
        """What a command prints, which must succeed."""
        done = self._run(command, *arguments, "-n", self._kube.namespace)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def refused(self, command: str, *arguments: str) -> str:
        """The one sentence of a command that must fail."""
        done = self._run(command, *arguments, "-n", self._kube.namespace)
        assert done.returncode == 1, done.stdout
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        return done.stderr

    def bare(self, *arguments: str) -> str:
        """What a command prints that isn't told the namespace."""
        done = self._run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def cli(kube: Kube) -> Cli:
    return Cli(kube)


@pytest.mark.slow
def test_pause_halts_new_runs_while_existing_ones_go_on_and_resume_goes_on(
    kube: Kube, cli: Cli
) -> None:
    kube.apply(sweep("s", CHOICES, "sleep 3", runCap=6, parallelism=2))
    kube.until("sweep", "s", running(2))
    assert cli("pause", "s").startswith("s is paused; 2 runs still running")
    kube.until("sweep", "s", lambda state: state["status"]["active"] == 0)
    made = len(kube.all("sweeprun"))
    assert set(phases(kube)) <= {"Finished", "Pending"}
    assert cli("resume", "s").startswith("s is running;")
    assert cli("wait", "s", "--for", "Finished", "--timeout", "120") == "Finished\n"
    assert made < len(kube.all("sweeprun")) == 6


def test_stop_lets_existing_runs_go_on_to_their_end(kube: Kube, cli: Cli) -> None:
    kube.apply(sweep("s", CHOICES, "sleep 4", parallelism=2))
    kube.until("sweep", "s", running(2))
    assert cli("stop", "s").startswith("s is stopped; 2 runs going on")
    assert runs(kube.until("sweep", "s", complete))["finished"] >= 2
    told = cli.refused("resume", "s")
    assert told.startswith("error: s is Stopped: a stopped sweep doesn't go on")


def test_cancel_kills_existing_runs_and_wandbs_spelling_works(kube: Kube, cli: Cli) -> None:
    kube.apply(sweep("s", CHOICES, FOR_EVER, parallelism=2))
    kube.until("sweep", "s", running(2))
    assert cli.bare("--pause", f"{kube.namespace}/s").startswith("s is paused")
    assert cli.bare("--resume", f"{kube.namespace}/s").startswith("s is running")
    assert cli.bare("--cancel", f"{kube.namespace}/s").startswith("s is cancelled")
    assert runs(kube.until("sweep", "s", complete))["killed"] == 2
    assert "doesn't go on" in cli.refused("pause", "s")


def test_a_sweep_is_made_looked_at_scaled_and_deleted(kube: Kube, cli: Cli, tmp_path: Path) -> None:
    script = 'echo "x is ${param:x}"; echo "{\\"loss\\": ${param:x}}" > /dev/termination-log'
    file = tmp_path / "sweep.json"
    file.write_text(
        json.dumps(sweep("s", {"x": {"values": [3, 1, 2]}}, script, metric={"name": "loss"}))
    )
    assert cli("create", str(file), "--dry-run", "server").endswith("(server dry run)\n")
    assert cli("create", str(file), "--paused") == f"{kube.namespace}/s\n"
    assert "already exists" in cli.refused("create", str(file))
    assert cli("scale", "s", "--parallelism", "3").startswith("s is paused")
    cli("resume", "s")
    assert "Finished; 3 ended" in cli("watch", "s").splitlines()[-1]

    records = {run["spec"]["number"]: run for run in kube.all("sweeprun")}
    listed = json.loads(cli("runs", "s", "--sort", "x", "-o", "json"))["items"]
    assert [run["spec"]["parameters"]["x"] for run in listed] == [1, 2, 3]
    assert {run["metadata"]["uid"] for run in listed} == {
        run["metadata"]["uid"] for run in records.values()
    }
    assert yaml.safe_load(cli("best", "s", "-o", "yaml")) == [
        {"number": 2, "value": 1, "parameters": {"x": 1}}
    ]
    (variable,) = yaml.safe_load(cli("best", "s", "-o", "env"))["env"]
    assert json.loads(variable["value"]) == {"x": 1}
    assert len(Read.of(cli("report", "s", "--output", "-")).rows) == len(records)
    rows = csv.DictReader(cli("export", "s").splitlines())
    assert [(row["params_x"], row["metrics_loss"]) for row in rows] == [(x, x) for x in "312"]
    assert cli("logs", "s", "1") == "x is 3\n"
    assert cli("logs", "s", "--best", "--follow") == "x is 1\n"
    assert "has no run 9" in cli.refused("logs", "s", "9")
    kube.run("delete", "pod", "--all", "--wait")
    assert "is gone with its pod" in cli.refused("logs", "s", "1")
    assert "3 finished" in cli("status", "s")
    assert cli("list", "-o", "name") == "sweep.sweep-operator.io/s\n"
    assert "do you mean s?" in cli.refused("status", "ss")
    cli("delete", "s", "--yes")
    kube.run("wait", "sweep/s", "--for=delete", "--timeout=60s")


def test_failed_runs_are_run_again(kube: Kube, cli: Cli) -> None:
    script = '[ "$SWEEP_ATTEMPT" != 1 ] || [ ${param:x} = 1 ]'
    kube.apply(sweep("s", {"x": {"values": [1, 2, 3]}}, script, parallelism=3))
    assert cli("wait", "s") == "Finished\n"
    assert "run 1 is Finished" in cli.refused("rerun", "s", "1")
    assert cli("rerun", "s", "3") == "s runs 3 again\n"
    kube.until("sweeprun", "s-3", lambda run: run["status"]["phase"] == "Finished")
    assert cli("rerun", "s") == "s runs 2 again\n"
    kube.until("sweeprun", "s-2", lambda run: run["status"]["phase"] == "Finished")
    assert "no run of s has Failed" in cli.refused("rerun", "s")


def test_the_dashboard_follows_a_sweep_through_a_pause(
    kube: Kube, cli: Cli, tmp_path: Path
) -> None:
    script = 'sleep 5; echo "{\\"loss\\": ${param:x}}" > /dev/termination-log'
    spec = {"metric": {"name": "loss"}, "runCap": 4, "parallelism": 2}
    kube.apply(sweep("s", CHOICES, script, **spec))
    kube.until("sweep", "s", running(2))
    page = Opened(f"{kube.namespace}/s", Path(kube.environment["KUBECONFIG"]), tmp_path / "errors")
    try:
        assert set(page.states().values()) <= {"Running", "Complete"}
        cli("pause", "s")
        until(lambda: page.news()["status"] == "Paused")
        until(lambda: set(page.states().values()) <= {"Complete", "Waiting"})
        ended = kube.until("sweep", "s", lambda state: state["status"]["active"] == 0)
        assert list(page.states().values()).count("Complete") == runs(ended)["finished"] >= 2
        trials = page.get(STUDY)["trials"]
        values = {each["number"]: each["values"] for each in trials if "values" in each}
        assert values == {
            each["spec"]["number"]: [each["status"]["value"]]
            for each in kube.all("sweeprun")
            if "value" in each["status"]
        }
        cli("delete", "s", "--yes")
        until(lambda: "has been deleted" in page.news().get("news", ""))
        assert len(page.get(STUDY)["trials"]) == len(trials)
        assert page.interrupt() == 130
    finally:
        page.kill()


@pytest.mark.slow
def test_an_edit_that_no_operator_acts_upon_is_told(kube: Kube, cli: Cli, cluster: Kube) -> None:
    kube.apply(sweep("s", CHOICES, "true", state="Paused"))
    kube.until("sweep", "s", lambda state: bool(state.get("status")))
    cluster.run("scale", "deployment/sweep-operator", "--replicas=0")
    try:
        cluster.run("wait", "pod", "-lapp.kubernetes.io/name=sweep-operator", "--for=delete")
        assert "the operator doesn't seem to be running" in cli.refused("stop", "s")
    finally:
        cluster.run("scale", "deployment/sweep-operator", "--replicas=1")
        cluster.run("rollout", "status", "deployment/sweep-operator", "--timeout=120s")
    assert cli("stop", "s").startswith("s is stopped")
