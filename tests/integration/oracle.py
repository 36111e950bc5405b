"""What must be true of a sweep: docs' table of states, written down a second time, for tests.

Nothing here comes from the operator's planning. It judges pictures that a test's own watches have
taken: one from before something happened, one of now.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from tests.integration.view import Picture, Run, ended

RUN_PHASES = ("Pending", "Running", "Finished", "Failed", "Crashed", "Killed")
REFUSED_FROM = "test/refused-from"
"""A label of Jobs: the number of the first run whose Jobs the API server refuses."""


class Fate(Enum):
    """What becomes of a run that hasn't ended."""

    GOES_ON = "has a Job, or waits for a slot"
    HELD = "is Pending, without a Job, or was Crashed before that"
    REFUSED = "is Pending, without a Job, which the API server refuses"
    NOT_STARTED = "is Killed, NotStarted"
    CANCELLED = "is Killed, Cancelled"
    NONE = "isn't there: all runs have ended"


TABLE: Mapping[str, tuple[Fate, Fate]] = {
    "Running": (Fate.GOES_ON, Fate.GOES_ON),
    "Finished": (Fate.NONE, Fate.NONE),
    "Failed": (Fate.GOES_ON, Fate.HELD),
    "Crashed": (Fate.GOES_ON, Fate.REFUSED),
    "Paused": (Fate.GOES_ON, Fate.HELD),
    "Stopped": (Fate.GOES_ON, Fate.NOT_STARTED),
    "Cancelled": (Fate.CANCELLED, Fate.CANCELLED),
}
"""By spec.state, or the phase where that is Running: what becomes of runs that have started once,
and of those that never have."""


@dataclass(frozen=True)
class Blow:
    """What happened to single runs, by their numbers."""

    deleted: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()
    """Their Job or pod is gone: the attempt is Crashed, and the run goes on with the next."""
    ended: Mapping[int, str] = field(default_factory=dict)
    """Their program ended: the run's phase."""
    started: frozenset[int] = frozenset()


def wrongs(before: Picture, blow: Blow, now: Picture) -> list[str]:
    """What isn't as it must be, in sentences; empty when all is well."""
    if now.sweep is None:
        left = [*now.runs.values(), *now.jobs, *now.pods]
        return [f"{len(left)} children are left of a deleted sweep"] if left else []
    return [
        *_phase(before, now),
        *_conditions(now),
        *_numbers(before, blow, now),
        *_counts(now),
        *_slots(before, now),
        *_children(now),
        *_runs(before, blow, now),
    ]


def _phase(before: Picture, now: Picture) -> Iterator[str]:
    must = phase(before, now)
    if now.phase != must:
        yield f"the phase is {now.phase}, and must be {must}"
    assert now.sweep is not None
    if now.status.get("observedGeneration") != now.sweep["metadata"]["generation"]:
        yield "the spec isn't acknowledged"


def phase(before: Picture, now: Picture) -> str:
    """The phase that the facts ask for."""
    state: str = now.spec.get("state", "Running")
    active = _active(now)
    spent = _spent(now)
    done = not _left(now) and not active and not _waiting(now)
    if state == "Running":
        if spent:
            return "Failed"
        if done:
            return "Finished"
        return "Crashed" if _is_refused(now) else "Running"
    if before.phase == "Failed" and spent and not _active(before):
        return "Failed"
    return "Finished" if before.phase == "Finished" and done else state


def _conditions(now: Picture) -> Iterator[str]:
    started_wait = any(run.started for run in _waiting(now).values())
    at_rest = not _active(now) and not (started_wait and _mode(now) != "Cancelled")
    complete = now.phase == "Finished" or (now.phase in ("Stopped", "Cancelled") and at_rest)
    for kind, must in (("Complete", complete), ("Failed", now.phase == "Failed" and at_rest)):
        if now.condition(kind) != must:
            yield f"condition {kind} is {not must}"
    if now.condition("Stalled") != (now.phase == "Crashed"):
        yield f"a {now.phase} sweep's condition Stalled is {now.condition('Stalled')}"


def _numbers(before: Picture, blow: Blow, now: Picture) -> Iterator[str]:
    used = _used(now)
    burnt = set(range(1, _used(before) + 1)) - set(before.runs) | blow.deleted
    if set(now.runs) | burnt != set(range(1, used + 1)) or set(now.runs) & burnt:
        yield f"numbers {sorted(now.runs)} with {sorted(burnt)} burnt aren't 1 to {used}"
    if used > _limit(now):
        yield f"{used} runs are more than {_limit(now)}"
    if now.status.get("lastNumber") != used:
        yield f"lastNumber is {now.status.get('lastNumber')}, not {used}"
    if used > _used(before) and _mode(now) not in ("Running", "Crashed"):
        yield f"a {_mode(now)} sweep has made {used - _used(before)} runs"


def _counts(now: Picture) -> Iterator[str]:
    for each in RUN_PHASES:
        count = sum(run.phase == each for run in now.runs.values())
        told = now.status.get("runs", {}).get(each.lower())
        if told != count:
            yield f"{count} runs are {each}, not {told}"
    if now.status.get("active") != len(_active(now)):
        yield f"{len(_active(now))} runs are active, not {now.status.get('active')}"


def _slots(before: Picture, now: Picture) -> Iterator[str]:
    active, slots = len(_active(now)), now.spec["parallelism"]
    if active > slots and not active <= len(_active(before)):
        yield f"{active} runs are active, more than {slots}"
    if _mode(now) == "Running" and active < slots and (_waiting(now) or _left(now)):
        yield f"{active} of {slots} slots are used, and runs are left"


def _children(now: Picture) -> Iterator[str]:
    for job in now.jobs:
        number = int(job["metadata"]["labels"]["sweep-operator.io/run-number"])
        if number not in now.runs:
            yield f"Job {job['metadata']['name']} has no record"
    if _mode(now) == "Cancelled":
        for pod in now.pods:
            if not ended(pod):
                yield f"pod {pod['metadata']['name']} is left"


def _runs(before: Picture, blow: Blow, now: Picture) -> Iterator[str]:
    for number, run in now.runs.items():
        was = before.runs.get(number)
        if was is not None and was.settled:
            if (run.phase, run.reason) != (was.phase, was.reason):
                yield f"run {number} was {was.phase} and is {run.phase}"
        elif number in blow.ended:
            if run.phase != blow.ended[number]:
                yield f"run {number} is {run.phase}, not {blow.ended[number]}"
        else:
            if was is not None and number in blow.lost and not _crashed_since(was, run):
                yield f"run {number}'s attempt {was.current} isn't Crashed"
            if number in blow.started and run.phase != "Running":
                yield f"run {number} is {run.phase}, not Running"
            must = TABLE[_mode(now)][0 if run.started else 1]
            if not _has_fate(must, run, now):
                yield f"run {number} is {run.phase} with Jobs {sorted(run.jobs)}: it {must.value}"


def _crashed_since(was: Run, run: Run) -> bool:
    outcomes = {each["number"]: each.get("outcome") for each in run.attempts}
    return outcomes.get(was.current) == "Crashed"


def _has_fate(must: Fate, run: Run, now: Picture) -> bool:
    match must:
        case Fate.GOES_ON:
            if run.active:
                return run.phase in ("Pending", "Running")
            full = len(_active(now)) >= now.spec["parallelism"]
            return full and run.phase in ("Pending", "Crashed")
        case Fate.HELD:
            lost = run.phase == "Crashed" and not run.active  # before it was held
            return lost or (run.phase == "Pending" and not run.jobs)
        case Fate.REFUSED:
            return run.phase == "Pending" and not run.active
        case Fate.NOT_STARTED:
            return (run.phase, run.reason) == ("Killed", "NotStarted") and not run.jobs
        case Fate.CANCELLED:
            return (run.phase, run.reason) == ("Killed", "Cancelled")
        case Fate.NONE:
            return False


def _mode(now: Picture) -> str:
    state: str = now.spec.get("state", "Running")
    return now.phase if state == "Running" else state


def _active(now: Picture) -> dict[int, Run]:
    return {number: run for number, run in now.runs.items() if run.active}


def _waiting(now: Picture) -> dict[int, Run]:
    return {n: run for n, run in now.runs.items() if not run.active and not run.settled}


def _used(now: Picture) -> int:
    return max([*now.runs, int(now.status.get("lastNumber", 0))])


def _limit(now: Picture) -> int:
    values = now.spec["parameters"]["x"].get("values")
    if values is None:  # a space without an end
        return int(now.spec["runCap"])
    return min(len(values), int(now.spec.get("runCap", len(values))))


def _left(now: Picture) -> int:
    return _limit(now) - _used(now)


def _spent(now: Picture) -> bool:
    most = now.spec.get("failurePolicy", {}).get("maxFailures")
    return most is not None and sum(run.phase == "Failed" for run in now.runs.values()) >= most


def _is_refused(now: Picture) -> bool:
    """Whether a slot is free for a run whose Job isn't let in."""
    labels = now.spec["template"].get("metadata", {}).get("labels", {})
    if REFUSED_FROM not in labels or len(_active(now)) >= now.spec["parallelism"]:
        return False
    first = int(labels[REFUSED_FROM])
    return any(number >= first for number in _waiting(now)) or _left(now) > 0
