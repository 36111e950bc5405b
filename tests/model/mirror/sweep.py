"""Mirrors reconcile/sweep.py and cancel.py: one pass over the Sweep, in numbered steps.

A pass that is cut off by a failed request (ApiError) is begun again at some later time.
"""

from functools import cache
from typing import Any, Final

from tests.model.mirror import children, settle, start
from tests.model.objects import STAMP, Hour, Status
from tests.model.process import Pass, Process, Stage, Task
from tests.model.server import OK, Answer, Request

from sweep_operator.api.sweep import SweepState
from sweep_operator.planning.refusal import Stall
from sweep_operator.planning.status import sweep_status


def begin(process: Process, hour: Hour) -> None:
    """Reconciler.reconcile, up to its first request."""
    # 1. What is wanted
    spec = process.sweep.spec
    process.doing = Pass(spec, hour, Stage.KILLING)
    if process.memory.generation != spec.generation:
        process.remember(generation=spec.generation, retry_later=False)
    # 2. What has become of the runs there are
    ledger = process.ledger
    if ledger.best is not None and process.sweep.status.completed:
        ledger.touched.add(ledger.best.number)
    regime = process.intent.regime(ledger)
    if regime != process.memory.regime:
        process.remember(regime=regime)
        ledger.touched |= ledger.active | ledger.waiting | ledger.lost
    if is_cancelled(process):
        _kill(process)
    advance(process)


def is_cancelled(process: Process) -> bool:
    """The pass is about a cancelled sweep."""
    return process.intent.spec.state is SweepState.CANCELLED


def _kill(process: Process) -> None:
    """Canceller.kill."""
    told, early = process.memory.told, process.now_doing.hour is Hour.EARLY
    if told and (early or not process.ledger.active):
        return
    process.remember(told=True, confirmed=False)
    process.send(Request("kill pods"), _killed)


def _killed(process: Process, _task: Task, answer: Answer) -> None:
    if answer.code != OK:
        process.end_pass()


def confirm(process: Process) -> None:
    """Canceller.confirm: once no run is active, whether any pod is left."""
    start.finish(process)
    process.change(stage=Stage.CONFIRMING)
    asks = is_cancelled(process) and not process.memory.confirmed
    if asks and not process.ledger.active:
        process.send(Request("count pods"), _counted)


def _counted(process: Process, _task: Task, answer: Answer) -> None:
    if answer.code == OK:
        process.remember(pods_left=answer.thing, confirmed=not answer.thing)
    else:
        process.end_pass()


def write_status(process: Process) -> None:
    """4. What is true now: written where it differs, the counts alone at a later time."""
    process.change(stage=Stage.WRITING)
    status, old = status_of(process), process.sweep.status
    essence = status._replace(last_number=old.last_number, end_reason=old.end_reason)
    waits = essence == old and process.now_doing.hour is Hour.EARLY
    if status == old or waits:
        return
    if process.leads:
        children.write_sweep(process, status, _written)
    else:
        process.end_pass()


def _written(process: Process, found: Any, _about: None) -> None:
    process.end_pass()


def status_of(process: Process) -> Status:
    """The status that planning makes of what is known, cut down to what is read again."""
    stalled = process.memory.refusals
    stall = Stall("RequestsFail", "Refused.", for_good=False) if stalled else None
    left = process.memory.pods_left if is_cancelled(process) else 0
    previous = _as_json(process.sweep.status)
    return _from_json(sweep_status(process.intent, process.ledger, stall, left, previous, STAMP))


@cache
def _as_json(status: Status) -> dict[str, Any]:
    if not status.phase:
        return {}
    failed = {
        "type": "Failed",
        "status": "True" if status.failed_at_rest else "False",
        "reason": "",
        "lastTransitionTime": STAMP,
    }
    written = {"phase": status.phase, "conditions": [failed]}
    return written | ({"completionTime": STAMP} if status.completed else {})


def _from_json(written: dict[str, Any]) -> Status:
    conditions = {each["type"]: each["status"] == "True" for each in written["conditions"]}
    return Status(
        phase=written["phase"],
        observed=written["observedGeneration"],
        last_number=written["lastNumber"],
        end_reason=written.get("endReason", ""),
        completed="completionTime" in written,
        failed_at_rest=conditions.get("Failed", False),
    )


def _go_on(process: Process) -> None:
    """A server that has given no answer isn't asked more in this pass."""
    if process.now_doing.failed:
        process.end_pass()
    else:
        start.choose(process)


NEXT: Final = {
    Stage.KILLING: settle.make_sure,
    Stage.MAKING_SURE: settle.take_steps,
    Stage.SETTLING: _go_on,
    Stage.ASKING: start.start_all,
    Stage.STARTING: confirm,
    Stage.CONFIRMING: write_status,
    Stage.WRITING: Process.end_pass,
}
"""What follows on a stage once nothing of it is under way."""


def advance(process: Process) -> None:
    """Go on to where answers are waited for, or to the pass's end."""
    while process.doing is not None and not process.doing.tasks:
        NEXT[process.doing.stage](process)


def take_answer(process: Process, request: Request, answer: Answer) -> None:
    """An answer has come."""
    task = next(each for each in process.now_doing.tasks if each.request == request)
    process.change(tasks=tuple(each for each in process.now_doing.tasks if each is not task))
    task.then(process, task, answer)
    advance(process)
