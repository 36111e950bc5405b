"""The API server: one copy of each object, and what becomes of a request that arrives.

It keeps the rules that the operator relies on: names are unique, a write with a resourceVersion is
refused once the object was written by others, a deletion may have a version as precondition.
"""

from typing import Any, NamedTuple

from tests.model.objects import (
    JOBS,
    NOTHING,
    PODS,
    RUNS,
    SWEEPS,
    Child,
    Frozen,
    Job,
    Pod,
    Record,
    Status,
    Sweep,
    frozen,
)


class Server(NamedTuple):
    """All that is stored, and what the invariants want to know of the past."""

    sweep: Sweep
    runs: tuple[Record, ...] = ()
    jobs: tuple[Job, ...] = ()
    pods: tuple[Pod, ...] = ()
    made_runs: int = 0
    """The highest number of which a record was ever made."""
    made_jobs: tuple[int, ...] = ()
    """By run, the highest attempt of which a Job was ever made."""

    def run(self, number: int) -> Record | None:
        """A record by its number."""
        return next((each for each in self.runs if each.number == number), None)

    def job(self, number: int, attempt: int) -> Job | None:
        """A Job by its run's number and its attempt."""
        return next((each for each in self.jobs if each[:2] == (number, attempt)), None)

    def pod(self, number: int, attempt: int) -> Pod | None:
        """The pod of a Job."""
        return next((each for each in self.pods if each[:2] == (number, attempt)), None)


class Event(NamedTuple):
    """What a watch tells of a write."""

    kind: int
    thing: Child | Sweep
    gone: bool = False

    def __str__(self) -> str:
        return f"{self.thing}{', which is gone' if self.gone else ''}"


class SweepWrite(NamedTuple):
    """A status, and the Sweep that it is to be told of: with another it is refused."""

    seen: Sweep
    status: Status

    def __str__(self) -> str:
        return str(self.status)


class Request(NamedTuple):
    """What an operator asks of the server."""

    verb: str
    number: int = 0
    attempt: int = 0
    version: int | None = None
    """What the object must still be at."""
    body: Frozen | SweepWrite | None = None
    parallelism: int = 0
    """Under which a Job's creation was decided; for an invariant alone."""

    def __str__(self) -> str:
        name = "-".join(str(each) for each in self[1:3] if each)
        body = "" if self.body is None else f" {self.body}"
        return f"{self.verb} {name}{body}".strip()


class Answer(NamedTuple):
    """What the operator gets back."""

    code: int
    thing: Any = None
    gone: bool = False
    """Of a list that is empty: whether the watch has still to tell so."""


OK, LOST, REFUSED, NOT_FOUND, CONFLICT = 200, 0, 403, 404, 409

READS = frozenset({"read run", "read Job", "read pods", "count pods", "read Sweep"})


class Arrival(NamedTuple):
    """What a request has come to."""

    server: Server
    events: tuple[Event, ...]
    answer: Answer


def arrive(server: Server, request: Request) -> Arrival:
    """Carry a request out."""
    number, attempt = request.number, request.attempt
    if request.verb in READS:
        return _read(server, request)
    match request.verb:
        case "create run":
            if server.run(number) is not None:
                return Arrival(server, (), Answer(CONFLICT))
            return _store(_count_run(server, number), RUNS, Record(number, 1, NOTHING))
        case "create Job":
            if server.job(number, attempt) is not None:
                return Arrival(server, (), Answer(CONFLICT))
            return _store(_count_job(server, number, attempt), JOBS, Job(number, attempt))
        case "write run":
            return _write_run(server, request)
        case "delete Job":
            return _delete_job(server, request)
        case "kill pods":
            return _kill_pods(server)
        case "write Sweep":
            assert isinstance(request.body, SweepWrite)
            if request.body.seen != server.sweep:
                return Arrival(server, (), Answer(CONFLICT))
            return write_sweep(server, server.sweep._replace(status=request.body.status))
    raise AssertionError(request)


def _read(server: Server, request: Request) -> Arrival:
    number, attempt = request.number, request.attempt
    match request.verb:
        case "read run":
            return _found(server, server.run(number))
        case "read Job":
            return _found(server, server.job(number, attempt))
        case "read pods":
            pod = server.pod(number, attempt)
            return Arrival(server, (), Answer(OK, () if pod is None else (pod,)))
        case "count pods":
            left = sum(not pod.end for pod in server.pods)
            return Arrival(server, (), Answer(OK, left))
        case "read Sweep":
            return Arrival(server, (), Answer(OK, server.sweep))
    raise AssertionError(request)


def put(server: Server, kind: int, thing: Child) -> tuple[Server, Event]:
    """Store a child."""
    old: tuple[Child, ...] = server[kind + 1]  # type: ignore[assignment]
    kept = [each for each in old if _key(each) != _key(thing)]
    return _with(server, kind, sorted([*kept, thing], key=_key)), Event(kind, thing)


def remove(server: Server, kind: int, thing: Child) -> tuple[Server, Event]:
    """Delete a child."""
    old: tuple[Child, ...] = server[kind + 1]  # type: ignore[assignment]
    kept = [each for each in old if each != thing]
    last = thing._replace(version=thing.version + 1)
    return _with(server, kind, kept), Event(kind, last, gone=True)


def newer(thing: Any, **changes: Any) -> Any:
    """A child as it is once it was written."""
    return thing._replace(version=thing.version + 1, **changes)


def write_sweep(server: Server, sweep: Sweep) -> Arrival:
    """Store the Sweep."""
    return Arrival(server._replace(sweep=sweep), (Event(SWEEPS, sweep),), Answer(OK, sweep))


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386: null removes, objects are merged, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


_merged: dict[tuple[Frozen, Frozen], Frozen] = {}


def patched(status: Frozen, patch: Frozen) -> Frozen:
    """A status with a merge patch in it."""
    found = _merged.get((status, patch))
    if found is None:
        found = _merged[status, patch] = frozen(merge(status.value, patch.value))
    return found


def _write_run(server: Server, request: Request) -> Arrival:
    record = server.run(request.number)
    if record is None:
        return Arrival(server, (), Answer(NOT_FOUND))
    if record.version != request.version:
        return Arrival(server, (), Answer(CONFLICT))
    assert isinstance(request.body, Frozen)
    return _store(server, RUNS, newer(record, status=patched(record.status, request.body)))


def _delete_job(server: Server, request: Request) -> Arrival:
    job = server.job(request.number, request.attempt)
    if job is None:
        return Arrival(server, (), Answer(NOT_FOUND))
    if request.version not in (None, job.version):
        return Arrival(server, (), Answer(CONFLICT))
    server, event = remove(server, JOBS, job)
    return Arrival(server, (event,), Answer(OK))


def _kill_pods(server: Server) -> Arrival:
    events = []
    for pod in server.pods:
        if not pod.end and not pod.told:
            server, event = put(server, PODS, newer(pod, told="deleted"))
            events.append(event)
    return Arrival(server, tuple(events), Answer(OK))


def _found(server: Server, thing: Child | None) -> Arrival:
    return Arrival(server, (), Answer(NOT_FOUND) if thing is None else Answer(OK, thing))


def _store(server: Server, kind: int, thing: Child) -> Arrival:
    server, event = put(server, kind, thing)
    return Arrival(server, (event,), Answer(OK, thing))


def _count_run(server: Server, number: int) -> Server:
    return server._replace(made_runs=max(server.made_runs, number))


def _count_job(server: Server, number: int, attempt: int) -> Server:
    made = [*server.made_jobs, *[0] * (number - len(server.made_jobs))]
    made[number - 1] = max(made[number - 1], attempt)
    return server._replace(made_jobs=tuple(made))


def _key(thing: Any) -> tuple[int, ...]:
    return thing[:1] if isinstance(thing, Record) else thing[:2]


def _with(server: Server, kind: int, things: Any) -> Server:
    match kind:
        case 0:
            return server._replace(runs=tuple(things))
        case 1:
            return server._replace(jobs=tuple(things))
        case _:
            return server._replace(pods=tuple(things))
