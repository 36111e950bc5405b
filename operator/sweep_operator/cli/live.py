"""A study that follows its sweep in the cluster, and what is said when that doesn't work."""

import sys
from collections.abc import Iterable, Mapping
from threading import Event, Lock, Thread
from typing import Any, Final, Self

from sweep_operator.api import paths
from sweep_operator.api.names import LABEL_SWEEP_UID
from sweep_operator.api.plain import plain
from sweep_operator.client import ClientError, Connection, NotFoundError, Sweep
from sweep_operator.client.follow import Follower
from sweep_operator.report.study import SweepStudy

Json = Mapping[str, Any]

KNOWN: Final = "the page shows what was known by then"


class Live:
    """Keeps a study as its sweep is, until the sweep is deleted.

    What was known of a deleted sweep stays: its runs are deleted too then, and the study doesn't
    take that in.
    """

    def __init__(self, sweep: Sweep, study: SweepStudy, connection: Connection) -> None:
        self._uid: str = sweep.object["metadata"]["uid"]
        self._path = paths.sweeps(sweep.namespace, sweep.name)
        self._study = study
        self._connection = connection
        self._over = Event()
        self._lock = Lock()
        self._lost = False
        name, uid = f"metadata.name={sweep.name}", f"{LABEL_SWEEP_UID}={self._uid}"
        every, runs = paths.sweeps(sweep.namespace), paths.sweepruns(sweep.namespace)
        self._followers = (
            Follower(connection, every, _Itself(self), self._hear, fieldSelector=name),
            Follower(connection, runs, _Runs(self), self._hear, labelSelector=uid),
        )
        self.threads = [
            Thread(target=each.follow, args=(self._over,), daemon=True) for each in self._followers
        ]
        self.begun = False
        """All has been read once."""

    def __enter__(self) -> Self:
        """Read all of it, and follow it from then on. ClientError where it can't be read."""
        for each in self._followers:
            each.read()
        self.begun = True
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def judge(self, sweep: Json | None) -> bool:
        """Take in the Sweep as it is now, None for none, and tell whether it is still there."""
        if sweep is not None:
            metadata = sweep["metadata"]
            if metadata["uid"] == self._uid and "deletionTimestamp" not in metadata:
                self._study.judge(sweep)
                return True
        with self._lock:
            if not self._over.is_set():
                self._over.set()
                self._say(f"{self._study.name} has been deleted")
        return False

    def is_there(self) -> bool:
        """Ask the cluster whether the sweep is still there."""
        try:
            return self.judge(self._connection.get(self._path))
        except NotFoundError:
            return self.judge(None)

    def _hear(self, error: ClientError | None) -> None:
        with self._lock:
            if self._over.is_set():
                return  # that it is deleted is the last that is said
            if error is not None and not self._lost:
                self._say(str(error))
            elif error is None and self._lost:
                print("the cluster answers again", file=sys.stderr)
                self._study.tell("")
            self._lost = error is not None

    def _say(self, what: str) -> None:
        print(f"{plain(what)}; {KNOWN}", file=sys.stderr)
        self._study.tell(f"{what[:1].upper()}{what[1:]}; {KNOWN}.")

    @property
    def study(self) -> SweepStudy:
        """What is kept."""
        return self._study


class _Itself:
    """Listens to the Sweep."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def replace(self, objects: Iterable[Json]) -> None:
        self._live.judge(next(iter(list(objects)), None))

    def put(self, thing: Json) -> None:
        self._live.judge(thing)

    def drop(self, thing: Json) -> None:  # noqa: ARG002 - it is the only one
        self._live.judge(None)


class _Runs:
    """Listens to its runs. They go with the sweep, so where one goes the sweep is looked at."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def replace(self, objects: Iterable[Json]) -> None:
        if self._live.begun:
            self._live.study.replace(objects, self._live.is_there)
        else:
            self._live.study.replace(objects)

    def put(self, thing: Json) -> None:
        self._live.study.put(thing)

    def drop(self, thing: Json) -> None:
        if self._live.is_there():
            self._live.study.drop(thing)
