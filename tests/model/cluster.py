"""What happens to the server's objects without the operator: by the cluster, and by people.

The Job controller and the kubelet are one here, but for what comes by separate watches.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tests.model.objects import JOBS, PODS, RUNS, Child, Job, Pod, Sweep, end_of_job
from tests.model.server import Event, Server, newer, put, remove, write_sweep


class Change(NamedTuple):
    """One thing that may happen to the objects."""

    words: tuple[object, ...]
    server: Server
    events: tuple[Event, ...]
    costs: str = ""
    """What of world.Left it uses up; empty for what happens by itself."""


def by_itself(server: Server) -> Iterator[Change]:
    """What the cluster does next, be it by misfortune."""
    for job in server.jobs:
        yield from _to_job(server, job, server.pod(job.number, job.attempt))
    for pod in server.pods:
        owner = server.job(pod.number, pod.attempt)
        if owner is None or owner.deleting:
            yield _removed((pod, "is collected"), server, PODS, pod)
        elif pod.end:
            if pod.told and owner.end:
                yield _removed((pod, "is gone"), server, PODS, pod)
        else:
            yield from _to_unstarted(server, pod, owner) if not pod.started else _ends(server, pod)
            if not pod.told:
                told = newer(pod, told="evicted")
                yield _stored((pod, "is evicted"), server, PODS, told, costs="evictions")


def _to_job(server: Server, job: Job, pod: Pod | None) -> Iterator[Change]:
    if server.run(job.number) is None:
        yield _removed((job, "is collected"), server, JOBS, job)
    elif job.deleting:
        if pod is None:
            yield _removed((job, "is gone"), server, JOBS, job)
    elif pod is None and not job.end:
        yield _stored((job, "gets its pod"), server, PODS, Pod(job.number, job.attempt))
    elif pod is not None and pod.end and not job.end:
        ended = newer(job, end=end_of_job(pod))
        yield _stored((job, "ends", ended.end), server, JOBS, ended)


def _to_unstarted(server: Server, pod: Pod, job: Job) -> Iterator[Change]:
    if pod.told:
        yield _stored((pod, "goes unstarted"), server, PODS, newer(pod, end="never"))
        return
    server, started = put(server, PODS, newer(pod, started=True))
    server, ready = put(server, JOBS, newer(job))  # its status counts pods that are ready
    yield Change((pod, "starts"), server, (started, ready))


def _ends(server: Server, pod: Pod) -> Iterator[Change]:
    for end in ("ok", "killed") if pod.told else ("ok",):
        yield _stored((pod, "ends", end), server, PODS, newer(pod, end=end))
    yield _stored((pod, "fails"), server, PODS, newer(pod, end="failed"), costs="failures")


def edits(sweep: Sweep, edit: str) -> Iterator[Sweep]:
    """The Sweep after a person's edit, as far as the CRD takes it."""
    spec = sweep.spec
    match edit.split():
        case ["pause"]:
            edited = spec._replace(state="Paused" if spec.state == "Running" else spec.state)
        case ["resume"]:
            edited = spec._replace(state="Running" if spec.state == "Paused" else spec.state)
        case ["stop"]:
            may_stop = spec.state in ("Running", "Paused")
            edited = spec._replace(state="Stopped" if may_stop else spec.state)
        case ["cancel"]:
            edited = spec._replace(state="Cancelled")
        case ["parallelism", number]:
            edited = spec._replace(parallelism=int(number))
        case ["cap", number]:
            edited = spec._replace(run_cap=int(number))
        case ["rerun"]:
            edited = spec._replace(rerun_failed=spec.rerun_failed + 1)
        case _:
            raise AssertionError(edit)
    if edited != spec:
        yield sweep._replace(spec=edited._replace(generation=spec.generation + 1))


def by_people(
    server: Server, may_edit: tuple[str, ...], may_delete: tuple[str, ...]
) -> Iterator[Change]:
    """What a person may do."""
    for edit in may_edit:
        for edited in edits(server.sweep, edit):
            written = write_sweep(server, edited)
            words = ("a person edits the Sweep:", edit)
            yield Change(words, written.server, written.events, costs="edits")
    for what in may_delete:
        yield from _deletions(server, what)


def _deletions(server: Server, what: str) -> Iterator[Change]:
    match what:
        case "run" | "told run":
            told_of = server.made_runs if what == "run" else server.sweep.status.last_number
            for run in server.runs:
                if run.number <= told_of:
                    yield _removed(("a person deletes", run), server, RUNS, run, "deletions")
        case "Job":
            for job in server.jobs:
                yield _removed(("a person deletes", job), server, JOBS, job, "deletions")
        case "Job in the foreground":
            for job in server.jobs:
                words = ("a person deletes in the foreground", job)
                deleting = newer(job, deleting=True)
                yield _stored(words, server, JOBS, deleting, "deletions")
        case "pod":
            for pod in server.pods:
                if not pod.told and not pod.end:
                    told = newer(pod, told="deleted")
                    yield _stored(("a person deletes", pod), server, PODS, told, "deletions")


def _stored(
    words: tuple[object, ...], server: Server, kind: int, thing: Job | Pod, costs: str = ""
) -> Change:
    server, event = put(server, kind, thing)
    return Change(words, server, (event,), costs)


def _removed(
    words: tuple[object, ...], server: Server, kind: int, thing: Child, costs: str = ""
) -> Change:
    server, event = remove(server, kind, thing)
    return Change(words, server, (event,), costs)
