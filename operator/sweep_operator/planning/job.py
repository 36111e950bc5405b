"""The Job of one attempt, built from the Sweep's template and the SweepRun as stored."""

import json
from collections.abc import Sequence
from typing import Any

from sweep_operator.api.names import (
    LABEL_ATTEMPT,
    LABEL_RUN_NUMBER,
    LABEL_SWEEP,
    LABEL_SWEEP_UID,
    job_name,
    run_name,
)
from sweep_operator.planning.environment import Surroundings, surroundings
from sweep_operator.planning.macros import expand_args, expand_command
from sweep_operator.planning.points import repeat_of
from sweep_operator.planning.record import QUIET, Json, owner_reference
from sweep_operator.planning.sweep import Intent
from sweep_operator.search import repeat_seed

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
"""kubectl logs shows this container; the operator reads results from it."""

FOREIGN_KEYS = (
    "argocd.argoproj.io/",
    "helm.sh/",
    "kubectl.kubernetes.io/last-applied",
    "meta.helm.sh/",
)
"""Tracking marks of whoever applied the Sweep: on a child they would claim it."""


TOLERATED_SECONDS = 30
"""How long a pod stays on a node that is not ready or out of reach."""


def build_job(
    intent: Intent, run: Json, attempt: int, report_url: str = "", report_ca: str = ""
) -> dict[str, Any]:
    """Build the Job of an attempt.

    Args:
        intent: the sweep.
        run: the SweepRun as the API server has it: recorded parameters are those trained with.
        attempt: from 1.
        report_url: where its program may report by HTTP; empty for nowhere.
        report_ca: the authority by which it verifies that, as PEM; empty for those it knows.
    """
    number: int = run["spec"]["number"]
    repeat = repeat_of(number, intent.spec.repeats)
    parameters = run["spec"]["parameters"]
    labels = {
        LABEL_SWEEP: intent.name,
        LABEL_SWEEP_UID: intent.uid,
        LABEL_RUN_NUMBER: str(number),
        LABEL_ATTEMPT: str(attempt),
    }
    around = surroundings(
        sweep=intent.name,
        namespace=intent.namespace,
        run=run_name(intent.name, number),
        number=number,
        attempt=attempt,
        repeat=repeat,
        seed=repeat_seed(intent.seed, repeat),
        parameters=parameters,
        metric=intent.spec.metric.name if intent.spec.metric else "",
        report_url=report_url,
        report_ca=report_ca,
    )
    template = json.loads(json.dumps(intent.template))
    spec = template["spec"]
    pod = spec["template"]
    _fill_pod(pod, intent, around, parameters, labels)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(intent.name, number, attempt),
            "namespace": intent.namespace,
            "labels": _own(template.get("metadata", {}).get("labels")) | labels,
            "annotations": _own(template.get("metadata", {}).get("annotations")) | QUIET,
            "ownerReferences": [
                owner_reference("SweepRun", run["metadata"]["name"], run["metadata"]["uid"])
            ],
        },
        "spec": {**spec, "backoffLimit": 0, "podFailurePolicy": POD_FAILURE_POLICY},
    }


POD_FAILURE_POLICY = {
    "rules": [
        {
            "action": "FailJob",
            "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
        },
        {"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [0]}},
    ]
}
"""Nothing is tried twice within a Job, and its failure says which rule it was: durable when the pod
is gone."""


def _fill_pod(
    pod: dict[str, Any],
    intent: Intent,
    around: Surroundings,
    parameters: Json,
    labels: dict[str, str],
) -> None:
    metadata = pod.get("metadata") or {}
    main = intent.main_container["name"]
    # Nothing else of it: a finalizer would keep the pod, and with it the namespace, for ever.
    named = around.annotations | {DEFAULT_CONTAINER: main} | QUIET
    pod["metadata"] = {
        "labels": _own(metadata.get("labels")) | labels,
        "annotations": _own(metadata.get("annotations")) | named,
    }
    spec = pod["spec"]
    spec["restartPolicy"] = "Never"
    spec.setdefault("automountServiceAccountToken", False)
    spec["tolerations"] = with_short_tolerations(spec.get("tolerations") or ())
    spec["volumes"] = [*(spec.get("volumes") or ()), *around.volumes]
    container = next(each for each in spec["containers"] if each["name"] == main)
    container["env"] = around.merged_env(container.get("env") or ())
    container["volumeMounts"] = [*(container.get("volumeMounts") or ()), *around.mounts]
    if intent.spec.command is not None:
        container["command"] = expand_command(intent.spec.command, parameters)
        container.pop("args", None)
    else:
        for field in ("command", "args"):
            if container.get(field):
                container[field] = expand_args(container[field], parameters)


def with_short_tolerations(written: Sequence[Json]) -> list[Json]:
    """Have a pod leave a silent node after half a minute, unless the template says otherwise.

    The API server's default is five minutes, for which a run would hold its slot and do nothing.
    """

    def tolerated(key: str) -> bool:
        return any(
            each.get("effect") in (None, "", "NoExecute")
            and (each.get("key") == key or not each.get("key"))
            for each in written
        )

    added = [
        {
            "key": key,
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": TOLERATED_SECONDS,
        }
        for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        if not tolerated(key)
    ]
    return [*written, *added]


def _own(marks: Json | None) -> dict[str, str]:
    return {key: value for key, value in (marks or {}).items() if not key.startswith(FOREIGN_KEYS)}
