"""What the operator knows of the cluster: Sweeps as they are, and a ledger of runs for each.

Fed by the watches and by the answers to the operator's own writes, which come sooner: an answer is
taken in unless the watch is past it already, and an older state never replaces a newer one.
"""

from collections.abc import Callable, Mapping
from typing import Any

from typing_extensions import override

from sweep_operator.api.names import LABEL_RUN_NUMBER
from sweep_operator.effects.observe import (
    job_facts,
    pod_facts,
    resource_version,
    run_facts,
    sweep_uid,
)
from sweep_operator.effects.workqueue import Key
from sweep_operator.planning.ledger import Ledger

Json = Mapping[str, Any]
Name = tuple[str, str]
"""(namespace, name)"""


class Cache:
    """All Sweeps by uid, their ledgers, and who wants to hear of changes."""

    def __init__(self, on_change: Callable[[Key], None]) -> None:
        self._on_change = on_change
        self.sweeps: dict[str, dict[str, Any]] = {}
        self._ledgers: dict[str, Ledger] = {}
        self.runs = RunSink(self)
        self.jobs = JobSink(self)
        self.pods = PodSink(self)

    def put_sweep(self, sweep: dict[str, Any]) -> None:
        """Take in a Sweep as it is now."""
        uid = sweep["metadata"]["uid"]
        known = self.sweeps.get(uid)
        if known is not None and resource_version(known) > resource_version(sweep):
            return
        self.sweeps[uid] = sweep
        ledger = self.ledger(uid)
        metric = sweep.get("spec", {}).get("metric") or {}
        ledger.judge_by(metric.get("goal"))
        written = (sweep.get("status") or {}).get("lastNumber", 0)
        ledger.last_number = max(ledger.last_number, written)
        self.changed(uid, sweep["metadata"]["namespace"])

    def drop_sweep(self, uid: str) -> None:
        """Take in that a Sweep is gone; garbage collection sees to its children."""
        self.sweeps.pop(uid, None)
        self.tidy(uid)

    def ledger(self, uid: str) -> Ledger:
        """The account of a Sweep's runs, empty where none is known yet."""
        return self._ledgers.setdefault(uid, Ledger())

    def tidy(self, uid: str) -> None:
        """Drop the ledger of a Sweep that is gone, once its children are gone too."""
        if uid not in self.sweeps and uid in self._ledgers and self._ledgers[uid].empty:
            del self._ledgers[uid]

    def changed(self, uid: str, namespace: str) -> None:
        """Say that something about a Sweep has changed."""
        self._on_change(Key(namespace, uid))


class Sink:
    """One kind of children: which of them are known, under which uid of a Sweep and number."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._known: dict[Name, tuple[str, int, int]] = {}
        """By name: the Sweep's uid, the run's number, the resourceVersion."""
        self._seen = 0
        """The newest resourceVersion that the watch has told of."""

    def put(self, thing: Json) -> None:
        """Take in a child as the watch tells it."""
        version = resource_version(thing)
        self._seen = max(self._seen, version)
        self._take(thing, version)

    def answer(self, thing: Json) -> None:
        """Take in a child as the answer to a request tells it, unless the watch is past that.

        An answer that comes late must not bring back what the watch has since told is gone.
        """
        version = resource_version(thing)
        if version > self._seen:
            self._take(thing, version)

    def drop(self, thing: Json) -> None:
        """Take in that a child is gone."""
        self._seen = max(self._seen, resource_version(thing))
        name = _name(thing)
        known = self._known.pop(name, None)
        if known is None:
            return
        uid, number, _ = known
        self._strike(self._cache.ledger(uid), number, name[1])
        self._cache.tidy(uid)
        self._cache.changed(uid, name[0])

    def keep_only(self, names: set[Name], version: int) -> None:
        """Drop what a list at `version` doesn't hold, but for what was written after it."""
        self._seen = max(self._seen, version)
        gone = [name for name, known in self._known.items() if known[2] <= version]
        for name in gone:
            if name not in names:
                self.drop({"metadata": {"namespace": name[0], "name": name[1]}})

    def _take(self, thing: Json, version: int) -> None:
        uid = sweep_uid(thing)
        if uid is None:
            return
        name = _name(thing)
        known = self._known.get(name)
        if known is not None and known[2] > version:
            return
        number = int(thing["metadata"]["labels"].get(LABEL_RUN_NUMBER, 0))
        self._known[name] = (uid, number, version)
        self._enter(self._cache.ledger(uid), number, thing)
        self._cache.changed(uid, name[0])

    def _enter(self, ledger: Ledger, number: int, thing: Json) -> None:
        raise NotImplementedError

    def _strike(self, ledger: Ledger, number: int, name: str) -> None:
        raise NotImplementedError


class RunSink(Sink):
    """SweepRuns."""

    @override
    def _enter(self, ledger: Ledger, number: int, thing: Json) -> None:
        ledger.put_run(run_facts(thing))

    @override
    def _strike(self, ledger: Ledger, number: int, name: str) -> None:
        ledger.drop_run(number)


class JobSink(Sink):
    """Jobs."""

    @override
    def _enter(self, ledger: Ledger, number: int, thing: Json) -> None:
        ledger.put_job(job_facts(thing))

    @override
    def _strike(self, ledger: Ledger, number: int, name: str) -> None:
        ledger.drop_job(number, name)


class PodSink(Sink):
    """Pods of Jobs."""

    @override
    def _enter(self, ledger: Ledger, number: int, thing: Json) -> None:
        ledger.put_pod(number, pod_facts(thing))

    @override
    def _strike(self, ledger: Ledger, number: int, name: str) -> None:
        ledger.drop_pod(number, name)


def _name(thing: Json) -> Name:
    metadata = thing["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
