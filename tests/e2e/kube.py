"""kubectl for tests: apply, read, and wait by watching, never by sleeping."""

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Json = dict[str, Any]


class Kube:
    """A cluster, seen from one namespace."""

    def __init__(self, kubectl: Path, kubeconfig: Path, namespace: str = "default") -> None:
        self._kubectl = kubectl
        self._kubeconfig = kubeconfig
        self.namespace = namespace

    def within(self, namespace: str) -> "Kube":
        """The same cluster, seen from another namespace."""
        return Kube(self._kubectl, self._kubeconfig, namespace)

    def run(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl; AssertionError with its words if it fails."""
        done = self._run(*arguments, given=given)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def apply(self, *things: Json) -> None:
        """Apply objects."""
        listed = {"apiVersion": "v1", "kind": "List", "items": things}
        self.run("apply", "-f", "-", given=json.dumps(listed))

    def get(self, kind: str, name: str) -> Json:
        """Read one object."""
        found: Json = json.loads(self.run("get", kind, name, "-o", "json"))
        return found

    def edit(self, name: str, **spec: Any) -> None:
        """Change fields of a Sweep's spec."""
        self.run("patch", "sweep", name, "--type=merge", "-p", json.dumps({"spec": spec}))

    def evict(self, pod: str) -> None:
        """Evict one pod, as `kubectl drain` does with all of a node."""
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/eviction"
        self.run("create", "--raw", path, "-f", "-", given=json.dumps(eviction))

    def refusal(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl, which must fail: what it said."""
        done = self._run(*arguments, given=given)
        assert done.returncode != 0, f"kubectl {' '.join(arguments)} succeeded: {done.stdout}"
        return done.stderr

    def until_refused(self, *arguments: str, within: float = 30) -> None:
        """Run kubectl until it fails: nothing else tells when a new policy is in force."""
        deadline = time.monotonic() + within
        while self._run(*arguments, given=None).returncode == 0:
            assert time.monotonic() < deadline, f"kubectl {' '.join(arguments)} still succeeds"

    def all(self, kind: str, selector: str = "") -> Sequence[Json]:
        """Read all objects of a kind."""
        found: Json = json.loads(self.run("get", kind, "-l", selector, "-o", "json"))
        items: Sequence[Json] = found["items"]
        return items

    def until(
        self,
        kind: str,
        name: str,
        true: Callable[[Json], bool],
        within: float = 120,
        seen: Callable[[Json], None] = lambda _: None,
    ) -> Json:
        """Watch one object until something is true of it.

        Args:
            kind: as kubectl names it.
            name: of the object.
            true: told each state.
            within: seconds; AssertionError with the last state when they are over.
            seen: also told each state, for what must hold all the while.
        """
        last: Json = {}
        with self.watching(kind, name, within=within) as states:
            for state in states:
                last = state
                seen(state)
                if true(state):
                    return state
        raise AssertionError(
            f"not true of {kind} {name} within {within:g} s; it is:\n{json.dumps(last, indent=1)}"
        )

    @contextmanager
    def watching(self, kind: str, *names: str, within: float = 600) -> Iterator[Iterator[Json]]:
        """The states of objects as they come, for at most `within` seconds.

        One that is named may come later: asked for by its name alone, kubectl would fail.
        """
        chosen = [f"--field-selector=metadata.name={name}" for name in names]
        process = subprocess.Popen(
            self._command("get", kind, *chosen, "--watch", "-o", "json"),
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
        alarm = threading.Timer(within, process.kill)
        alarm.start()
        try:
            yield _objects(process)
        finally:
            alarm.cancel()
            process.kill()
            process.wait()

    def _run(self, *arguments: str, given: str | None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self._command(*arguments),
            input=given,
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
        )

    def _command(self, *arguments: str) -> list[str]:
        return [str(self._kubectl), "--namespace", self.namespace, *arguments]

    @property
    def environment(self) -> Mapping[str, str]:
        """For a program that is to find this cluster."""
        return {**os.environ, "KUBECONFIG": str(self._kubeconfig)}


def namespace_for(test: str) -> str:
    """The beginning of a namespace's name, by which its test is found again."""
    return re.sub("[^a-z0-9]+", "-", test.lower())[:40].strip("-")


def _objects(process: "subprocess.Popen[str]") -> Iterator[Json]:
    """The JSON documents that kubectl prints one after the other."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("}"):
            yield json.loads("".join(lines))
            lines = []
