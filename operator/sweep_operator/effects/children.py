"""Reading and writing a sweep's SweepRuns, Jobs and pods, each answer taken into the cache at once.

A creation is done at most once by name: an object that is there already under the Sweep's uid is
the one that was to be made; under another uid it is in the way.
"""

import logging
import re
from typing import Any

from sweep_operator.api import paths
from sweep_operator.api.names import DNS_SUBDOMAIN, LABEL_SWEEP_UID, job_name, run_name
from sweep_operator.effects.api import STRATEGIC_MERGE_PATCH, Api, ApiError, Json
from sweep_operator.effects.cache import Cache, Owner, Sink, key_of_owner
from sweep_operator.effects.metrics import Metrics
from sweep_operator.effects.observe import resource_version, sweep_uid
from sweep_operator.effects.workqueue import Key
from sweep_operator.planning.facts import JobFacts, PodFacts, RunFacts
from sweep_operator.planning.logs import LINES, MAX_BYTES
from sweep_operator.planning.sweep import Intent

logger = logging.getLogger(__name__)

OUT_OF_REACH = frozenset({"node.kubernetes.io/unreachable", "node.kubernetes.io/out-of-service"})
"""Taints under which a pod's end can't be confirmed by its kubelet."""


class InTheWayError(Exception):
    """An object with the name of a child belongs to somebody else."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name}")
        self.kind = kind
        self.name = name


class Children:
    """The API server's side of the runs."""

    def __init__(self, api: Api, cache: Cache, metrics: Metrics | None = None) -> None:
        self._metrics = metrics or Metrics()
        self._api = api
        self._cache = cache

    async def create_run(self, intent: Intent, record: Json) -> dict[str, Any]:
        """Create a SweepRun; return it as stored, be it by an earlier try."""
        made, _ = await self._create(
            intent, paths.sweepruns(intent.namespace), record, self._cache.runs
        )
        return made

    async def create_job(self, intent: Intent, job: Json) -> None:
        """Create an attempt's Job; one that an earlier try has made isn't counted again."""
        _, is_new = await self._create(intent, paths.jobs(intent.namespace), job, self._cache.jobs)
        if is_new:
            self._metrics.attempt_started()
            logger.debug("Made Job %s", job["metadata"]["name"])

    async def read_run(self, owner: Owner, number: int) -> dict[str, Any] | None:
        """Read a SweepRun as stored now; None where it is gone or somebody else's."""
        name = run_name(owner.name, number)
        return await self._read(
            owner, paths.sweepruns(owner.namespace, name), name, self._cache.runs
        )

    async def read_job(self, intent: Intent, number: int, attempt: int) -> dict[str, Any] | None:
        """Read a Job as it is now; None where it is gone or somebody else's."""
        name = job_name(intent.name, number, attempt)
        return await self._read(intent, paths.jobs(intent.namespace, name), name, self._cache.jobs)

    async def read_pods(self, intent: Intent, job: JobFacts) -> None:
        """Read a Job's pods as they are now; one that is gone won't say its last word."""
        found = await self._api.get(
            paths.pods(intent.namespace),
            labelSelector=f"batch.kubernetes.io/controller-uid={job.uid}",
        )
        for pod in found["items"]:
            self._cache.pods.answer(pod)
        known = self._cache.ledger(key_of_owner(intent)).pods.get(job.number, {}).get(job.name)
        there = {pod["metadata"]["uid"] for pod in found["items"]}
        if known is not None and known.uid not in there:
            self._cache.pods.miss(intent.namespace, known.name, resource_version(found))

    async def events_of_program(self, intent: Intent, job: JobFacts) -> frozenset[str]:
        """What the kubelet has told in the last hour of the program of a Job, now podless."""
        events = paths.core_events(intent.namespace)
        made = await self._api.get(
            events, fieldSelector=f"involvedObject.uid={job.uid},reason=SuccessfulCreate"
        )
        main = f"spec.containers{{{intent.main_container['name']}}}"
        reasons: set[str] = set()
        for event in made["items"]:
            pod = event.get("message", "").rpartition(" ")[2]  # "Created pod: NAME"
            if not re.fullmatch(DNS_SUBDOMAIN, pod):
                continue  # anybody may write Events, and this goes into a selector
            about = f"involvedObject.kind=Pod,involvedObject.name={pod}"
            told = await self._api.get(events, fieldSelector=about)
            reasons |= {
                each["reason"]
                for each in told["items"]
                if each["involvedObject"].get("fieldPath") == main
            }
        return frozenset(reasons)

    async def is_out_of_reach(self, node: str) -> bool:
        """Whether a node is tainted as unreachable or out of service.

        One that is gone isn't: the pod garbage collector sees to its pods.
        """
        try:
            found = await self._api.get(paths.nodes(node))
        except ApiError as error:
            if error.code == 404:
                return False
            raise
        taints = found["spec"].get("taints") or ()
        return any(taint["key"] in OUT_OF_REACH for taint in taints)

    async def give_up_pod(self, intent: Intent, pod: PodFacts) -> None:
        """Say in a lost kubelet's place that a pod has failed, and forget the pod.

        The Job controller counts a pod only once its phase is final, and its failure policy sees
        the condition: the attempt ends as one that the cluster took away.
        """
        path = paths.pods(intent.namespace, pod.name)
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": pod.disruption or "NodeUnreachable",
        }
        status = {
            "phase": "Failed",
            "reason": "NodeLost",
            "message": f"Node {pod.node} is out of reach.",
            "conditions": [condition],
        }
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "gracePeriodSeconds": 0,
            "preconditions": {"uid": pod.uid},
        }
        try:
            change = {"metadata": {"uid": pod.uid}, "status": status}
            failed = await self._api.patch(
                f"{path}/status", change, content_type=STRATEGIC_MERGE_PATCH
            )
            self._cache.pods.answer(failed)
            await self._api.delete(path, options)
        except ApiError as error:
            if error.code not in (404, 409):  # it went, or another has its name
                raise

    async def read_log(self, intent: Intent, pod: PodFacts) -> str:
        """The end of what a pod's program has printed."""
        return await self._api.text(
            f"{paths.pods(intent.namespace, pod.name)}/log",
            container=intent.main_container["name"],
            tailLines=str(LINES),
            limitBytes=str(MAX_BYTES),
        )

    async def why_no_pod(self, intent: Intent, job: JobFacts) -> str:
        """What the Job controller last said of a pod that it couldn't create; empty for nothing."""
        found = await self._api.get(
            paths.core_events(intent.namespace),
            fieldSelector=f"involvedObject.uid={job.uid},reason=FailedCreate",
        )
        events = sorted(found["items"], key=lambda event: event.get("lastTimestamp") or "")
        return events[-1].get("message", "") if events else ""

    async def write_run(self, owner: Owner, run: RunFacts, status: Json) -> bool:
        """Merge into a SweepRun's status, if the record is still as it was known.

        If it isn't, it is read: what to write is to be decided again. One that is gone was deleted
        by a person, and the watch will say so. Tells whether it was written.
        """
        path = paths.sweepruns(owner.namespace, run_name(owner.name, run.number)) + "/status"
        version = {"resourceVersion": str(run.resource_version)}
        try:
            written = await self._api.patch(path, {"metadata": version, "status": status})
        except ApiError as error:
            if error.code == 409:
                await self.read_run(owner, run.number)
                self._cache.ledger(key_of_owner(owner)).touched.add(run.number)
            elif error.code != 404:
                raise
            return False
        self._cache.runs.answer(written)
        return True

    async def read_sweep(self, key: Key, name: str) -> bool:
        """Read the Sweep itself as it is now; tell whether it is there, and the same one."""
        try:
            found = await self._api.get(paths.sweeps(key.namespace, name))
        except ApiError as error:
            if error.code != 404:
                raise
            found = None
        if found is None or found["metadata"]["uid"] != key.uid:
            self._cache.drop_sweep(key)
            return False
        self._cache.answer_sweep(found)
        return True

    async def is_there(self, namespace: str, name: str) -> bool:
        """Ask the API server itself whether there is a Sweep of a name."""
        try:
            await self._api.get(paths.sweeps(namespace, name))
        except ApiError as error:
            if error.code != 404:
                raise
            return False
        return True

    async def tell_pods_to_go(self, intent: Intent, job: JobFacts) -> None:
        """Tell the pods of one Job to go, with their own grace period."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions"}
        selector = f"batch.kubernetes.io/controller-uid={job.uid}"
        await self._api.delete(paths.pods(intent.namespace), options, labelSelector=selector)

    async def kill_pods(self, intent: Intent) -> None:
        """Tell all pods of a sweep that haven't ended to go, in one request."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "gracePeriodSeconds": intent.spec.cancel_grace_period_seconds,
        }
        await self._api.delete(paths.pods(intent.namespace), options, **_unended_pods(intent))

    async def count_pods(self, intent: Intent) -> int:
        """Ask the API server itself how many pods of a sweep haven't ended."""
        found = await self._api.get(paths.pods(intent.namespace), **_unended_pods(intent))
        return len(found["items"])

    async def delete_job(
        self, intent: Intent, job: JobFacts, *, if_unchanged: bool = False
    ) -> None:
        """Delete a Job and its pods; one that is gone is deleted.

        With `if_unchanged` only if it is still as it was seen; else it is read.
        """
        preconditions = {"uid": job.uid}
        if if_unchanged:
            preconditions["resourceVersion"] = str(job.resource_version)
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": preconditions,
        }
        try:
            await self._api.delete(paths.jobs(intent.namespace, job.name), options)
        except ApiError as error:
            if error.code == 409:  # another of the same name, or news of this one
                await self.read_job(intent, job.number, job.attempt)
            elif error.code != 404:
                raise

    async def _create(
        self, intent: Intent, collection: str, thing: Json, sink: Sink
    ) -> tuple[dict[str, Any], bool]:
        """Create an object, or read the one that is there; tell which of the two it was."""
        try:
            made = await self._api.create(collection, thing)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            name = thing["metadata"]["name"]
            found = await self._read(intent, f"{collection}/{name}", name, sink)
            if found is None:
                raise InTheWayError(thing["kind"], name) from error
            return found, False
        sink.answer(made)
        return made, True

    async def read_pod(self, namespace: str, name: str, uid: str) -> bool:
        """Read a pod that no watch has told of, if it is a run's; tell whether it is there."""
        found = await self._api.get(paths.pods(namespace), fieldSelector=f"metadata.name={name}")
        pods = [pod for pod in found["items"] if pod["metadata"]["uid"] == uid]
        for pod in pods:
            self._cache.pods.answer(pod)
        return bool(pods)

    async def _read(self, owner: Owner, path: str, name: str, sink: Sink) -> dict[str, Any] | None:
        known = sink.find(owner.namespace, name)
        try:
            found = await self._api.get(path)
        except ApiError as error:
            if error.code != 404:
                raise
            if known is not None:
                sink.miss(owner.namespace, name, known.version)
            return None
        if sweep_uid(found) != owner.uid:
            return None
        sink.answer(found)
        return found


def _unended_pods(intent: Intent) -> dict[str, str]:
    """Finished runs' pods stay, for their logs."""
    return {
        "labelSelector": f"{LABEL_SWEEP_UID}={intent.uid}",
        "fieldSelector": "status.phase!=Succeeded,status.phase!=Failed",
    }
