"""Mirrors reconcile/settle.py, the second step of a pass: what is next for each run."""

from typing import Any, NamedTuple

from tests.model.mirror import children, endings
from tests.model.objects import NOW
from tests.model.process import Process, Stage

from sweep_operator.planning.facts import RunFacts
from sweep_operator.planning.record import (
    rerun_status,
    started_status,
    stopping_status,
    trouble_status,
)
from sweep_operator.planning.steps import (
    ConfirmGone,
    DeleteJob,
    DeleteStray,
    Keeping,
    LookForPod,
    RecordOutcome,
    RecordRerun,
    RecordStarted,
    RecordStopping,
    RecordTrouble,
    Step,
    Wait,
    Withdraw,
    next_step,
)


class Taken(NamedTuple):
    """A run and the step that is being taken for it."""

    run: RunFacts
    step: Step


def make_sure(process: Process) -> None:
    """Settler._make_sure: what is in doubt is asked about, in order of numbers."""
    process.change(stage=Stage.MAKING_SURE, todo=tuple(sorted(process.ledger.unsure)))
    _ask_about_next(process)


def _ask_about_next(process: Process) -> None:
    for number in process.now_doing.todo:
        run = process.ledger.runs.get(number)
        if run is not None:
            children.read_job(process, number, run.current_attempt, _made_sure, number)
            return
        _made_sure(process, None, number, go_on=False)


def _made_sure(process: Process, found: Any, number: int, *, go_on: bool = True) -> None:
    if found == children.FAILED:
        process.change(failed=True, todo=())
        return
    process.ledger.clear(number)
    process.change(todo=process.now_doing.todo[1:])
    if go_on:
        _ask_about_next(process)


def take_steps(process: Process) -> None:
    """The rest of Settler.settle: all steps begin at once, and the slowest is waited for."""
    process.change(stage=Stage.SETTLING)
    if process.now_doing.failed:
        return
    for run, step in decide(process):
        _take(process, run, step)


def decide(process: Process) -> list[Taken]:
    """Settler._decide."""
    steps = []
    intent, ledger, now = process.intent, process.ledger, process.now
    regime = intent.regime(ledger)
    keep_best_until = endings.keep_best_until(process)
    for number in ledger.take_touched(now):
        run = ledger.runs.get(number)
        if run is None:
            continue
        is_best = ledger.best is not None and ledger.best.number == number
        step = next_step(
            run,
            ledger.jobs.get(number, {}),
            ledger.pod_of(run),
            regime,
            Keeping(NOW, intent.spec.finished_job_ttl.seconds, keep_best_until if is_best else 0.0),
            now,
            ledger.vanished.get(number),
        )
        if isinstance(step, Wait):
            ledger.look_at(number, step.until)
        elif step is not None:
            steps.append(Taken(run, step))
    return steps


def _take(process: Process, run: RunFacts, step: Step) -> None:
    """Settler._take: one step's first request."""
    taken = Taken(run, step)
    match step:
        case RecordRerun():
            status = rerun_status(run, process.intent.spec.rerun_failed)
            children.write_run(process, run, status, done, taken)
        case DeleteJob(job):
            children.delete_job(process, job, done, taken)
        case DeleteStray():
            children.read_run(process, run.number, _delete_stray, taken)
        case RecordTrouble(reason, message):
            children.write_run(process, run, trouble_status(reason, message), done, taken)
        case RecordStopping():
            endings.stored_status(process, run, None, _record_stopping, taken)
        case Withdraw(job):
            children.read_pods(process, job, _withdraw, taken)
        case RecordStarted(_, pod):
            endings.stored_status(process, run, pod, _record_started, taken)
        case RecordOutcome() | LookForPod() | ConfirmGone():
            endings.take(process, run, step, done, taken)
        case _:
            raise AssertionError(f"{step}: the model's cluster gives no reason for that")


def _delete_stray(process: Process, found: Any, taken: Taken) -> None:
    step, run = taken.step, process.ledger.runs.get(taken.run.number)
    assert isinstance(step, DeleteStray)
    stays = run is None or not run.settled or step.job.attempt < run.current_attempt
    if stays or found == children.FAILED:
        done(process, found, taken)
    else:
        children.delete_job(process, step.job, done, taken)


def _withdraw(process: Process, found: Any, taken: Taken) -> None:
    assert isinstance(taken.step, Withdraw)
    if found == children.FAILED or taken.run.number in process.ledger.touched:
        done(process, found, taken)
    else:
        children.delete_job(process, taken.step.job, done, taken, if_unchanged=True)


def _record_stopping(process: Process, stored: Any, taken: Taken) -> None:
    run, step = taken
    assert isinstance(step, RecordStopping)
    if stored is None or stored == children.FAILED:
        done(process, stored, taken)
        return
    pod = process.ledger.pod_of(run)
    status = stopping_status(stored, step.job, pod, step.reason, step.message)
    children.write_run(process, run, status, done, taken)


def _record_started(process: Process, stored: Any, taken: Taken) -> None:
    run, step = taken
    assert isinstance(step, RecordStarted)
    if stored is None or stored == children.FAILED:
        done(process, stored, taken)
        return
    status = started_status(stored, step.job, step.pod)
    children.write_run(process, run, status, done, taken)


def done(process: Process, found: Any, taken: Taken) -> None:
    """A step is over; one whose request failed is looked at again (settle's inner `take`)."""
    if found == children.FAILED:
        process.ledger.touched.add(taken.run.number)
        process.change(failed=True)
