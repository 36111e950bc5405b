"""Some sweeps at work at once, commands given to them meanwhile, and what is to come of each.

Nothing here asks the operator: a watch of its own, straight to the API server, sees all Jobs.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Self

from tests.integration.conftest import Place
from tests.integration.hands import sweep
from tests.integration.view import Json, Picture, ended, is_strange

from sweep_operator.api import paths
from sweep_operator.api.names import LABEL_SWEEP
from sweep_operator.effects.api import ApiError
from sweep_operator.effects.reflector import Reflector

RUNS, PARALLELISM = 24, 3
LASTS = "700ms"


@dataclass
class Tally:
    """What a fault came to: a row of the report."""

    fault: str
    times: int = 0
    runs: int = 0
    twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    over: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def wrongs(self) -> list[str]:
        """All that isn't as it must be; empty when all is well."""
        return [*self.twice, *self.lost, *self.over, *self.wrong]

    def add(self, other: "Tally") -> None:
        """Take in another's findings."""
        self.runs += other.runs
        for name in ("twice", "lost", "over", "wrong"):
            getattr(self, name).extend(getattr(other, name))

    def row(self) -> str:
        """For a table."""
        counts = {
            key: len(value) if isinstance(value, list) else value
            for key, value in asdict(self).items()
        }
        return " ".join(f"{key}={value}" for key, value in counts.items())


class Slots:
    """Watches Jobs: how many of a sweep are open at once, and which names came twice.

    A slot is free once the outcome is on record, which comes after the Job's end: so in the one
    order in which Jobs change, open ones are never more than the sweep's parallelism.
    """

    def __init__(self, most: Callable[[str], int]) -> None:
        self._most = most
        self._open: dict[str, set[str]] = {}
        self.uids: dict[str, set[str]] = {}
        self.over: list[str] = []
        self.forgotten: set[str] = set()
        """Beginnings of names of Jobs whose runs a person has deleted: they hold no slot."""
        self.made = 0
        """Jobs ever seen."""

    def put(self, job: Json) -> None:
        """Take in a Job as it is."""
        if is_strange(job):
            return
        name = job["metadata"]["name"]
        sweep = job["metadata"].get("labels", {}).get(LABEL_SWEEP, "")
        uids = self.uids.setdefault(name, set())
        self.made += job["metadata"]["uid"] not in uids
        uids.add(job["metadata"]["uid"])
        jobs = self._open.setdefault(sweep, set())
        jobs -= {each for each in jobs if each.startswith(tuple(self.forgotten))}
        if has_ended(job) or "deletionTimestamp" in job["metadata"]:
            jobs.discard(name)
            return
        if not name.startswith(tuple(self.forgotten)):
            jobs.add(name)
        if len(jobs) > self._most(sweep):
            self.over.append(f"{name}: {len(jobs)} Jobs at once, {sorted(jobs)}")

    def drop(self, job: Json) -> None:
        """Take in that a Job is gone."""
        for jobs in self._open.values():
            jobs.discard(job["metadata"]["name"])

    def keep_only(self, names: set[tuple[str, str]], version: int) -> None:
        """Take in that all others are gone."""
        there = {name for _, name in names}
        for jobs in self._open.values():
            jobs.intersection_update(there)


@asynccontextmanager
async def watched(place: Place, slots: Slots) -> AsyncIterator[Slots]:
    """Have a watch of its own tell of all Jobs."""
    jobs = Reflector(place.api, paths.jobs(place.namespace), slots, clock=time.monotonic)
    watching = asyncio.create_task(jobs.run())
    try:
        await jobs.synced.wait()
        yield slots
    finally:
        watching.cancel()
        await asyncio.wait([watching])


def has_ended(job: Json) -> bool:
    """Whether a Job is at its end."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(
        each["type"] in ("Complete", "Failed", "FailureTarget", "SuccessCriteriaMet")
        and each["status"] == "True"
        for each in conditions
    )


@dataclass(frozen=True)
class Kind:
    """A sweep of the crowd."""

    name: str
    phase: str
    """How it ends."""
    runs: frozenset[str]
    """How its runs may."""
    all_made: bool = True
    state: str = "Running"
    """Commanded in the midst."""
    exit_code: int = 0
    evicted: bool = False
    lines: bool = True
    """Whether its runs' records tell of all their attempts: people may have removed some."""


FINISHED = frozenset({"Finished"})
KINDS = (
    Kind("calm", "Finished", FINISHED),
    Kind("broken", "Finished", frozenset({"Failed"}), exit_code=1),
    Kind("paused", "Finished", FINISHED, state="Paused"),
    Kind("evicted", "Finished", FINISHED, evicted=True),
    Kind("stopped", "Stopped", frozenset({"Finished", "Killed"}), all_made=False, state="Stopped"),
    Kind(
        "cancelled",
        "Cancelled",
        frozenset({"Finished", "Killed"}),
        all_made=False,
        state="Cancelled",
    ),
)


class Crowd:
    """The sweeps of one namespace. Use as an async context manager."""

    def __init__(self, place: Place, runs: int = RUNS, kinds: Sequence[Kind] = KINDS) -> None:
        self._place = place
        self._runs = runs
        self._kinds = kinds
        self.slots = Slots(lambda _: PARALLELISM)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(watched(self._place, self.slots))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def begin(self) -> None:
        """Apply the sweeps, and wait until each has come some way."""
        for kind in self._kinds:
            made = sweep(
                kind.name,
                lasts=LASTS,
                pod={"terminationGracePeriodSeconds": 1},
                runCap=self._runs,
                parallelism=PARALLELISM,
            )
            template = made["spec"]["template"]["spec"]["template"]
            template["metadata"]["annotations"][EXIT] = str(kind.exit_code)
            await self._place.hands.apply(made)
        for kind in self._kinds:
            await self._place.view.until(kind.name, lambda now: settled(now) >= 2, within=120)

    async def command(self) -> None:
        """Pause, stop and cancel those that are to be; evict one pod."""
        for kind in self._kinds:
            if kind.state != "Running":
                await self.insist(partial(self._edit, kind.name, kind.state))
            if kind.evicted:
                await self.evict(kind.name)

    async def evict(self, name: str) -> None:
        """Evict one pod of a sweep, once there is one that runs."""
        now = await self._place.view.until(name, lambda now: any(map(runs_now, now.pods)))
        pod = next(filter(runs_now, now.pods))
        await self.insist(partial(self._place.hands.evict, pod))

    async def progress(self, within: float = 60) -> float:
        """Wait until one more run of the calm sweep has ended; tell for how many seconds."""
        first = self._kinds[0].name
        before = settled(self._place.view.of(first))
        began = time.monotonic()
        if before < self._runs:
            await self._place.view.until(first, lambda now: settled(now) > before, within=within)
        return time.monotonic() - began

    async def end(self, fault: str, times: int, within: float = 240) -> Tally:
        """Resume what is paused, wait for all ends, and judge."""
        for kind in self._kinds:
            if kind.state == "Paused":
                await self.insist(partial(self._edit, kind.name, "Running"))
        tally = Tally(fault, times)
        for kind in self._kinds:
            with suppress(AssertionError):  # what isn't as it must be is told by the judge
                await self._place.view.settle(kind.name, partial(self._wrongs, kind), within=within)
            tally.add(judge(kind, self._runs, self._place.view.of(kind.name)))
        names = {name for name, uids in self.slots.uids.items() if len(uids) > 1}
        tally.twice += sorted(names | set(self._place.view.made_twice()))
        tally.over += self.slots.over
        return tally

    def _wrongs(self, kind: Kind, now: Picture) -> list[str]:
        return judge(kind, self._runs, now).wrongs

    async def insist(self, give: Callable[[], Any], within: float = 120) -> None:
        """Give a command until the API server takes it."""
        async with asyncio.timeout(within):
            while True:
                try:
                    await give()
                except ApiError as error:
                    if 400 <= error.code < 500 and error.code not in (404, 429):
                        raise
                    await asyncio.sleep(0.5)
                else:
                    return

    async def _edit(self, name: str, state: str) -> None:
        await self._place.hands.edit(name, state=state)


EXIT = "pod-complete.stage.kwok.x-k8s.io/exit-code"


def settled(now: Picture) -> int:
    """How many runs have ended."""
    return sum(run.settled for run in now.runs.values())


def runs_now(pod: Json) -> bool:
    """Whether a pod's program is at work. One that hasn't started can't be evicted here.

    No kubelet moves it to its end then, as KWOK doesn't, and its Job waits for that.
    """
    return (
        pod.get("status", {}).get("phase") == "Running"
        and "deletionTimestamp" not in pod["metadata"]
    )


def judge(kind: Kind, runs: int, now: Picture) -> Tally:
    """What is wrong with a sweep of so many runs that should be at its end."""
    found = Tally("", runs=len(now.runs))
    numbers = list(now.runs)
    wanted = runs if kind.all_made else len(numbers)
    if numbers != list(range(1, wanted + 1)):
        found.lost.append(f"{kind.name}: runs {numbers}, not 1 to {wanted}")
    if now.phase != kind.phase or not now.condition("Complete"):
        found.wrong.append(f"{kind.name} is {now.phase}, not {kind.phase}")
    told = {key: value for key, value in (now.status.get("runs") or {}).items() if value}
    counts = Counter(run.phase.lower() for run in now.runs.values())
    if told != counts:
        found.wrong.append(f"{kind.name} tells of {told}, and there are {dict(counts)}")
    for number, run in now.runs.items():
        name = f"{kind.name}-{number}"
        if run.phase not in kind.runs:
            found.wrong.append(f"{name} is {run.phase} {run.reason}")
        if not kind.lines:
            continue
        attempts = [each["number"] for each in run.attempts]
        if attempts != list(range(1, len(attempts) + 1)):
            found.wrong.append(f"{name} has attempts {attempts}")
        outcomes = [each.get("outcome") for each in run.attempts]
        if None in outcomes or outcomes.count("Finished") > 1 or outcomes.count("Failed") > 1:
            found.twice.append(f"{name}: {outcomes}")
        elif run.phase == "Finished" and outcomes[-1:] != ["Finished"]:
            found.lost.append(f"{name} is Finished, its attempts {outcomes}")
    if kind.phase == "Cancelled":
        left = [pod["metadata"]["name"] for pod in now.pods if not ended(pod)]
        found.wrong += [f"pod {name} of a cancelled sweep is left" for name in left]
    return found
