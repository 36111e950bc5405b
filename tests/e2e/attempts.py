"""One run, followed through its attempts, with the operator there or away while one ends."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from typing import Any

import pytest
from tests.e2e.kube import Json, Kube
from tests.e2e.nodes import Nodes, told_to_go
from tests.e2e.sweeps import finished, phase, sweep

up_and_down = pytest.mark.parametrize(
    "operator", ["up", pytest.param("down", marks=pytest.mark.slow)]
)
"""What happens is done once with the operator there, once scaled to 0 meanwhile."""

PATIENCE = 300
"""Seconds for a whole trial; the longest waits for a node to be out of reach."""

RESULT = """echo '{"loss": 1}' > /dev/termination-log"""


def program(then: str = RESULT, *, on_term: str = "trap 'exit 143' TERM") -> str:
    """A script that does nothing until the test lets it go on.

    Process 1 gets no SIGTERM that it hasn't asked for: without a trap it stays until it is killed.
    """
    return f"{on_term}; until [ -e /dev/shm/go ]; do sleep 0.2; done; {then}"


def one_run(script: str, **spec: Any) -> Json:
    """A sweep `s` of one run, with parameters that are not to be had by another draw."""
    space = {"x": {"min": 0.5, "max": 1.5}}
    return sweep("s", space, script, method="random", runCap=1, metric={"name": "loss"}, **spec)


class Operator:
    """The operator's Deployment, to be sent away and called back."""

    def __init__(self, cluster: Kube) -> None:
        self._cluster = cluster
        self.away = False

    def leave(self) -> None:
        """Scale it to 0 and see its pods gone."""
        self.away = True
        self._cluster.run("scale", "deployment/sweep-operator", "--replicas=0")
        label = "app.kubernetes.io/name=sweep-operator"
        self._cluster.run("wait", "pod", "-l", label, "--for=delete", "--timeout=60s")

    def come_back(self) -> None:
        """Scale it to 1 and see it ready."""
        self._cluster.run("scale", "deployment/sweep-operator", "--replicas=1")
        self._cluster.run("rollout", "status", "deployment/sweep-operator", "--timeout=120s")
        self.away = False


class Trial:
    """The run of a sweep of one, and all that its watchers see of it from its beginning on."""

    def __init__(self, kube: Kube, nodes: Nodes, operator: Operator, *, leaves: bool) -> None:
        self.kube = kube
        self.phases: list[str] = []
        self._nodes = nodes
        self._operator = operator
        self.leaves = leaves
        self._watches = ExitStack()
        self._runs: Iterator[Json] = iter(())
        self._sweeps: Iterator[Json] = iter(())

    def __enter__(self) -> "Trial":
        return self

    def __exit__(self, *_: object) -> None:
        self._watches.close()
        if self._operator.away:
            self._operator.come_back()

    def apply(self, made: Json) -> None:
        """Make the sweep, with watches that miss nothing of it."""
        self._runs = self._watches.enter_context(self.kube.watching("sweeprun", within=PATIENCE))
        self._sweeps = self._watches.enter_context(self.kube.watching("sweep", within=PATIENCE))
        self.kube.apply(made)

    def begin(self, made: Json, node: str = "") -> None:
        """Make the sweep and see its run Running, on one node; then the operator may leave."""
        with self._nodes.only(node) if node else nullcontext():
            self.apply(made)
            self.until("Running")
        self.leave()

    def leave(self) -> None:
        """The operator leaves, if this is such a trial."""
        if self.leaves:
            self._operator.leave()

    def come_back(self) -> None:
        """The operator comes back, if it has left."""
        if self._operator.away:
            self._operator.come_back()

    def come_back_after_its_job(self) -> None:
        """The operator comes back once the first attempt's Job has ended, and its pod is gone.

        Pods that nobody deletes stay: those that a kubelet ends by itself, say.
        """
        if not self._operator.away:
            return
        self.kube.until("job", "s-1-1", job_ended)
        for pod in self.kube.all("pod", "sweep-operator.io/attempt=1"):
            if told_to_go(pod):
                name = pod["metadata"]["name"]
                self.kube.run("wait", f"pod/{name}", "--for=delete", "--timeout=60s")
        self.come_back()

    def let_go_on(self, attempt: int) -> None:
        """Have the program of an attempt go on."""
        self.kube.run("exec", f"job/s-1-{attempt}", "-c", "main", "--", "touch", "/dev/shm/go")

    def until(self, wanted: str) -> Json:
        """Follow the run into a phase."""
        return self.until_true(lambda run: phase(run) == wanted)

    def until_true(self, true: Callable[[Json], bool]) -> Json:
        """Follow the run until something is true of it."""
        last: Json = {}
        for run in self._runs:
            last = run
            assert run["metadata"]["name"] == "s-1"
            if phase(run) not in ("", *self.phases[-1:]):
                self.phases.append(phase(run))
            if true(run):
                return run
        raise AssertionError(f"nothing more came of a run that went through {self.phases}: {last}")

    def goes_on(self, *reasons: str, elsewhere: bool = True) -> None:
        """The first attempt crashes; the second, let go on, is the run's end.

        Args:
            reasons: why the attempt crashed, where the operator was there and where it was away;
                one, if it makes no difference.
            elsewhere: the second attempt isn't on the node of the first.
        """
        crashed = self.until("Crashed")
        assert crashed["status"]["reason"] == reasons[-1 if self.leaves else 0], crashed["status"]
        self.until("Running")
        self.let_go_on(2)
        run = self.until("Finished")
        assert self.phases[-4:] == ["Crashed", "Pending", "Running", "Finished"]
        status = run["status"]
        first, second = status["attempts"]
        assert (first["outcome"], first["reason"]) == ("Crashed", crashed["status"]["reason"])
        assert (second["outcome"], second["reason"]) == ("Finished", "Completed")
        assert (status["preemptions"], status.get("failures", 0)) == (1, 0)
        if elsewhere:
            assert first["node"] != second["node"]
        self.same_parameters(run)
        self.sweep_finishes()

    def fails(self, reason: str) -> Json:
        """The first attempt fails, and is the run's end."""
        run = self.until("Failed")
        status = run["status"]
        assert status["reason"] == reason, status
        assert [attempt["reason"] for attempt in status["attempts"]] == [reason]
        assert (status["failures"], status.get("preemptions", 0)) == (1, 0)
        assert self.phases == ["Pending", "Running", "Failed"]
        self.sweep_finishes()
        return run

    def same_parameters(self, run: Json) -> None:
        """All attempts whose Jobs are there were given the parameters on record."""
        jobs = {job["metadata"]["name"]: job for job in self.kube.all("job")}
        assert run["status"]["attempts"][-1]["job"] in jobs
        for job in jobs.values():
            assert json.loads(environment(job)["SWEEP_PARAMETERS"]) == run["spec"]["parameters"]

    def sweep_finishes(self) -> None:
        """The sweep was Running all the while, is Finished, and has one record of its one run."""
        seen = []
        for state in self._sweeps:
            seen.append(phase(state))
            if finished(state):
                break
        assert set(seen) <= {"", "Running", "Finished"}
        assert finished(state)
        assert [run["metadata"]["name"] for run in self.kube.all("sweeprun")] == ["s-1"]


def job_ended(job: Json) -> bool:
    """Whether a Job is Complete or Failed."""
    conditions = job.get("status", {}).get("conditions", ())
    return any(each["type"] in ("Complete", "Failed") for each in conditions)


def environment(job: Json) -> dict[str, str]:
    """The plain environment variables of a Job's program."""
    env = job["spec"]["template"]["spec"]["containers"][0]["env"]
    return {each["name"]: each["value"] for each in env if "value" in each}
