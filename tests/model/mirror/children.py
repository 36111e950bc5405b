"""Mirrors effects/children.py: what becomes of answers before reconcile/ sees them.

Each function sends a request and has `then(process, found, about)` called once it is known what
came of it, with what the function in children.py returns, or `FAILED` where it raises an ApiError.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.model.mirror import cache
from tests.model.objects import NOTHING, Child, Job, Pod, Record, Status, frozen
from tests.model.process import Process, Task
from tests.model.server import CONFLICT, OK, REFUSED, Answer, Request, SweepWrite

from sweep_operator.planning.facts import JobFacts, RunFacts

Then = Callable[[Process, Any, Any], None]

FAILED: Final = "failed"
"""No answer, or a server error: it isn't known what became of the request."""

IN_THE_WAY: Final = "in the way"
"""Refused for good, or there under another uid."""


def read_run(process: Process, number: int, then: Then, about: Any = None) -> None:
    """Children.read_run: the record, or None."""
    _send_read(process, Request("read run", number), Record(number, 0, NOTHING), then, about)


def read_job(process: Process, number: int, attempt: int, then: Then, about: Any = None) -> None:
    """Children.read_job: the Job, or None."""
    _send_read(process, Request("read Job", number, attempt), Job(number, attempt), then, about)


def _send_read(process: Process, request: Request, thing: Child, then: Then, about: Any) -> None:
    known = cache.version_of(process, thing)
    process.send(request, _read, (then, about, thing, known))


def _read(process: Process, task: Task, answer: Answer) -> None:
    """Children._read: taken in; one that is gone is dropped."""
    then, about, thing, known = task.about
    match answer.code:
        case 200:
            found, fresh = answer.thing
            if fresh:
                cache.take(process, found)
            then(process, found, about)
        case 404:
            cache.miss(process, thing, known)
            then(process, None, about)
        case _:
            then(process, FAILED, about)


def read_pods(process: Process, job: JobFacts, then: Then, about: Any = None) -> None:
    """Children.read_pods: those of a Job, as they are now; one that is gone is dropped."""
    process.send(Request("read pods", job.number, job.attempt), _pods_read, (then, about))


def _pods_read(process: Process, task: Task, answer: Answer) -> None:
    then, about = task.about
    if answer.code != OK:
        then(process, FAILED, about)
        return
    for pod, fresh in answer.thing:
        if fresh:
            cache.take(process, pod)
    if answer.gone:
        pod = Pod(*task.request[1:3])
        cache.miss(process, pod, cache.version_of(process, pod))
    then(process, True, about)


def write_run(
    process: Process, run: RunFacts, status: Mapping[str, Any], then: Then, about: Any = None
) -> None:
    """Children.write_run: whether it was written. One that others wrote first is read."""
    request = Request("write run", run.number, version=run.resource_version, body=frozen(status))
    process.send(request, _run_written, (then, about))


def _run_written(process: Process, task: Task, answer: Answer) -> None:
    then, about = task.about
    match answer.code:
        case 200:
            written, fresh = answer.thing
            if fresh:
                cache.take(process, written)
            then(process, True, about)
        case 409:
            number = task.request.number
            read_run(process, number, _run_read_again, (then, about, number))
        case 404:
            then(process, False, about)
        case _:
            then(process, FAILED, about)


def _run_read_again(process: Process, found: Any, about: Any) -> None:
    then, about, number = about
    if found != FAILED:
        process.ledger.touched.add(number)
    then(process, FAILED if found == FAILED else False, about)


def delete_job(
    process: Process, job: JobFacts, then: Then, about: Any = None, *, if_unchanged: bool = False
) -> None:
    """Children.delete_job: with `if_unchanged` only if it is still as it was seen, else read."""
    version = job.resource_version if if_unchanged else None
    request = Request("delete Job", job.number, job.attempt, version)
    process.send(request, _job_deleted, (then, about))


def _job_deleted(process: Process, task: Task, answer: Answer) -> None:
    then, about = task.about
    match answer.code:
        case 200 | 404:
            then(process, None, about)
        case 409:
            read_job(process, *task.request[1:3], then, about)
        case _:
            then(process, FAILED, about)


def read_sweep(process: Process, then: Then, about: Any = None) -> None:
    """Children.read_sweep: whether the Sweep is there, and in this model it is."""
    process.send(Request("read Sweep"), _sweep_told, (then, about))


def write_sweep(process: Process, status: Status, then: Then, about: Any = None) -> None:
    """Api.replace_in: the whole status, if nobody has written the Sweep since; else it is read."""
    request = Request("write Sweep", body=SweepWrite(process.sweep, status))
    process.send(request, _sweep_written, (then, about))


def _sweep_written(process: Process, task: Task, answer: Answer) -> None:
    if answer.code == CONFLICT:
        read_sweep(process, *task.about)
    else:
        _sweep_told(process, task, answer)


def _sweep_told(process: Process, task: Task, answer: Answer) -> None:
    """Cache.answer_sweep: taken in if it is newer than what is known."""
    then, about = task.about
    if answer.code == OK:
        found, fresh = answer.thing
        if fresh:
            cache.take_sweep(process, found)
    then(process, True if answer.code == OK else FAILED, about)


def create(process: Process, request: Request, then: Then, about: Any) -> None:
    """Children.create_run and create_job: one that is there already is read instead."""
    process.send(request, _created, (then, about))


def _created(process: Process, task: Task, answer: Answer) -> None:
    then, about = task.about
    request = task.request
    if answer.code == OK:
        made, fresh = answer.thing
        if fresh:
            cache.take(process, made)
        then(process, made, about)
    elif answer.code == CONFLICT and request.verb == "create run":
        read_run(process, request.number, _found_instead, (then, about))
    elif answer.code == CONFLICT:
        read_job(process, request.number, request.attempt, _found_instead, (then, about))
    else:
        then(process, IN_THE_WAY if answer.code == REFUSED else FAILED, about)


def _found_instead(process: Process, found: Any, about: Any) -> None:
    then, about = about
    then(process, IN_THE_WAY if found is None else found, about)
