"""Mirrors reconcile/endings.py: outcomes on record, after a last look where it is needed."""

import math
from typing import Any, NamedTuple

from tests.model.mirror import children
from tests.model.objects import NOW, STAMP
from tests.model.process import Process

from sweep_operator.api.sweep import SweepState
from sweep_operator.planning.facts import JobFacts, PodFacts, RunFacts
from sweep_operator.planning.record import answered_status, outcome_status
from sweep_operator.planning.regime import gone
from sweep_operator.planning.requeue import aftermath
from sweep_operator.planning.steps import ConfirmGone, LookForPod, RecordOutcome
from sweep_operator.planning.verdict import Case, Verdict, verdict


class Ending(NamedTuple):
    """An attempt's end that is to be recorded."""

    run: RunFacts
    job: JobFacts | None
    pod: PodFacts | None
    found: Verdict | None
    then: Any
    about: Any


def take(
    process: Process,
    run: RunFacts,
    step: RecordOutcome | LookForPod | ConfirmGone,
    then: Any,
    about: Any,
) -> None:
    """Ender.take."""
    match step:
        case RecordOutcome(job, pod, found):
            _record(process, Ending(run, job, pod, found, then, about))
        case LookForPod(job, _):
            ending = Ending(run, job, None, None, then, about)
            children.read_pods(process, job, _pods_looked_at, ending)
        case ConfirmGone(attempt):
            ending = Ending(run, None, None, None, then, about)
            children.read_job(process, run.number, attempt, _job_asked_for, ending)


def _pods_looked_at(process: Process, found: Any, ending: Ending) -> None:
    """Ender._look_for_pod, once the pods are read. No Event tells of a program here."""
    if found == children.FAILED:
        ending.then(process, found, ending.about)
        return
    run, job = ending.run, ending.job
    assert job is not None
    assert job.end is not None
    regime = process.intent.regime(process.ledger)
    pod = process.ledger.pod_of(run)
    case = Case(job.end, pod, run, regime.measured)
    cancelled = regime.state is SweepState.CANCELLED
    _record(process, ending._replace(pod=pod, found=verdict(case, cancelled=cancelled)))


def _job_asked_for(process: Process, found: Any, ending: Ending) -> None:
    """Ender.take for ConfirmGone, once the Job is read."""
    if found is None:
        regime = process.intent.regime(process.ledger)
        _record(process, ending._replace(found=gone(regime, ending.run)))
    else:
        ending.then(process, found, ending.about)


def _record(process: Process, ending: Ending) -> None:
    """Ender._record."""
    stored_status(process, ending.run, ending.pod, _write_outcome, ending)


def _write_outcome(process: Process, stored: Any, ending: Ending) -> None:
    run, job, pod, found, then, about = ending
    assert found is not None
    if stored is None or stored == children.FAILED:
        then(process, stored, about)
        return
    spec = process.intent.spec
    metric = spec.metric.name if spec.metric else None
    after = aftermath(found, run, process.intent.regime(process.ledger))
    status = outcome_status(stored, job, pod, found, after, metric, STAMP)
    if after.final:
        status |= answered_status(run, spec.rerun_failed)
    children.write_run(process, run, status, then, about)


def stored_status(
    process: Process, run: RunFacts, pod: PodFacts | None, then: Any, about: Any
) -> None:
    """endings.stored_status: read only where the facts don't hold all that is to be kept."""
    if run.current_attempt == 1 and pod is not None and not run.reported:
        then(process, {}, about)
    else:
        children.read_run(process, run.number, _status_read, (then, about))


def _status_read(process: Process, found: Any, about: Any) -> None:
    then, about = about
    stored = found if found in (None, children.FAILED) else found.status.value
    then(process, stored, about)


def keep_best_until(process: Process) -> float:
    """sweep._keep_best_until: the best run's Job stays until the sweep's end, and its time."""
    ttl = process.intent.spec.finished_job_ttl.seconds
    return NOW + ttl if process.sweep.status.completed else math.inf
