"""What the operator knows of the cluster: Sweeps as they are, and a ledger of runs for each.

Fed by the watches and by the answers to the operator's own requests, which come sooner: an answer
is taken in unless the watch is past it already, and an older state never replaces a newer one.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from typing_extensions import override

from sweep_operator.api.names import LABEL_RUN_NUMBER, LABEL_SWEEP, job_name, run_name
from sweep_operator.api.sweep import EndReason
from sweep_operator.effects.observe import (
    job_facts,
    pod_facts,
    resource_version,
    run_facts,
    sweep_uid,
)
from sweep_operator.effects.workqueue import Key
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.points import yardstick_of

Json = Mapping[str, Any]
Name = tuple[str, str]
"""(namespace, name)"""

logger = logging.getLogger(__name__)


class Cache:
    """All Sweeps, their ledgers, and who wants to hear of changes."""

    def __init__(self, on_change: Callable[[Key], None]) -> None:
        self._on_change = on_change
        self.sweeps: dict[Key, dict[str, Any]] = {}
        self._names: dict[Name, Key] = {}
        self._ledgers: dict[Key, Ledger] = defaultdict(Ledger)
        self.runs = RunSink(self)
        self.jobs = JobSink(self)
        self.pods = PodSink(self)

    def put_sweep(self, sweep: dict[str, Any]) -> None:
        """Take in a Sweep as the watch tells it."""
        self._take(key_of(sweep), sweep)

    def answer_sweep(self, sweep: dict[str, Any]) -> None:
        """Take in a Sweep as the answer to a request tells it, unless it has gone meanwhile."""
        key = key_of(sweep)
        if key in self.sweeps:
            self._take(key, sweep)

    def drop_sweep(self, key: Key) -> None:
        """Take in that a Sweep is gone; garbage collection sees to its children."""
        sweep = self.sweeps.pop(key, None)
        if sweep is not None and self._names.get(_name(sweep)) == key:
            del self._names[_name(sweep)]
        self.tidy(key)
        self.changed(key)

    def find_sweep(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A Sweep by its name; None where none is known."""
        key = self._names.get((namespace, name))
        return None if key is None else self.sweeps[key]

    def ledger(self, key: Key) -> Ledger:
        """The account of a Sweep's runs, empty where none is known yet."""
        return self._ledgers[key]

    def tidy(self, key: Key) -> None:
        """Drop the ledger of a Sweep that is gone, once its children are gone too."""
        if key not in self.sweeps and key in self._ledgers and self._ledgers[key].empty:
            del self._ledgers[key]

    def changed(self, key: Key) -> None:
        """Say that something about a Sweep has changed."""
        self._on_change(key)

    def _take(self, key: Key, sweep: dict[str, Any]) -> None:
        known = self.sweeps.get(key)
        if known is not None and resource_version(known) >= resource_version(sweep):
            return
        self.sweeps[key] = sweep
        self._names[_name(sweep)] = key
        ledger = self.ledger(key)
        ledger.judge_by(yardstick_of(sweep.get("spec", {})))
        status = sweep.get("status") or {}
        ledger.use_up_to(status.get("lastNumber", 0))
        if "endReason" in status:
            ledger.end_reason = EndReason(status["endReason"])
        self.changed(key)


class Child(NamedTuple):
    """What is known of a child by its name."""

    sweep: Key
    number: int
    version: int


class Sink:
    """One kind of children."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._known: dict[Name, Child] = {}
        self._listed = 0
        """The resourceVersion of the last list of all namespaces."""
        self._seen: dict[str, int] = {}
        """The newest resourceVersion told of in a namespace: each may have a watch of its own."""

    def within(self, namespace: str) -> "NamespaceSink":
        """The part of it that a watch of one namespace feeds."""
        return NamespaceSink(self, namespace)

    def put(self, thing: Json) -> None:
        """Take in a child as the watch tells it."""
        version = resource_version(thing)
        self._told(_name(thing)[0], version)
        self._take(thing, version)

    def answer(self, thing: Json) -> None:
        """Take in a child as the answer to a request tells it, unless the watch is past that.

        An answer that comes late must not bring back what the watch has since told is gone.
        """
        version = resource_version(thing)
        if version > max(self._listed, self._seen.get(_name(thing)[0], 0)):
            self._take(thing, version)

    def drop(self, thing: Json) -> None:
        """Take in that a child is gone, unless another of its name has taken its place."""
        version = resource_version(thing)
        name = _name(thing)
        self._told(name[0], version)
        known = self._known.get(name)
        if known is not None and version >= known.version:
            self._forget(name, known)

    def miss(self, namespace: str, name: str, version: int) -> None:
        """Take in that no child of a name was there at `version`, unless it was made after that."""
        known = self.find(namespace, name)
        if known is not None and known.version <= version:
            self._forget((namespace, name), known)

    def find(self, namespace: str, name: str) -> Child | None:
        """What is known of a child by its name; None where nothing is."""
        return self._known.get((namespace, name))

    def keep_only(self, names: set[Name], version: int, namespace: str | None = None) -> None:
        """Drop what a list at `version` doesn't hold, but for what was written after it.

        Args:
            names: of all that is there.
            version: the list's.
            namespace: the only one that was listed; None where all were.
        """
        if namespace is None:
            self._listed = max(self._listed, version)
        else:
            self._told(namespace, version)
        gone = [
            (name, known)
            for name, known in self._known.items()
            if known.version <= version and name not in names and namespace in (None, name[0])
        ]
        for name, known in gone:
            self._forget(name, known)

    def _told(self, namespace: str, version: int) -> None:
        self._seen[namespace] = max(self._seen.get(namespace, 0), version)

    def _take(self, thing: Json, version: int) -> None:
        name = _name(thing)
        uid = sweep_uid(thing)
        if uid is None:
            return
        key = Key(name[0], uid)
        known = self._known.get(name)
        if known is not None and known.version >= version:
            return
        try:
            number = int(thing["metadata"]["labels"][LABEL_RUN_NUMBER])
            if known is not None and (known.sweep, known.number) != (key, number):
                self._forget(name, known)  # made again under its name, or labelled anew
            self._enter(self._cache.ledger(key), number, thing)
        except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
            # Anybody can put our labels on an object; that mustn't stop anybody's sweeps.
            logger.warning("Not one of ours: %s/%s (%r)", *name, error)
            self._cache.tidy(key)
            return
        self._known[name] = Child(key, number, version)
        self._cache.changed(key)

    def _forget(self, name: Name, known: Child) -> None:
        del self._known[name]
        self._strike(self._cache.ledger(known.sweep), known.number, name[1])
        self._cache.tidy(known.sweep)
        self._cache.changed(known.sweep)

    def _enter(self, ledger: Ledger, number: int, thing: Json) -> None:
        raise NotImplementedError

    def _strike(self, ledger: Ledger, number: int, name: str) -> None:
        raise NotImplementedError


class NamespaceSink:
    """One kind of children in one namespace: what other watches tell of is none of its business."""

    def __init__(self, sink: Sink, namespace: str) -> None:
        self._namespace = namespace
        self._sink = sink

    def put(self, thing: Json) -> None:
        """Take in a child as the watch tells it."""
        self._sink.put(thing)

    def drop(self, thing: Json) -> None:
        """Take in that a child is gone."""
        self._sink.drop(thing)

    def keep_only(self, names: set[Name], version: int) -> None:
        """Drop what a list of the namespace doesn't hold."""
        self._sink.keep_only(names, version, self._namespace)


class RunSink(Sink):
    """SweepRuns."""

    @override
    def _enter(self, ledger: Ledger, number: int, thing: Json) -> None:
        facts = run_facts(thing)
        if facts.number != number:
            raise ValueError(f"its label says run {number}, its spec {facts.number}")
        _check_name(thing, run_name(_sweep_name(thing), number))
        ledger.put_run(facts)

    @override
    def _strike(self, ledger: Ledger, number: int, name: str) -> None:
        ledger.drop_run(number)


class JobSink(Sink):
    """Jobs."""

    @override
    def _enter(self, ledger: Ledger, number: int, thing: Json) -> None:
        facts = job_facts(thing)
        _check_name(thing, job_name(_sweep_name(thing), number, facts.attempt))
        ledger.put_job(facts)

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


def _sweep_name(thing: Json) -> str:
    name: str = thing["metadata"]["labels"][LABEL_SWEEP]
    return name


def _check_name(thing: Json, name: str) -> None:
    """A copy that somebody has made of a child bears its labels, but not its name."""
    if thing["metadata"]["name"] != name:
        raise ValueError(f"its labels are those of {name}")


def key_of(sweep: Json) -> Key:
    """The key of a Sweep."""
    return Key(sweep["metadata"]["namespace"], sweep["metadata"]["uid"])


class Owner(Protocol):
    """A Sweep, as far as its children need to know it."""

    @property
    def name(self) -> str:
        """Its name, of which theirs are made."""

    @property
    def namespace(self) -> str:
        """Where it and they are."""

    @property
    def uid(self) -> str:
        """Tells it from another of its name."""


class SweepName(NamedTuple):
    """An owner without its intent."""

    name: str
    namespace: str
    uid: str


def key_of_owner(owner: Owner) -> Key:
    """The key of the Sweep that is meant."""
    return Key(owner.namespace, owner.uid)


def _name(thing: Json) -> Name:
    metadata = thing["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
