"""The API server, asked in a namespace of its own, by kubectl where a person would."""

import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
VERSION = "sweep-operator.io/v1alpha1"


class Server:
    """One namespace of a cluster."""

    def __init__(self, cluster: Any, namespace: str) -> None:
        self._cluster = cluster
        self.namespace = namespace

    def ask(self, *arguments: str, manifest: dict[str, Any] | None = None) -> tuple[bool, str]:
        """Run kubectl: whether it succeeded, and all that it said."""
        given = ["-f", "-"] if manifest else []
        try:
            said: str = self._cluster.kubectl(
                "--namespace",
                self.namespace,
                *arguments,
                *given,
                input=json.dumps(manifest or {}),
                stderr=subprocess.STDOUT,
            )
        except subprocess.CalledProcessError as error:
            return False, error.output
        return True, said

    def run(self, *arguments: str, manifest: dict[str, Any] | None = None) -> str:
        """Run kubectl, which must succeed: what it said."""
        ok, said = self.ask(*arguments, manifest=manifest)
        assert ok, said
        return said

    def get(self, resource: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("get", resource, "--output=json"))
        return found

    def apply(self, manifest: dict[str, Any]) -> tuple[bool, str]:
        """Create a Sweep: whether it was, and if not, why."""
        return self._try("POST", "sweeps", manifest, "application/json", dry_run=())

    def offer(self, manifest: dict[str, Any]) -> tuple[bool, str]:
        """Ask whether a Sweep would be created, and if not, why."""
        return self._try("POST", "sweeps", manifest, "application/json")

    def edit(self, resource: str, spec: dict[str, Any]) -> tuple[bool, str]:
        """Ask whether an object's spec would be changed, and if not, why."""
        kind, _, name = resource.partition("/")
        return self._try("PATCH", f"{kind}s/{name}", {"spec": spec}, "application/merge-patch+json")

    def _try(
        self,
        method: str,
        path: str,
        body: dict[str, Any],
        media: str,
        dry_run: tuple[str, ...] = ("All",),
    ) -> tuple[bool, str]:
        """What `kubectl --dry-run=server` does, but in 10 ms: there are two hundred cases."""
        api = self._cluster.api
        answer = api.session.request(
            method,
            f"{api.url}/apis/{VERSION}/namespaces/{self.namespace}/{path}",
            params={"dryRun": dry_run, "fieldValidation": "Strict"},
            data=json.dumps(body),
            headers={"Content-Type": media},
        )
        return answer.ok, answer.text if answer.ok else answer.json()["message"]

    def set_status(self, resource: str, status: dict[str, Any]) -> None:
        patch = json.dumps({"status": status})
        self.run("patch", resource, "--type=merge", "--subresource=status", f"--patch={patch}")

    @contextmanager
    def left_alone(self, manifest: dict[str, Any]) -> Iterator[str]:
        """Keep an object that is being deleted, whose status no operator touches: its name."""
        resource = f"{manifest['kind'].lower()}/{manifest['metadata']['name']}"
        manifest["metadata"]["finalizers"] = ["example.org/test"]
        self.run("create", manifest=manifest)
        try:
            self.run("delete", resource, "--wait=false")
            yield resource
        finally:
            release = '--patch={"metadata":{"finalizers":null}}'
            self.run("patch", resource, "--type=merge", release)


@contextmanager
def asked(cluster: Any, **labels: str) -> Iterator[Server]:
    """The CRDs of this checkout, and a namespace in which no Job is made, with labels of ours."""
    # One of an earlier run may still be going away.
    namespace = f"test-api-{secrets.token_hex(3)}"
    server = Server(cluster, namespace)
    server.run("apply", "--server-side", f"--filename={ROOT / 'crds'}")
    server.run("wait", "--for=condition=Established", f"--filename={ROOT / 'crds'}")
    server.run("create", manifest=_namespace(namespace, labels))
    # An operator that is at work in this cluster must make nothing of these Sweeps.
    server.run("create", "quota", "no-jobs", "--hard=count/jobs.batch=0")
    _until_published(server)
    yield server
    server.run("delete", "namespace", namespace, "--wait=false")


def _namespace(name: str, labels: dict[str, str]) -> dict[str, Any]:
    """Labelled from the start: the API server may see a later label later still."""
    ours = {f"sweep-operator.io/{key}": value for key, value in labels.items()}
    metadata = {"name": name, "labels": ours}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def _until_published(server: Server) -> None:
    """Established means served; the schema that explain and strict checks read comes later."""
    for _ in range(60):
        if server.ask("explain", "sweep.spec.template.spec.template.spec.containers.name")[0]:
            return
        time.sleep(0.5)
    raise AssertionError("the API server doesn't publish the schema of Sweep")
