"""A Sweep and its runs, as objects to read and to command."""

import difflib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import Any, Final

from sweep_operator.api import paths
from sweep_operator.api.names import API_VERSION, LABEL_SWEEP
from sweep_operator.client.connection import Connection
from sweep_operator.client.errors import ClientError, NotAcknowledgedError, NotFoundError

Json = Mapping[str, Any]

ACKNOWLEDGED_WITHIN: Final = 10.0
"""Seconds after which an operator that hasn't acted upon an edit isn't there."""

AT_REST: Final = ("Complete", "Failed")
"""Conditions of which one is True once nothing more will come of a sweep without an edit."""


class Run:
    """One run, from its record."""

    def __init__(self, record: Json) -> None:
        self.object = record
        """The SweepRun as the API server has it."""

    @property
    def name(self) -> str:
        """<sweep>-<number>."""
        found: str = self.object["metadata"]["name"]
        return found

    @property
    def number(self) -> int:
        """From 1."""
        found: int = self.object["spec"]["number"]
        return found

    @property
    def parameters(self) -> dict[str, Any]:
        """What it ran with, nested as the program got them."""
        found: dict[str, Any] = self.object["spec"]["parameters"]
        return found

    @property
    def status(self) -> Json:
        """What has become of it."""
        return self.object.get("status") or {}

    @property
    def phase(self) -> str:
        """Pending, Running, Finished, Failed, Crashed or Killed."""
        return str(self.status.get("phase", "Pending"))

    @property
    def value(self) -> float | None:
        """The sweep's metric; None if it wasn't reported, or is no finite number."""
        return self.status.get("value")

    @property
    def metrics(self) -> dict[str, float]:
        """All final metrics."""
        return dict(self.status.get("metrics") or {})

    @property
    def non_finite(self) -> dict[str, str]:
        """Final metrics that are no finite numbers, as text: nan, inf, or too many digits."""
        return dict(self.status.get("nonFinite") or {})

    @property
    def duration(self) -> float | None:
        """Seconds from its start to its end, with all between its attempts; None before."""
        start, end = self.status.get("startTime"), self.status.get("completionTime")
        if start is None or end is None:
            return None
        return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


class Sweep:
    """One Sweep. What is read is as it was when it was last read: `refresh` reads it again."""

    def __init__(self, sweep: Json, connection: Connection) -> None:
        self.object = sweep
        """The Sweep as the API server has it."""
        self._connection = connection

    @classmethod
    def get(
        cls, name: str, namespace: str | None = None, connection: Connection | None = None
    ) -> "Sweep":
        """Read a Sweep.

        Raises:
            NotFoundError: there is none; the message names those that are meant, maybe.
        """
        connection = connection or Connection()
        namespace = namespace or connection.namespace
        try:
            return cls(connection.get(paths.sweeps(namespace, name)), connection)
        except NotFoundError as error:
            names = _names(namespace, connection)
            raise NotFoundError(_no_such(name, namespace, names)) from error

    @classmethod
    def all(
        cls,
        namespace: str | None = None,
        connection: Connection | None = None,
        *,
        everywhere: bool = False,
        selector: str = "",
    ) -> list["Sweep"]:
        """Read the Sweeps of a namespace, or of all, by name; those with some labels."""
        connection = connection or Connection()
        path = paths.sweeps(None if everywhere else namespace or connection.namespace)
        query = {"labelSelector": selector} if selector else {}
        return [cls(each, connection) for each in connection.list(path, **query)]

    @classmethod
    def create(
        cls,
        manifest: Json,
        namespace: str | None = None,
        connection: Connection | None = None,
        *,
        dry_run: bool = False,
    ) -> "Sweep":
        """Create a Sweep of a manifest; with `dry_run` only have the API server look at it.

        Raises:
            RefusedError: the manifest can't be; the message is why.
        """
        connection = connection or Connection()
        metadata = dict(manifest.get("metadata") or {})
        metadata["namespace"] = namespace or metadata.get("namespace") or connection.namespace
        body = {"apiVersion": API_VERSION, "kind": "Sweep", **manifest, "metadata": metadata}
        query = {"dryRun": "All"} if dry_run else {}
        query["fieldValidation"] = "Strict"
        return cls(
            connection.create(paths.sweeps(metadata["namespace"]), body, **query), connection
        )

    @property
    def name(self) -> str:
        """metadata.name."""
        found: str = self.object["metadata"]["name"]
        return found

    @property
    def namespace(self) -> str:
        """metadata.namespace."""
        found: str = self.object["metadata"]["namespace"]
        return found

    @property
    def spec(self) -> Json:
        """What is wanted."""
        found: Json = self.object["spec"]
        return found

    @property
    def status(self) -> Json:
        """What is true; empty as long as no operator has seen it."""
        return self.object.get("status") or {}

    @property
    def phase(self) -> str:
        """Running, Paused, Stopped, Cancelled, Finished, Failed or Crashed; empty before any."""
        return str(self.status.get("phase", ""))

    @property
    def counts(self) -> dict[str, int]:
        """How many runs there are in each phase: {"running": 3, ...}."""
        return dict(self.status.get("runs") or {})

    @property
    def at_rest(self) -> bool:
        """No run is active, and none will come without an edit."""
        return any(self.holds(kind) for kind in AT_REST)

    @property
    def acknowledged(self) -> bool:
        """Whether the operator has acted upon the spec as it is."""
        observed: int = self.status.get("observedGeneration", 0)
        generation: int = self.object["metadata"]["generation"]
        return observed >= generation

    def holds(self, condition: str) -> bool:
        """Whether a condition is True."""
        return any(
            each["type"] == condition and each["status"] == "True"
            for each in self.status.get("conditions") or ()
        )

    def said(self, condition: str) -> str:
        """The sentence of a condition; empty where there is none."""
        conditions: Sequence[Json] = self.status.get("conditions") or ()
        found = (str(each.get("message", "")) for each in conditions if each["type"] == condition)
        return next(found, "")

    def refresh(self) -> "Sweep":
        """Read it again."""
        self.object = self._connection.get(paths.sweeps(self.namespace, self.name))
        return self

    def runs(self, *, history: bool = True) -> list[Run]:
        """Its runs, by number.

        Args:
            history: keep what was reported on the way, which is most of a record.
        """
        path = paths.sweepruns(self.namespace)
        own = self.object["metadata"]["uid"]
        runs = []
        for each in self._connection.list(path, labelSelector=f"{LABEL_SWEEP}={self.name}"):
            if _owner(each) == own:
                if not history:
                    each.get("status", {}).pop("history", None)
                runs.append(Run(each))
        return sorted(runs, key=lambda run: run.number)

    def pause(self) -> "Sweep":
        """Make no new runs; those that run go on."""
        return self.edit(state="Paused")

    def resume(self) -> "Sweep":
        """Go on."""
        return self.edit(state="Running")

    def stop(self) -> "Sweep":
        """Make no new runs, ever; those that run go on to their end."""
        return self.edit(state="Stopped")

    def cancel(self) -> "Sweep":
        """Make no new runs, ever, and kill those that run."""
        return self.edit(state="Cancelled")

    def scale(self, parallelism: int) -> "Sweep":
        """Have so many runs at a time."""
        return self.edit(parallelism=parallelism)

    def rerun_failed(self) -> "Sweep":
        """Run all runs again that have Failed, or Crashed for good."""
        return self.edit(rerunFailed=self.spec.get("rerunFailed", 0) + 1)

    def rerun(self, run: Run) -> Run:
        """Run one again that has Failed, or Crashed for good."""
        asked = run.object["spec"].get("attemptsRequested", 0) + 1
        path = paths.sweepruns(self.namespace, run.name)
        return Run(self._connection.patch(path, {"spec": {"attemptsRequested": asked}}))

    def edit(self, *, dry_run: bool = False, **spec: object) -> "Sweep":
        """Change fields of the spec, and wait until the operator has acted upon that.

        Raises:
            RefusedError: the API server refuses it; the message says what can be done.
            NotAcknowledgedError: nobody has acted upon it in time. It is stored all the same.
        """
        query = {"dryRun": "All"} if dry_run else {}
        path = paths.sweeps(self.namespace, self.name)
        self.object = self._connection.patch(path, {"spec": spec}, **query)
        if dry_run:
            return self
        try:
            return self.until(lambda sweep: sweep.acknowledged, ACKNOWLEDGED_WITHIN)
        except TimeoutError as error:
            raise NotAcknowledgedError(
                f"it is stored, but nobody has acted upon it for {ACKNOWLEDGED_WITHIN:g} s: the "
                "operator doesn't seem to be running"
            ) from error

    def delete(self) -> None:
        """Delete it, and with it all its runs, their Jobs and pods."""
        self._connection.delete(
            paths.sweeps(self.namespace, self.name), propagationPolicy="Background"
        )

    def wait(self, phase: str | None = None, timeout: float = math.inf) -> "Sweep":
        """Wait until it is in a phase; without one, until it is at rest.

        Raises:
            ClientError: it will never be in that phase.
            TimeoutError: it isn't after so many seconds.
        """

        def there(sweep: Sweep) -> bool:
            if phase is None:
                return sweep.at_rest
            if sweep.at_rest and sweep.phase != phase:
                raise ClientError(f"{sweep.name} is {sweep.phase} and will not be {phase}")
            return sweep.phase == phase

        return self.until(there, timeout)

    def until(self, true: "Callable[[Sweep], bool]", timeout: float) -> "Sweep":
        """Follow it until something is true of it. TimeoutError after so many seconds."""
        end = time.monotonic() + timeout
        for sweep in self.follow(timeout):
            if true(sweep):
                return sweep
            if time.monotonic() >= end:
                break
        phase = self.phase or "not seen by an operator"
        raise TimeoutError(f"{self.name} is still {phase} after {timeout:g} s")

    def follow(self, timeout: float = math.inf) -> "Iterator[Sweep]":
        """It, as it is now and each time that it has changed, for so many seconds."""
        end = time.monotonic() + timeout
        while True:
            yield self.refresh()
            left = min(end - time.monotonic(), 300.0)  # a proxy may end a longer watch
            if left <= 0:
                return
            version = self.object["metadata"]["resourceVersion"]
            seen = self._connection.watch(
                paths.sweeps(self.namespace),
                left,
                fieldSelector=f"metadata.name={self.name}",
                resourceVersion=version,
            )
            for found in seen:
                if "deletionTimestamp" in found["metadata"]:
                    raise NotFoundError(f"{self.name} is being deleted")
                self.object = found
                yield self

    def to_dataframe(self) -> Any:
        """A pandas.DataFrame: a row for each run, and what `row` says for columns.

        Raises:
            ModuleNotFoundError: pandas isn't installed.
        """
        pandas = import_module("pandas")  # for those who have it
        return pandas.DataFrame([row(run) for run in self.runs(history=False)])


def row(run: Run) -> dict[str, Any]:
    """A run as one line of a table.

    A parameter is params_<name>, a nested one params_<group>.<name>, a metric metrics_<name>.
    """
    status = run.status
    return {
        "number": run.number,
        "name": run.name,
        "status": run.phase,
        "reason": status.get("reason"),
        "value": run.value,
        **{f"params_{name}": value for name, value in flat(run.parameters)},
        **{f"metrics_{name}": value for name, value in run.metrics.items()},
        **{f"metrics_{name}": _read(text) for name, text in run.non_finite.items()},
        "attempts": status.get("attemptsMade", 0),
        "preemptions": status.get("preemptions", 0),
        "start": status.get("startTime"),
        "end": status.get("completionTime"),
        "duration": run.duration,
        "message": status.get("message"),
    }


def flat(parameters: Json, above: str = "") -> Iterator[tuple[str, Any]]:
    """Nested parameters under dotted names."""
    for name, value in parameters.items():
        if isinstance(value, dict):
            yield from flat(value, f"{above}{name}.")
        else:
            yield above + name, value


def _read(text: str) -> float:
    """A number that isn't finite; of one that is too large for that, the first digits are kept."""
    found = float(text)
    return math.copysign(math.inf, found) if math.isfinite(found) else found


def _owner(record: Json) -> str | None:
    owners = record["metadata"].get("ownerReferences") or ()
    return next((each["uid"] for each in owners if each.get("controller")), None)


def _names(namespace: str, connection: Connection) -> Sequence[str]:
    """The sweeps there are; none for who may not list them."""
    try:
        return [each.name for each in Sweep.all(namespace, connection)]
    except ClientError:
        return ()


def _no_such(name: str, namespace: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, n=3)
    if close:
        return (
            f"there is no sweep {name} in namespace {namespace}: do you mean {' or '.join(close)}?"
        )
    there = f"there {'is' if len(names) == 1 else 'are'} {', '.join(names[:5])}" if names else ""
    return f"there is no sweep {name} in namespace {namespace}" + (f": {there}" if there else "")
