"""Mirrors effects/cache.py: how events and answers change what a process knows.

An operator's watches hold back what it hasn't been told, so `Sink.answer`'s question, whether the
watch is past an answer, is here whether the write's event is still to come (see world.take_answer).
"""

from tests.model.objects import (
    NAME,
    Child,
    Job,
    Pod,
    Record,
    Sweep,
    facts_of_job,
    facts_of_pod,
    facts_of_run,
    yardstick,
)
from tests.model.process import Process
from tests.model.server import Event

from sweep_operator.api.names import job_name
from sweep_operator.api.sweep import EndReason


def take_event(process: Process, event: Event) -> None:
    """A watch tells: Sink.put, Sink.drop and Cache.put_sweep."""
    if isinstance(event.thing, Sweep):
        take_sweep(process, event.thing)
    elif event.gone:
        drop(process, event.thing)
    else:
        take(process, event.thing)


def take_sweep(process: Process, sweep: Sweep) -> None:
    """Cache._take: a Sweep that is newer than the one that is known."""
    process.sweep = sweep
    ledger, status = process.ledger, sweep.status
    ledger.judge_by(yardstick(sweep.spec))
    ledger.use_up_to(status.last_number)
    if status.end_reason:
        ledger.end_reason = EndReason(status.end_reason)


def take(process: Process, thing: Child) -> None:
    """Sink._take: an older state never replaces a newer one."""
    known = version_of(process, thing)
    if known is not None and known >= thing.version:
        return
    match thing:
        case Record():
            process.ledger.put_run(facts_of_run(thing))
        case Job():
            process.ledger.put_job(facts_of_job(thing))
        case Pod(number, attempt):
            measured = process.sweep.spec.target is not None
            process.ledger.put_pod(number, facts_of_pod(thing, measured))
            process.pods[number, attempt] = thing.version


def drop(process: Process, thing: Child) -> None:
    """Sink.drop: a child is gone, unless another has taken its place."""
    known = version_of(process, thing)
    if known is not None and thing.version >= known:
        _forget(process, thing)


def miss(process: Process, thing: Child, known: int | None) -> None:
    """Sink.miss: a request found no such child; `known` is the version that was missed."""
    if known is not None and version_of(process, thing) == known:
        _forget(process, thing)


def _forget(process: Process, thing: Child) -> None:
    match thing:
        case Record(number):
            process.ledger.drop_run(number)
        case Job(number, attempt):
            process.ledger.drop_job(number, job_name(NAME, number, attempt))
        case Pod(number, attempt):
            process.ledger.drop_pod(number, f"{job_name(NAME, number, attempt)}-pod")
            del process.pods[number, attempt]


def version_of(process: Process, thing: Child) -> int | None:
    """Sink._known: the version at which a child is known; None where it isn't."""
    match thing:
        case Record(number):
            run = process.ledger.runs.get(number)
            return None if run is None else run.resource_version
        case Job(number, attempt):
            job = process.ledger.jobs.get(number, {}).get(attempt)
            return None if job is None else job.resource_version
        case Pod(number, attempt):
            return process.pods.get((number, attempt))
