"""Mirrors reconcile/start.py, the third step of a pass: attempts that may start.

Records are made one after the other; each Job follows its record without waiting for the others.
"""

from typing import Any

from tests.model.mirror import children
from tests.model.objects import Hour
from tests.model.process import Process, Stage
from tests.model.server import Request

from sweep_operator.api.run import RunPhase
from sweep_operator.planning.facts import RunFacts
from sweep_operator.planning.quota import Start, quota
from sweep_operator.planning.record import trouble_status


def choose(process: Process) -> None:
    """Starter.start: what may start, and whether the Sweep itself is still there."""
    memory, intent, ledger = process.memory, process.intent, process.ledger
    process.change(stage=Stage.ASKING, todo=(), wanted=0)
    if memory.refusals and memory.retry_later and process.now_doing.hour is Hour.EARLY:
        return
    chosen = quota(
        intent.regime(ledger),
        intent.spec.parallelism,
        intent.limit,
        ledger,
        stalled=memory.refusals,
        now=process.now,
    )
    if not chosen.starts:
        process.remember(refusals=False)
        return
    process.change(todo=tuple(chosen.starts), wanted=len(chosen.starts))
    if ledger.bereft:
        ledger.bereft = False
        children.read_sweep(process, _sweep_is_there)


def _sweep_is_there(process: Process, found: Any, _about: None) -> None:
    """Starter._sweep_is_there. The model's Sweep always is."""
    if found == children.FAILED:
        process.ledger.bereft = True
        process.end_pass()


def start_all(process: Process) -> None:
    """Starter._start_all."""
    process.change(stage=Stage.STARTING)
    _start_next(process)


def finish(process: Process) -> None:
    """The end of Starter.start, once nothing of _start_all is under way."""
    doing = process.now_doing
    if not doing.wanted:
        return
    if doing.refused:
        process.remember(refusals=True, retry_later=True)
    elif doing.started == doing.wanted and process.memory.refusals:
        process.remember(refusals=False)


def _start_next(process: Process) -> None:
    """The loop of Starter._start_all: the next attempt's record is made or read."""
    doing = process.now_doing
    if not doing.todo or doing.refused:
        process.change(todo=())
        return
    attempt: Start = doing.todo[0]
    process.change(todo=doing.todo[1:])
    if not attempt.fresh:
        children.read_run(process, attempt.number, _on_record, attempt)
    elif _may_start(process):
        request = Request("create run", attempt.number)
        children.create(process, request, _on_record, attempt)
    else:
        process.change(todo=())


def _on_record(process: Process, record: Any, attempt: Start) -> None:
    """What Starter._start_all does with a record."""
    if record in (children.FAILED, children.IN_THE_WAY):
        process.change(refused=True, todo=())
        return
    if record is not None and _still_due(process, attempt):
        _make_job(process, attempt)
    elif attempt.fresh:
        process.change(todo=())
    _start_next(process)


def _make_job(process: Process, attempt: Start) -> None:
    """Starter._make_job, up to its request."""
    if not _may_start(process):
        return
    process.ledger.doubt(attempt.number)
    parallelism = process.intent.spec.parallelism
    request = Request("create Job", attempt.number, attempt.attempt, parallelism=parallelism)
    children.create(process, request, _job_made, attempt)


def _job_made(process: Process, found: Any, attempt: Start) -> None:
    """The rest of Starter._make_job."""
    if found == children.FAILED:
        process.change(refused=True)
        return
    process.ledger.clear(attempt.number)
    if found == children.IN_THE_WAY:
        process.change(refused=True)
        return
    run = process.ledger.runs.get(attempt.number)
    if run is not None and _says_otherwise(run, attempt):
        children.write_run(process, run, trouble_status("", ""), _pending_again, attempt)
    else:
        _pending_again(process, True, attempt)


def _pending_again(process: Process, found: Any, _attempt: Start) -> None:
    if found == children.FAILED:
        process.change(refused=True)
    else:
        process.change(started=process.now_doing.started + 1)


def _may_start(process: Process) -> bool:
    """Starter._may_start: asked right before each creation."""
    return process.leads and process.sweep.spec.generation == process.now_doing.spec.generation


def _still_due(process: Process, attempt: Start) -> bool:
    """start._still_due: the record, as just read or made, wants this very attempt."""
    ledger = process.ledger
    run = ledger.runs.get(attempt.number)
    return (
        run is not None
        and attempt.number in ledger.waiting
        and run.current_attempt == attempt.attempt
    )


def _says_otherwise(run: RunFacts, attempt: Start) -> bool:
    """start._says_otherwise: the record doesn't say that the run is Pending, and should."""
    if run.settled or run.attempt_open or run.current_attempt != attempt.attempt:
        return False
    return run.phase is RunPhase.CRASHED or bool(run.reason)
