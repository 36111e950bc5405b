"""What a test does to a namespace: Sweeps applied and edited, pods let start and made to end.

The pods' nodes are KWOK's. A pod is gated: it is scheduled once the test lets it, starts at once,
and ends when the test says so, or after its time.
"""

from typing import Any

from sweep_operator.api import paths
from sweep_operator.api.names import API_VERSION
from sweep_operator.effects.api import JSON_PATCH, Api, ApiError, Json

DELAY = "pod-complete.stage.kwok.x-k8s.io/delay"
EXIT_CODE = "pod-complete.stage.kwok.x-k8s.io/exit-code"
MESSAGE = "pod-complete.stage.kwok.x-k8s.io/message"

KWOK_ONLY = {
    "nodeSelector": {"type": "kwok"},
    "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}],
}


def sweep(
    name: str,
    lasts: str = "1h",
    pod: Json | None = None,
    labels: Json | None = None,
    message: str = "",
    **spec: Any,
) -> dict[str, Any]:
    """Build a Sweep whose pods are KWOK's.

    Args:
        name: its own.
        lasts: how long a pod runs, if nothing is done to it.
        pod: of the pod's spec; without it pods are gated.
        labels: of the Jobs.
        message: what the program leaves in its termination message.
        spec: of the Sweep; without a method, a grid of 40 points.
    """
    pod = {"schedulingGates": [{"name": "test/not-yet"}]} if pod is None else pod
    container = {"name": "main", "image": "none"}
    template = {
        "metadata": {"labels": labels or {}},
        "spec": {
            "template": {
                "metadata": {"annotations": {DELAY: lasts, MESSAGE: message}},
                "spec": {"containers": [container], **KWOK_ONLY, **pod},
            }
        },
    }
    grid = {"method": "grid", "parameters": {"x": {"values": list(range(40))}}}
    return {
        "apiVersion": API_VERSION,
        "kind": "Sweep",
        "metadata": {"name": name},
        "spec": {**grid, "template": template, **spec},
    }


class Hands:
    """Changes things in one namespace."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    async def apply(self, made: Json) -> None:
        """Create a Sweep."""
        await self._api.create(paths.sweeps(self._namespace), made)

    async def edit(self, name: str, **spec: Any) -> int:
        """Change fields of a Sweep's spec; tell its new generation. ApiError where refused."""
        edited = await self._api.patch(paths.sweeps(self._namespace, name), {"spec": spec})
        generation: int = edited["metadata"]["generation"]
        return generation

    async def write_status(self, name: str, **status: Any) -> None:
        """Change a Sweep's status by hand."""
        path = paths.sweeps(self._namespace, name) + "/status"
        await self._api.patch(path, {"status": status})

    async def start(self, pod: Json) -> None:
        """Let a gated pod be scheduled."""
        path = paths.pods(self._namespace, pod["metadata"]["name"])
        gates = [{"op": "remove", "path": "/spec/schedulingGates"}]
        await self._api._request("PATCH", path, gates, content_type=JSON_PATCH)

    async def end(self, pod: Json, exit_code: int = 0) -> None:
        """Have a pod's program end, now or once it has started."""
        path = paths.pods(self._namespace, pod["metadata"]["name"])
        annotations = {DELAY: "0s", EXIT_CODE: str(exit_code)}
        await self._api.patch(path, {"metadata": {"annotations": annotations}})

    async def evict(self, pod: Json) -> bool:
        """Evict a pod as a drain does; tell whether it was still there to be evicted."""
        name = pod["metadata"]["name"]
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": self._namespace},
            "deleteOptions": {"preconditions": {"uid": pod["metadata"]["uid"]}},
        }
        try:
            await self._api.create(f"{paths.pods(self._namespace, name)}/eviction", eviction)
        except ApiError as error:
            if error.code in (404, 409):
                return False
            raise
        return True

    async def delete(self, thing: Json) -> None:
        """Delete a Sweep or what belongs to one, as kubectl does: in the background."""
        kind, name = thing["kind"], thing["metadata"]["name"]
        path = {
            "Sweep": paths.sweeps,
            "SweepRun": paths.sweepruns,
            "Job": paths.jobs,
            "Pod": paths.pods,
        }[kind](self._namespace, name)
        await self._api.delete(path, {"propagationPolicy": "Background"})


def gated(pod: Json) -> bool:
    """Whether a pod isn't let start yet."""
    return bool(pod["spec"].get("schedulingGates"))
