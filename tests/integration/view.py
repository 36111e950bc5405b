"""What is in a namespace, as a test sees it with watches of its own: the operator isn't asked."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from tests.integration.watches import Watches

from sweep_operator.api import paths
from sweep_operator.api.names import LABEL_ATTEMPT, LABEL_RUN_NUMBER, LABEL_SWEEP
from sweep_operator.effects.api import Api

Json = Mapping[str, Any]

KINDS = {
    "sweep": paths.sweeps,
    "run": paths.sweepruns,
    "job": paths.jobs,
    "pod": paths.pods,
}

STRANGE = "test/strange"
"""A label of things that only look as if they were the operator's."""

SETTLED = frozenset({"Finished", "Failed", "Killed"})


@dataclass(frozen=True)
class Run:
    """A SweepRun, its Jobs by attempt and its pods by the attempt of their Job."""

    record: Json
    jobs: Mapping[int, Json]
    pods: Mapping[int, Json]

    @property
    def status(self) -> Json:
        """As written by the operator, empty before that."""
        return dict(self.record.get("status") or {})

    @property
    def phase(self) -> str:
        """Pending as long as nothing is written."""
        return str(self.status.get("phase", "Pending"))

    @property
    def reason(self) -> str:
        """Why it is in its phase."""
        return str(self.status.get("reason", ""))

    @property
    def settled(self) -> bool:
        """No further attempt will be made."""
        return self.phase in SETTLED

    @property
    def started(self) -> bool:
        """A container of it has started once."""
        return "startTime" in self.status

    @property
    def attempts(self) -> Sequence[Json]:
        """Those on record."""
        return tuple(self.status.get("attempts", ()))

    @property
    def current(self) -> int:
        """The attempt that is under way, or would be next."""
        if not self.attempts:
            return 1
        last = self.attempts[-1]
        return int(last["number"]) + ("outcome" in last)

    @property
    def active(self) -> bool:
        """It has a Job whose outcome isn't on record."""
        open_attempt = bool(self.attempts) and "outcome" not in self.attempts[-1]
        return not self.settled and (open_attempt or self.current in self.jobs)


@dataclass(frozen=True)
class Picture:
    """A sweep and all that belongs to it, at one moment."""

    sweep: Json | None
    runs: Mapping[int, Run]
    jobs: Sequence[Json]
    pods: Sequence[Json]

    @classmethod
    def of(
        cls, sweep: Json | None, runs: Iterable[Json], jobs: Iterable[Json], pods: Iterable[Json]
    ) -> Self:
        """Sort a sweep's children by their runs and attempts."""
        jobs, pods = list(jobs), list(pods)
        jobs_of, pods_of = _by_attempt(jobs), _by_attempt(pods)
        records = {record["spec"]["number"]: record for record in runs}
        sorted_runs = {
            number: Run(records[number], jobs_of[number], pods_of[number])
            for number in sorted(records)
        }
        return cls(sweep, sorted_runs, jobs, pods)

    @property
    def spec(self) -> Json:
        """As the user wants it."""
        assert self.sweep is not None
        return dict(self.sweep["spec"])

    @property
    def status(self) -> Json:
        """As the operator says it is."""
        return dict((self.sweep or {}).get("status") or {})

    @property
    def phase(self) -> str:
        """Empty as long as there is none."""
        return str(self.status.get("phase", ""))

    def condition(self, kind: str) -> bool:
        """Whether a condition is True."""
        conditions = self.status.get("conditions", ())
        return any(each["type"] == kind and each["status"] == "True" for each in conditions)


@dataclass(eq=False)
class _Sink:
    """One kind of things, by their sweep and their name."""

    changed: Callable[[str], None]
    things: dict[str, dict[str, Json]] = field(default_factory=lambda: defaultdict(dict))
    uids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """All that ever had a name."""

    def put(self, thing: Json) -> None:
        if is_strange(thing):
            return
        name, sweep = _name(thing), _sweep(thing)
        self.things[sweep][name] = thing
        self.uids[name].add(thing["metadata"]["uid"])
        self.changed(sweep)

    def drop(self, thing: Json) -> None:
        sweep = _sweep(thing)
        self.things[sweep].pop(_name(thing), None)
        self.changed(sweep)

    def keep_only(self, names: set[tuple[str, str]], version: int) -> None:
        there = {name for _, name in names}
        for sweep, things in self.things.items():
            for name in things.keys() - there:
                del things[name]
            self.changed(sweep)


class View(Watches):
    """Watches a namespace. Use as an async context manager."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._waiters: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._sinks = {kind: _Sink(self._changed) for kind in KINDS}
        super().__init__(api, {KINDS[kind](namespace): sink for kind, sink in self._sinks.items()})

    def of(self, sweep: str) -> Picture:
        """A sweep as it is now."""
        found = {kind: dict(sink.things[sweep]) for kind, sink in self._sinks.items()}
        children = (found[kind].values() for kind in ("run", "job", "pod"))
        return Picture.of(found["sweep"].get(sweep), *children)

    def made_twice(self) -> list[str]:
        """Names of Jobs and SweepRuns that more than one object has had."""
        sinks = (self._sinks["job"], self._sinks["run"])
        return [name for sink in sinks for name, uids in sink.uids.items() if len(uids) > 1]

    async def until(
        self, sweep: str, true: Callable[[Picture], object], within: float = 60
    ) -> Picture:
        """Watch a sweep until something is true of it.

        Args:
            sweep: its name.
            true: told each state; what it returns, where false, is part of the failure's words.
            within: seconds.
        """
        words = getattr(true, "__qualname__", true)
        return await self.settle(
            sweep, lambda picture: () if true(picture) else (f"not {words}",), within
        )

    async def settle(
        self, sweep: str, wrongs: Callable[[Picture], Sequence[str]], within: float = 60
    ) -> Picture:
        """Watch a sweep until nothing is wrong with it."""
        event = asyncio.Event()
        self._waiters[sweep].add(event)
        try:
            async with asyncio.timeout(within):
                while wrongs(picture := self.of(sweep)):
                    event.clear()
                    await event.wait()
                return picture
        except TimeoutError:
            found = self.of(sweep)
            raise AssertionError(
                f"{sweep} after {within:g} s: {'; '.join(wrongs(found))}\n{sketch(found)}"
            ) from None
        finally:
            self._waiters[sweep].discard(event)

    def _changed(self, sweep: str) -> None:
        for event in self._waiters[sweep]:
            event.set()


def sketch(picture: Picture) -> str:
    """A sweep in a few lines, for a failure's words."""
    status = {key: picture.status.get(key) for key in ("phase", "active", "lastNumber", "runs")}
    lines = [f"  sweep: {picture.sweep and picture.sweep['spec'].get('state')} {status}"]
    for number, run in picture.runs.items():
        pods = {attempt: _pod_phase(pod) for attempt, pod in run.pods.items()}
        outcomes = [each.get("outcome", "open") for each in run.attempts]
        lines.append(
            f"  run {number}: {run.phase} {run.reason} attempts={outcomes}"
            f" jobs={sorted(run.jobs)} pods={pods}"
        )
    return "\n".join(lines)


def _by_attempt(things: Iterable[Json]) -> dict[int, dict[int, Json]]:
    """Jobs or pods by their run's number and their attempt's."""
    found: dict[int, dict[int, Json]] = defaultdict(dict)
    for thing in things:
        labels = thing["metadata"]["labels"]
        found[int(labels[LABEL_RUN_NUMBER])][int(labels[LABEL_ATTEMPT])] = thing
    return found


def ended(pod: Json) -> bool:
    """Whether a pod's containers have all ended."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def _pod_phase(pod: Json) -> str:
    going = " (deleted)" if "deletionTimestamp" in pod["metadata"] else ""
    return str(pod.get("status", {}).get("phase", "")) + going


def _name(thing: Json) -> str:
    name: str = thing["metadata"]["name"]
    return name


def is_strange(thing: Json) -> bool:
    """Whether a test has put it there to mislead the operator; it isn't to mislead the test."""
    return STRANGE in thing["metadata"].get("labels", {})


def _sweep(thing: Json) -> str:
    return str(thing["metadata"].get("labels", {}).get(LABEL_SWEEP) or _name(thing))
