"""A small cluster around the reconciler: one Sweep, its Jobs' lives, and time moved by hand."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.fakes.apiserver import ApiServer, Clock
from typing_extensions import override

from sweep_operator.api.names import LABEL_SWEEP_UID
from sweep_operator.effects.api import ApiError
from sweep_operator.effects.cache import Cache, key_of
from sweep_operator.effects.metrics import Metrics
from sweep_operator.effects.recorder import Recorder
from sweep_operator.effects.suggester import Suggester
from sweep_operator.effects.workqueue import Key
from sweep_operator.planning.story import Happening
from sweep_operator.planning.times import timestamp
from sweep_operator.reconcile.sweep import Reconciler

NAMESPACE = "lab"
API_VERSION = "sweep-operator.io/v1alpha1"
CHILDREN = ("sweepruns", "jobs", "pods")


class Result(NamedTuple):
    """What a program did."""

    exit_code: int
    message: str = ""


Program = Callable[[int, int], Result]
"""From a run's number and its attempt to what the program does."""


def loss_is_number(number: int, _attempt: int) -> Result:
    """A program whose first run is the best."""
    return Result(0, json.dumps({"loss": number}))


def sweep(name: str = "a", **spec: Any) -> dict[str, Any]:
    """A Sweep as a person writes it, with the API server's defaults."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Sweep",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "state": "Running",
            "method": "random",
            "metric": {"name": "loss", "goal": "minimize"},
            "parameters": {"x": {"distribution": "uniform", "min": 0, "max": 1}},
            "runCap": 5,
            "parallelism": 2,
            "finishedJobTTL": "10m",
            "seed": 7,
            "template": {
                "spec": {"template": {"spec": {"containers": [{"name": "main", "image": "i"}]}}}
            },
            **spec,
        },
    }


class Teller(Recorder):
    """Keeps what is told."""

    def __init__(self, server: ApiServer) -> None:
        super().__init__(server, "test", now=str, clock=float)
        self.told: list[Happening] = []

    @override
    def tell(self, sweep: Mapping[str, Any], happening: Happening) -> None:
        super().tell(sweep, happening)
        self.told.append(happening)

    @property
    def reasons(self) -> list[str]:
        return [happening.reason for happening in self.told]


class World:
    """A server with one Sweep, an operator that can be restarted, and nodes that run its Jobs."""

    def __init__(
        self,
        manifest: dict[str, Any] | None = None,
        program: Program = loss_is_number,
        suggester: Suggester | None = None,
    ) -> None:
        self.suggester = suggester
        self.clock = Clock()
        self.server = ApiServer(clock=self.clock)
        self.server.on_create = self._watch_parallelism
        self.sweep = self.server.put("sweeps", manifest or sweep())
        self.program = program
        self.leads = True
        self.most_active = 0
        self.teller = Teller(self.server)
        self.metrics = Metrics()
        self.start()

    # The operator

    def start(self) -> None:
        """Start an operator that knows nothing, and list all there is to it."""
        self.server.revive()
        self.changed: list[Key] = []
        self.cache = Cache(on_change=self.changed.append)
        self.reconciler = Reconciler(
            self.server,
            self.cache,
            self.teller,
            leads=lambda: self.leads,
            clock=self.clock,
            suggester=self.suggester,
            metrics=self.metrics,
        )
        self.relist()

    def relist(self) -> None:
        """What a reflector does after a 410."""
        for plural in CHILDREN:
            names = set()
            for thing in self.server.of(plural):
                if LABEL_SWEEP_UID in thing["metadata"].get("labels", {}):
                    names.add((NAMESPACE, thing["metadata"]["name"]))
                    self._sink(plural).put(thing)
            self._sink(plural).keep_only(names, self.server.version)
        for thing in self.server.of("sweeps"):
            self.cache.put_sweep(thing)
        self._told = dict.fromkeys((*CHILDREN, "sweeps"), self.server.version)

    def deliver(self, *plurals: str) -> None:
        """Hand the watches' events over, of some kinds or of all."""
        for plural in plurals or (*CHILDREN, "sweeps"):
            for event in self.server.log:
                if event.plural != plural or event.version <= self._told[plural]:
                    continue
                self._told[plural] = event.version
                if plural == "sweeps":
                    if event.type == "DELETED":
                        self.cache.drop_sweep(key_of(event.thing))
                    else:
                        self.cache.put_sweep(event.thing)
                elif event.type == "DELETED":
                    self._sink(plural).drop(event.thing)
                elif LABEL_SWEEP_UID in event.thing["metadata"].get("labels", {}):
                    self._sink(plural).put(event.thing)

    async def reconcile(self) -> float | None:
        """One pass over the Sweep."""
        return await self.reconciler.reconcile(self.key)

    # The cluster

    def step(self, chance: Callable[[], float] = lambda: 0.0) -> None:
        """Move each Job one stage on: it gets a pod, the pod runs, the pod ends.

        Those whose `chance` is above one half stay where they are.
        """
        for job in self.server.of("jobs"):
            name = job["metadata"]["name"]
            if ended(job) or job["spec"].get("suspend") or chance() > 0.5:
                continue
            pod = self.server.objects.get(("pods", NAMESPACE, f"{name}-pod"))
            if pod is None:
                self.add_pod(job)
            elif not pod.get("status", {}).get("containerStatuses"):
                self.start_pod(name)
            else:
                labels = job["metadata"]["labels"]
                number = int(labels["sweep-operator.io/run-number"])
                self.end(name, self.program(number, int(labels["sweep-operator.io/attempt"])))

    def add_pod(self, job: Mapping[str, Any], status: Mapping[str, Any] | None = None) -> None:
        """What the Job controller does first."""
        template = job["spec"]["template"]
        metadata, name = job["metadata"], job["metadata"]["name"]
        own = {
            "batch.kubernetes.io/job-name": name,
            "batch.kubernetes.io/controller-uid": metadata["uid"],
        }
        pod = {
            "metadata": {
                "name": f"{name}-pod",
                "namespace": NAMESPACE,
                "labels": template["metadata"]["labels"] | own,
                "annotations": template["metadata"]["annotations"],
                "ownerReferences": [{"kind": "Job", "name": name, "uid": metadata["uid"]}],
            },
            "spec": template["spec"] | {"nodeName": "node-1"},
            "status": {"phase": "Pending", **(status or {})},
        }
        self.server.put("pods", pod)
        self.server.change("jobs", name, {"status": {"active": 1}})

    def start_pod(self, job: str) -> None:
        """What the kubelet does first."""
        state = {"running": {"startedAt": timestamp(self.server.clock())}}
        statuses = [{"name": "main", "state": state}]
        status = {"phase": "Running", "containerStatuses": statuses}
        self.server.change("pods", f"{job}-pod", {"status": status})

    def end(self, job: str, result: Result) -> None:
        """A program's end, as the kubelet and the Job controller tell it."""
        self.end_pod(job, result)
        self.end_job(job, result)

    def end_pod(self, job: str, result: Result) -> None:
        now = timestamp(self.server.clock())
        (container,) = self.server.named("pods", f"{job}-pod")["status"]["containerStatuses"]
        terminated = {
            "exitCode": result.exit_code,
            "message": result.message,
            "startedAt": container["state"].get("running", {}).get("startedAt", now),
            "finishedAt": now,
        }
        status = {
            "phase": "Failed" if result.exit_code else "Succeeded",
            "containerStatuses": [{"name": "main", "state": {"terminated": terminated}}],
        }
        self.server.change("pods", f"{job}-pod", {"status": status})

    def end_job(self, job: str, result: Result) -> None:
        condition = {
            "type": "Failed" if result.exit_code else "Complete",
            "status": "True",
            "reason": "PodFailurePolicy" if result.exit_code else "CompletionsReached",
            "message": "matching FailJob rule at index 1" if result.exit_code else "",
            "lastTransitionTime": timestamp(self.server.clock()),
        }
        self.server.change("jobs", job, {"status": {"active": 0, "conditions": [condition]}})

    # Both

    async def live(self, until: Callable[[], bool], rounds: int = 200) -> None:
        """Let events, passes, Jobs and time go on until something is true.

        A pass that fails is tried again, as the work queue does; one that is killed is followed by
        a new operator.
        """
        for _ in range(rounds):
            self.deliver()
            await self.attempt()
            self.deliver()
            if until():
                return
            self.step()
            self.clock.now += 1.0
        raise AssertionError(f"not after {rounds} rounds: {self.status}")

    async def attempt(self) -> float | None:
        """One pass, which may fail."""
        try:
            return await self.reconcile()
        except ApiError:
            return 0.1
        except BaseException:
            if not self.server.dead:
                raise
            self.start()
            return 0.0

    async def settle(self, passes: int = 20) -> None:
        """Passes and events until there is nothing more to write."""
        for _ in range(passes):
            self.deliver()
            before = self.server.version
            await self.reconcile()
            if self.server.version == before:
                return
        raise AssertionError(f"still writing after {passes} passes: {self.server.calls[-3:]}")

    @property
    def uid(self) -> str:
        uid: str = self.sweep["metadata"]["uid"]
        return uid

    @property
    def key(self) -> Key:
        return Key(NAMESPACE, self.uid)

    @property
    def status(self) -> dict[str, Any]:
        """The Sweep's status as stored."""
        found: dict[str, Any] = self.server.named("sweeps", self.sweep["metadata"]["name"]).get(
            "status", {}
        )
        return found

    @property
    def phase(self) -> str | None:
        return self.status.get("phase")

    def condition(self, name: str) -> dict[str, Any]:
        """One of the Sweep's conditions."""
        found = [each for each in self.status.get("conditions", []) if each["type"] == name]
        return found[0] if found else {"status": "", "reason": "", "message": ""}

    def run(self, number: int) -> dict[str, Any]:
        """A SweepRun as stored."""
        return self.server.named("sweepruns", f"{self.sweep['metadata']['name']}-{number}")

    @property
    def parameters(self) -> dict[str, Any]:
        """What each run runs with, by its name."""
        return {
            run["metadata"]["name"]: run["spec"]["parameters"]
            for run in self.server.of("sweepruns")
        }

    @property
    def active(self) -> int:
        """Jobs that haven't ended."""
        return sum(not ended(job) for job in self.server.of("jobs"))

    def made(self, plural: str) -> list[str]:
        """The names of all that was ever made of a kind, in order."""
        return [name for kind, _, name in self.server.made if kind == plural]

    def _sink(self, plural: str) -> Any:
        return {
            "sweepruns": self.cache.runs,
            "jobs": self.cache.jobs,
            "pods": self.cache.pods,
        }[plural]

    def _watch_parallelism(self, call: Any) -> None:
        if call.plural == "jobs":
            self.most_active = max(self.most_active, self.active + 1)


def ended(job: Mapping[str, Any]) -> bool:
    """Whether a Job has a final condition."""
    return bool(job.get("status", {}).get("conditions"))
