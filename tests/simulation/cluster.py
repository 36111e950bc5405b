"""The rest of a cluster: Job controller, kubelets, garbage collection; and what really happened."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.fakes.apiserver import Event
from tests.fakes.world import NAMESPACE, ended
from tests.simulation.server import Server

from sweep_operator.api.names import LABEL_ATTEMPT, LABEL_RUN_NUMBER
from sweep_operator.planning.times import timestamp

Json = Mapping[str, Any]

GRACE = 30.0
"""Seconds, of a pod that says nothing else."""


@dataclass(slots=True)
class Truth:
    """What really became of one Job's program.

    Attributes:
        sweep, number, attempt: whose it is.
        exit_code: with which it ended; None if it never ran or never ended.
        loss: what it said in the end.
        told: its pod was told to go, or its Job or its pod taken away, before it had ended.
        taken: its Job was deleted by hand: what nobody has seen by then is lost.
        pod_gone: nobody can ask its pod any more.
        started: its container has run.
    """

    sweep: str
    number: int
    attempt: int
    exit_code: int | None = None
    loss: float | None = None
    told: bool = False
    taken: bool = False
    pod_gone: bool = False
    started: bool = False


@dataclass
class Nodes:
    """How programs and nodes behave.

    Attributes:
        failing: the share of programs that exit with 1.
        lasts: seconds that a program takes at most.
        waits: seconds that a pod waits for its start at most.
        slow_garbage: seconds that a child may outlive its owner.
        slow_jobs: seconds that a Job's status may lag behind its pods.
        stuck: the share of pods that wait for very long.
    """

    failing: float = 0.0
    lasts: float = 20.0
    waits: float = 2.0
    slow_garbage: float = 1.0
    slow_jobs: float = 0.3
    stuck: float = 0.0


@dataclass
class Cluster:
    """Runs Jobs, and takes away what has lost its owner."""

    server: Server
    chance: Random
    nodes: Nodes
    truths: dict[str, Truth] = field(default_factory=dict)
    """By the Job's uid."""

    def happened(self, event: Event) -> None:
        """Do what the cluster's own controllers do about a write."""
        uid = event.thing["metadata"]["uid"]
        if event.plural == "jobs" and event.type == "ADDED":
            labels = event.thing["metadata"]["labels"]
            sweep = event.thing["metadata"]["labels"]["sweep-operator.io/sweep-uid"]
            number, attempt = int(labels[LABEL_RUN_NUMBER]), int(labels[LABEL_ATTEMPT])
            self.truths[uid] = Truth(sweep, number, attempt)
            self._soon(self._make_pod, uid)
        if event.plural == "jobs" and event.type == "DELETED":
            truth = self.truths[uid]
            truth.told = truth.told or truth.exit_code is None
            truth.taken = self.server.acting is None
        if event.plural == "pods" and event.type == "DELETED":
            self.truths[self._job_uid(event.thing)].pod_gone = True
        owners = [each["uid"] for each in event.thing["metadata"].get("ownerReferences", ())]
        for gone in [uid] if event.type == "DELETED" else owners if event.type == "ADDED" else []:
            delay = self.nodes.slow_garbage * self.chance.random()
            self.server.later(delay, self._collect, gone)

    def told_to_go(self, pod: Json, grace: float | None) -> None:
        """Begin to end a pod, as its deletion does."""
        name, status = pod["metadata"]["name"], pod.get("status") or {}
        if "deletionTimestamp" in pod["metadata"]:
            return
        truth = self.truths[self._job_uid(pod)]
        if status.get("phase") in ("Succeeded", "Failed") or not truth.started:
            truth.told = truth.told or truth.exit_code is None
            self.server.remove("pods", name)
            self._soon(self._sync, truth, self._job_uid(pod), within=self.nodes.slow_jobs)
            return
        truth.told = True
        seconds = GRACE if grace is None else grace
        now = self.server.clock()
        metadata = {
            "deletionTimestamp": timestamp(now + seconds),
            "deletionGracePeriodSeconds": int(seconds),
        }
        self.server.change("pods", name, {"metadata": metadata})
        self.server.later(seconds * self.chance.random(), self._kill, pod["metadata"]["uid"], name)

    def evict(self, pod: Json) -> None:
        """What the eviction API does."""
        self.server.change("pods", pod["metadata"]["name"], {"status": self._disrupted(pod)})
        self.told_to_go(self.server.named("pods", pod["metadata"]["name"]), None)

    def take_away(self, plural: str, thing: Json) -> None:
        """Delete something by hand, at once."""
        if plural == "pods":
            self.told_to_go(thing, 0.0)
        else:
            self.server.remove(plural, thing["metadata"]["name"])

    # Pods

    def _make_pod(self, uid: str) -> None:
        job = self._job(uid)
        if job is None or ended(job):
            return
        name = f"{job['metadata']['name']}-{uid}"
        template = job["spec"]["template"]
        owner = {"kind": "Job", "name": job["metadata"]["name"], "uid": uid}
        own = {
            "batch.kubernetes.io/job-name": job["metadata"]["name"],
            "batch.kubernetes.io/controller-uid": uid,
        }
        pod = {
            "metadata": {
                "name": name,
                "namespace": NAMESPACE,
                "labels": template["metadata"]["labels"] | own,
                "annotations": template["metadata"]["annotations"],
                "ownerReferences": [owner],
            },
            "spec": {"containers": [{"name": "main"}], "nodeName": "node-1"},
            "status": {"phase": "Pending"},
        }
        self.server.put("pods", pod)
        self.server.change("jobs", job["metadata"]["name"], {"status": {"active": 1}})
        stuck = self.chance.random() < self.nodes.stuck
        wait = 200.0 if stuck else self.nodes.waits * self.chance.random()
        self.server.later(wait, self._start, uid, name)

    def _start(self, uid: str, name: str) -> None:
        pod = self._pod(uid, name)
        if pod is None or "deletionTimestamp" in pod["metadata"]:
            return
        self.truths[uid].started = True
        state = {"running": {"startedAt": timestamp(self.server.clock())}}
        status = {"phase": "Running", "containerStatuses": [{"name": "main", "state": state}]}
        self.server.change("pods", name, {"status": status})
        self.server.later(self.nodes.lasts * self.chance.random(), self._exit, uid, name)

    def _exit(self, uid: str, name: str) -> None:
        pod, truth = self._pod(uid, name), self.truths[uid]
        if pod is None or truth.exit_code is not None:
            return
        code = 1 if self.chance.random() < self.nodes.failing else 0
        truth.loss = None if code else float(truth.number)
        self._end(pod, truth, code)
        self._soon(self._sync, truth, uid, within=self.nodes.slow_jobs)

    def _kill(self, pod_uid: str, name: str) -> None:
        pod = self.server.objects.get(("pods", NAMESPACE, name))
        if pod is None or pod["metadata"]["uid"] != pod_uid:
            return
        uid = self._job_uid(pod)
        truth = self.truths[uid]
        if truth.exit_code is None:
            self._end(pod, truth, 143)
        self._sync(truth, uid)
        self._soon(self._remove_pod, uid, name)

    def _end(self, pod: Json, truth: Truth, code: int) -> None:
        truth.exit_code = code
        now = timestamp(self.server.clock())
        (container,) = pod["status"]["containerStatuses"]
        terminated = {
            "exitCode": code,
            "startedAt": container["state"]["running"]["startedAt"],
            "finishedAt": now,
            "message": "" if truth.loss is None else f'{{"loss": {truth.loss}}}',
        }
        status = {
            "phase": "Failed" if code else "Succeeded",
            "containerStatuses": [{"name": "main", "state": {"terminated": terminated}}],
        }
        self.server.change("pods", pod["metadata"]["name"], {"status": status})

    def _remove_pod(self, uid: str, name: str) -> None:
        if self._pod(uid, name) is not None:
            self.server.remove("pods", name)

    def _disrupted(self, pod: Json) -> Json:
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "EvictionByEvictionAPI",
            "lastTransitionTime": timestamp(self.server.clock()),
        }
        return {"conditions": [*(pod["status"].get("conditions") or ()), condition]}

    # Jobs

    def _sync(self, truth: Truth, uid: str) -> None:
        """What the Job controller does when a pod has ended or is gone."""
        job = self._job(uid)
        if job is None or ended(job):
            return
        name = f"{job['metadata']['name']}-{uid}"
        pod = self._pod(uid, name)
        kind, reason, message = "Failed", "BackoffLimitExceeded", "it has reached the limit"
        if pod is not None and truth.exit_code == 0:
            kind, reason, message = "Complete", "CompletionsReached", ""
        elif pod is not None and (pod["status"].get("conditions") or ()):
            reason, message = "PodFailurePolicy", "matching FailJob rule at index 0"
        elif pod is not None:
            message = f"failed with exit code {truth.exit_code} matching FailJob rule at index 1"
            reason = "PodFailurePolicy"
        condition = {
            "type": kind,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastTransitionTime": timestamp(self.server.clock()),
        }
        change = {"status": {"active": 0, "conditions": [condition]}}
        self.server.change("jobs", job["metadata"]["name"], change)

    def _collect(self, owner: str) -> None:
        """Take away what an object that is gone has owned."""
        if any(each["metadata"]["uid"] == owner for each in self.server.objects.values()):
            return
        for (plural, _, _), thing in list(self.server.objects.items()):
            owners = thing["metadata"].get("ownerReferences", ())
            if any(each["uid"] == owner for each in owners):
                if plural == "pods":
                    self.told_to_go(thing, None)
                else:
                    self.server.remove(plural, thing["metadata"]["name"])

    def _soon(self, act: Any, *arguments: object, within: float = 0.3) -> None:
        self.server.later(0.01 + within * self.chance.random() ** 2, act, *arguments)

    def _job(self, uid: str) -> Json | None:
        found = (job for job in self.server.of("jobs") if job["metadata"]["uid"] == uid)
        return next(found, None)

    def _pod(self, uid: str, name: str) -> Json | None:
        pod = self.server.objects.get(("pods", NAMESPACE, name))
        return pod if pod is not None and self._job_uid(pod) == uid else None

    def _job_uid(self, pod: Json) -> str:
        uid: str = pod["metadata"]["labels"]["batch.kubernetes.io/controller-uid"]
        return uid
