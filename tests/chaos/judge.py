"""Judges what operators did from watches of its own: none of them is asked, nor their code.

What all watches have told is put into one order, that of resourceVersions, in which the API server
has stored it. So what was on record when a Job was made is known, whichever was heard of first.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.chaos.report import Finding, Wrong
from tests.integration import oracle
from tests.integration.view import KINDS, SETTLED, Picture, Run
from tests.integration.watches import Watches

from sweep_operator.api.names import LABEL_ATTEMPT, LABEL_RUN_NUMBER, LABEL_SWEEP
from sweep_operator.effects.api import Api

Json = Mapping[str, Any]

QUIET = 3.0
"""Seconds without an event after which all is told."""


class SweepSeen(NamedTuple):
    """A Sweep, as stored with a resourceVersion."""

    version: int
    sweep: str
    generation: int
    observed: int
    state: str
    parallelism: int
    cap: int


class RunSeen(NamedTuple):
    """A SweepRun likewise."""

    version: int
    sweep: str
    number: int
    uid: str
    phase: str
    started: bool
    outcomes: Mapping[int, str]
    """By attempt, as far as they are on record."""

    @property
    def settled(self) -> bool:
        """No further attempt will be made."""
        return self.phase in SETTLED


class JobSeen(NamedTuple):
    """A Job likewise."""

    version: int
    sweep: str
    number: int
    attempt: int
    uid: str
    name: str


class PodSeen(NamedTuple):
    """A pod likewise."""

    version: int
    sweep: str
    number: int
    attempt: int
    uid: str
    told: bool
    disrupted: bool
    started: bool
    exit_code: int | None


Seen = SweepSeen | RunSeen | JobSeen | PodSeen


def sweep_seen(thing: Json) -> SweepSeen:
    """What counts of a Sweep."""
    metadata, spec = thing["metadata"], thing["spec"]
    return SweepSeen(
        int(metadata["resourceVersion"]),
        metadata["name"],
        metadata["generation"],
        (thing.get("status") or {}).get("observedGeneration", 0),
        spec.get("state", "Running"),
        spec["parallelism"],
        spec["runCap"],
    )


def run_seen(thing: Json) -> RunSeen:
    """What counts of a SweepRun."""
    metadata, status = thing["metadata"], thing.get("status") or {}
    attempts = status.get("attempts") or ()
    return RunSeen(
        int(metadata["resourceVersion"]),
        thing["spec"]["sweep"],
        thing["spec"]["number"],
        metadata["uid"],
        status.get("phase", "Pending"),
        "startTime" in status,
        {each["number"]: each["outcome"] for each in attempts if "outcome" in each},
    )


def job_seen(thing: Json) -> JobSeen:
    """What counts of a Job."""
    metadata = thing["metadata"]
    return JobSeen(
        int(metadata["resourceVersion"]),
        *_whose(thing),
        metadata["uid"],
        metadata["name"],
    )


def pod_seen(thing: Json) -> PodSeen:
    """What counts of a pod."""
    metadata, status = thing["metadata"], thing.get("status") or {}
    states = [each.get("state") or {} for each in status.get("containerStatuses") or ()]
    codes = [each["terminated"]["exitCode"] for each in states if "terminated" in each]
    conditions = {each["type"]: each["status"] for each in status.get("conditions") or ()}
    return PodSeen(
        int(metadata["resourceVersion"]),
        *_whose(thing),
        metadata["uid"],
        "deletionTimestamp" in metadata,
        conditions.get("DisruptionTarget") == "True",
        any("running" in each or "terminated" in each for each in states),
        codes[0] if codes else None,
    )


def _whose(thing: Json) -> tuple[str, int, int]:
    labels = thing["metadata"]["labels"]
    return labels[LABEL_SWEEP], int(labels[LABEL_RUN_NUMBER]), int(labels[LABEL_ATTEMPT])


READ = {"sweep": sweep_seen, "run": run_seen, "job": job_seen, "pod": pod_seen}


@dataclass(eq=False)
class _Sink:
    """Takes down what one watch tells."""

    kind: str
    judge: "Judge"

    def put(self, thing: Json) -> None:
        self.judge.take(self.kind, READ[self.kind](thing))

    def drop(self, thing: Json) -> None:
        """That things go is no news: what counts of them was told before."""

    def keep_only(self, names: set[tuple[str, str]], version: int) -> None:
        """Likewise."""


class Judge(Watches):
    """Watches a namespace from its beginning on. Use as an async context manager."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.history: list[Seen] = []
        self._news: dict[str, asyncio.Event] = {kind: asyncio.Event() for kind in KINDS}
        super().__init__(api, {KINDS[kind](namespace): _Sink(kind, self) for kind in KINDS})

    def take(self, kind: str, seen: Seen) -> None:
        """Take down something that is stored."""
        self.history.append(seen)
        self._news[kind].set()

    async def next(self, kind: str, within: float) -> bool:
        """Wait until something of a kind is seen, or for so many seconds; tell which it was."""
        self._news[kind].clear()
        try:
            async with asyncio.timeout(within):
                return await self._news[kind].wait()
        except TimeoutError:
            return False

    async def told_all(self) -> None:
        """Wait until nothing is heard any more."""
        while any(await asyncio.gather(*(self.next(kind, QUIET) for kind in KINDS))):
            pass

    def findings(self) -> list[Finding]:
        """All that is wrong, once everything has come to its end."""
        accounts: dict[str, Account] = defaultdict(Account)
        found: list[Finding] = []
        for seen in sorted(self.history, key=lambda seen: seen.version):
            found += accounts[seen.sweep].take(seen)
        for name, account in accounts.items():
            found += account.close(name)
        return found

    @property
    def runs(self) -> int:
        """How many were made."""
        return len({seen.uid for seen in self.history if isinstance(seen, RunSeen)})

    @property
    def jobs(self) -> int:
        """How many were made."""
        return len({seen.uid for seen in self.history if isinstance(seen, JobSeen)})


class Expected(NamedTuple):
    """What is to become of a sweep, as those know who made it and edited it."""

    phases: frozenset[str]
    """How it may end."""
    run_phases: frozenset[str]
    """How its runs may."""
    runs: int | None
    """How many are made; None where an end may come before that."""
    told: bool = True
    """Whether its runs' records tell of all their attempts: people may have removed some."""


def ends(name: str, expected: Expected, now: Picture) -> Iterator[Finding]:
    """What is wrong with a sweep that should be at its end."""
    if now.sweep is None or not now.phase:
        yield Finding(Wrong.LOST, f"{name} isn't there, or has no phase")
        return
    for words in oracle.wrongs(now, oracle.Blow(), now):
        yield Finding(Wrong.PHASE, f"{name}: {words}")
    if now.phase not in expected.phases:
        yield Finding(Wrong.PHASE, f"{name} is {now.phase}, not {sorted(expected.phases)}")
    condition = "Failed" if now.phase == "Failed" else "Complete"
    if not now.condition(condition):
        yield Finding(Wrong.PHASE, f"{name} isn't {condition}")
    wanted = len(now.runs) if expected.runs is None else expected.runs
    if list(now.runs) != list(range(1, wanted + 1)):
        yield Finding(Wrong.LOST, f"{name}: runs {list(now.runs)}, not 1 to {wanted}")
    retries = (now.spec.get("failurePolicy") or {}).get("maxRetries", 0)
    for number, run in now.runs.items():
        if run.phase not in expected.run_phases:
            yield Finding(Wrong.PHASE, f"{name}-{number} is {run.phase} {run.reason}")
        if expected.told:
            yield from _attempts(f"{name}-{number}", run, 1 + retries)


def _attempts(name: str, run: Run, tries: int) -> Iterator[Finding]:
    """What is wrong with what a run's record tells of its attempts, of which so many may fail."""
    numbers = [each["number"] for each in run.attempts]
    if numbers != list(range(1, len(numbers) + 1)):
        yield Finding(Wrong.PHASE, f"{name} has attempts {numbers}")
    outcomes = [each.get("outcome") for each in run.attempts]
    open_still = run.settled and None in outcomes
    if open_still or outcomes.count("Finished") > 1 or outcomes.count("Failed") > tries:
        yield Finding(Wrong.TWICE, f"{name}: {outcomes}")
    elif run.phase == "Finished" and outcomes[-1:] != ["Finished"]:
        yield Finding(Wrong.LOST, f"{name} is Finished, its attempts {outcomes}")


@dataclass
class Account:
    """What became of one sweep, told in order."""

    specs: dict[int, SweepSeen] = field(default_factory=dict)
    """By generation."""
    observed: int = 0
    runs: dict[int, RunSeen] = field(default_factory=dict)
    jobs: dict[int, dict[int, JobSeen]] = field(default_factory=lambda: defaultdict(dict))
    pods: dict[str, list[PodSeen]] = field(default_factory=lambda: defaultdict(list))
    """By uid, all that was seen of each."""
    uids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By name: that of a Job, or a run's number."""
    recorded: dict[tuple[int, int], int] = field(default_factory=dict)
    """By run and attempt, in which resourceVersion its outcome was first on record."""

    def take(self, seen: Seen) -> Iterator[Finding]:
        """Take in what was stored next, and say what is wrong with it."""
        match seen:
            case SweepSeen():
                self.specs.setdefault(seen.generation, seen)
                self.observed = max(self.observed, seen.observed)
            case RunSeen():
                yield from self._run(seen)
            case JobSeen():
                yield from self._job(seen)
            case PodSeen():
                self.pods[seen.uid].append(seen)

    def _run(self, seen: RunSeen) -> Iterator[Finding]:
        name = f"{seen.sweep}-{seen.number}"
        was = self.runs.get(seen.number)
        self.runs[seen.number] = seen
        if was is None:
            if seen.number != len(self.runs):
                yield Finding(Wrong.LOST, f"{name} is run {len(self.runs)} to be made")
            if seen.number > max(each.cap for each in self._in_force()):
                yield Finding(Wrong.HELD, f"{name} is over runCap")
            yield from self._must_not_begin(name, started=False)
        elif was.uid != seen.uid:
            yield Finding(Wrong.TWICE, f"SweepRun {name} was made twice")
        elif was.settled and was.phase != seen.phase:
            yield Finding(Wrong.TWICE, f"{name} was {was.phase}, and became {seen.phase}")
        for attempt in seen.outcomes:
            self.recorded.setdefault((seen.number, attempt), seen.version)
        for attempt, outcome in (was.outcomes if was else {}).items():
            if seen.outcomes.get(attempt) != outcome:
                yield Finding(Wrong.LOST, f"{name}: attempt {attempt} was {outcome} on record")

    def _job(self, seen: JobSeen) -> Iterator[Finding]:
        uids = self.uids[seen.name]
        if seen.uid in uids:
            return
        uids.add(seen.uid)
        if len(uids) > 1:
            yield Finding(Wrong.TWICE, f"Job {seen.name} was made {len(uids)} times")
        if seen.attempt in self.jobs[seen.number]:
            yield Finding(Wrong.TWICE, f"{seen.name}: the attempt has a Job of another name")
        run = self.runs.get(seen.number)
        if run is None:
            yield Finding(Wrong.LOST, f"Job {seen.name} was made before its record")
            return
        if run.settled:
            yield Finding(Wrong.TWICE, f"Job {seen.name} was made, and the run was {run.phase}")
        if self._holds_slot(seen.number):
            yield Finding(Wrong.TWICE, f"Job {seen.name} was made beside an attempt not ended")
        self.jobs[seen.number][seen.attempt] = seen
        active = sum(map(self._holds_slot, self.jobs))
        if active > (slots := max(each.parallelism for each in self._in_force())):
            yield Finding(Wrong.OVER, f"Job {seen.name}: {active} runs are active, of {slots}")
        yield from self._must_not_begin(f"Job {seen.name}", started=run.started)

    def _holds_slot(self, number: int) -> bool:
        """Whether a run has a Job whose outcome isn't on record."""
        run, jobs = self.runs[number], self.jobs[number]
        return bool(jobs) and not run.settled and max(jobs) > max(run.outcomes, default=0)

    def _in_force(self) -> Iterable[SweepSeen]:
        """The specs by which an operator may act: the one acknowledged, and those after it."""
        return [seen for number, seen in self.specs.items() if number >= self.observed]

    def _must_not_begin(self, name: str, *, started: bool) -> Iterator[Finding]:
        held = {"Cancelled"} if started else {"Paused", "Stopped", "Cancelled"}
        states = {seen.state for seen in self._in_force()}
        if states <= held:
            told = "/".join(sorted(states))
            yield Finding(Wrong.HELD, f"{name} was made though {told} was acknowledged")

    def close(self, name: str) -> Iterator[Finding]:
        """Say what is wrong now that nothing more comes."""
        for number, run in self.runs.items():
            if run.started and not run.settled:
                yield Finding(Wrong.LOST, f"{name}: run {number} has started and never ended")
            attempts = run.outcomes
            last = attempts[max(attempts)] if attempts else run.phase
            if run.settled and run.phase not in (last, "Killed"):
                words = f"run {number} is {run.phase}, its last attempt {last}"
                yield Finding(Wrong.PHASE, f"{name}: {words}")
        programs: dict[tuple[int, int], set[str]] = defaultdict(set)
        for uid, seen in self.pods.items():
            pod = seen[-1]
            if any(each.started for each in seen):
                programs[pod.number, pod.attempt].add(uid)
            run = self.runs.get(pod.number)
            outcome = run.outcomes.get(pod.attempt, "not on record") if run else "without a run"
            recorded = self.recorded.get((pod.number, pod.attempt))
            possible = outcomes(seen, recorded)
            if possible and outcome not in possible:
                who = f"{name}: attempt {pod.attempt} of run {pod.number}"
                wrong = Wrong.PHASE if recorded else Wrong.LOST
                truth = " or ".join(sorted(possible))
                story = "\n  ".join(map(str, seen))
                words = f"{who} is {outcome} ({recorded}), its pod says {truth}:\n  {story}"
                yield Finding(wrong, words)
        for (number, attempt), uids in programs.items():
            if len(uids) > 1:
                words = f"{len(uids)} programs were started for attempt {attempt} of run {number}"
                yield Finding(Wrong.TWICE, f"{name}: {words}")


def outcomes(seen: Sequence[PodSeen], recorded: int | None) -> frozenset[str]:
    """What may be on record of an attempt.

    Args:
        seen: all that was seen of its pod.
        recorded: in which resourceVersion the attempt's outcome is on record; None where it isn't.

    Returns:
        phases, empty for any.
    """
    ends = [each for each in seen if each.exit_code is not None]
    if not ends:
        return frozenset()
    end = ends[0]
    if len({each.exit_code for each in ends}) > 1:
        return frozenset()  # KWOK, unlike a kubelet, ends a pod twice that is edited at its end
    if not end.told:
        by_itself = frozenset({"Failed" if end.exit_code else "Finished"})
        # Somebody's eviction of a pod that had ended, before anyone had read it: the Job controller
        # may call that a disruption, or the pod and what it had to say be gone.
        evicted = any(each.disrupted and each.version < (recorded or 0) for each in seen)
        return by_itself | {"Crashed"} if evicted else by_itself
    if end.exit_code == 143:
        return frozenset({"Crashed", "Killed"})
    return frozenset()  # at its end just when it was told to go: either
