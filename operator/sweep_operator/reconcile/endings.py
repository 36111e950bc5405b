"""How attempts end: their outcome on record, after a last look where the watches say too little."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from sweep_operator.api.run import RunPhase
from sweep_operator.api.sweep import SweepState
from sweep_operator.effects.api import ApiError
from sweep_operator.effects.children import Children
from sweep_operator.effects.metrics import Metrics
from sweep_operator.planning.facts import JobEnd, JobFacts, PodFacts, RunFacts
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.logs import read_log
from sweep_operator.planning.metrics import Report, parse_report
from sweep_operator.planning.record import answered_status, note_status, outcome_status
from sweep_operator.planning.regime import gone
from sweep_operator.planning.requeue import aftermath
from sweep_operator.planning.steps import ConfirmGone, LookForPod, RecordOutcome, ReleasePod
from sweep_operator.planning.sweep import Intent
from sweep_operator.planning.times import timestamp
from sweep_operator.planning.verdict import Case, Verdict, verdict

Json = Mapping[str, Any]

logger = logging.getLogger(__name__)

RELEASE_AGAIN = 10.0
"""Seconds between looks at the node of a pod that should have gone."""

STUCK = "PodStuck"
"""Reason of a run whose pod should have gone, and whose node the operator may not look at."""


class Ender:
    """Writes outcomes, and brings about those that nobody else will."""

    def __init__(self, children: Children, clock: Callable[[], float], metrics: Metrics) -> None:
        self._metrics = metrics
        self._children = children
        self._clock = clock

    async def take(
        self,
        step: RecordOutcome | LookForPod | ConfirmGone | ReleasePod,
        intent: Intent,
        ledger: Ledger,
        run: RunFacts,
    ) -> None:
        """Carry out one step."""
        match step:
            case RecordOutcome(job, pod, found):
                await self._record(intent, ledger, run, job, pod, found)
            case LookForPod(job, end):
                await self._look_for_pod(intent, ledger, run, job, end)
            case ReleasePod(pod):
                await self._release(intent, ledger, run, pod)
            case ConfirmGone(attempt):
                if await self._children.read_job(intent, run.number, attempt) is None:
                    found = gone(intent.regime(ledger), run)
                    await self._record(intent, ledger, run, None, None, found)

    async def _look_for_pod(
        self, intent: Intent, ledger: Ledger, run: RunFacts, job: JobFacts, end: JobEnd
    ) -> None:
        """Decide the outcome of an attempt whose pod may be gone, and its last word with it."""
        await self._children.read_pods(intent, job)
        regime = intent.regime(ledger)
        pod = ledger.pod_of(run)
        case = Case(end, pod, run, regime.measured)
        if pod is None:
            case = case._replace(events=await self._children.events_of_program(intent, job))
        found = verdict(case, cancelled=regime.state is SweepState.CANCELLED)
        await self._record(intent, ledger, run, job, pod, found)

    async def _release(self, intent: Intent, ledger: Ledger, run: RunFacts, pod: PodFacts) -> None:
        """Give a pod up if its node is out of reach, or say what a person can do."""
        ledger.look_at(run.number, self._clock() + RELEASE_AGAIN)
        try:
            if await self._children.is_out_of_reach(pod.node):
                await self._children.give_up_pod(intent, pod)
        except ApiError as error:
            if error.code != 403:
                raise
            if run.reason != STUCK:
                status = note_status(STUCK, stuck_message(pod, error.message))
                await self._children.write_run(intent, run, status)

    async def _record(
        self,
        intent: Intent,
        ledger: Ledger,
        run: RunFacts,
        job: JobFacts | None,
        pod: PodFacts | None,
        found: Verdict,
    ) -> None:
        stored = await stored_status(self._children, intent, run, pod)
        if stored is None:
            return
        metric = intent.spec.metric.name if intent.spec.metric else None
        now = timestamp(self._clock())
        after = aftermath(found, run, intent.regime(ledger))
        log = await self._read_log(intent, run, pod, found)
        status = outcome_status(stored, job, pod, found, after, metric, now, log)
        if after.final:
            status |= answered_status(run, intent.spec.rerun_failed)
        if await self._children.write_run(intent, run, status):
            self._metrics.attempt_ended(found.outcome, found.reason)
            logger.debug("%s, %s: %s", found.outcome.value, found.reason, found.message)

    async def _read_log(
        self, intent: Intent, run: RunFacts, pod: PodFacts | None, found: Verdict
    ) -> Report | None:
        """What the log says of the sweep's metric, where nothing else does."""
        pattern, metric = intent.spec.log_pattern, intent.spec.metric
        if pattern is None or metric is None or found.outcome is not RunPhase.FINISHED:
            return None
        if run.reported or pod is None:
            return None
        told = parse_report(pod.termination_message)
        if metric.name in told.metrics or metric.name in told.non_finite:
            return None
        try:
            text = await self._children.read_log(intent, pod)
        except ApiError as error:
            if error.code not in (400, 403, 404):  # no container any more, no right, no pod
                raise
            hint = " Apply manifests/read-logs.yaml." if error.code == 403 else ""
            return Report({}, {}, f"The log could not be read: {error.message}.{hint}")
        return read_log(text, pattern, metric.name)


async def stored_status(
    children: Children, intent: Intent, run: RunFacts, pod: PodFacts | None
) -> Json | None:
    """A record's status, for what is to be kept of it; None where the record is gone.

    Nothing is read where the facts hold all there is to keep, as in nearly every run.
    """
    if run.current_attempt == 1 and pod is not None and not run.reported:
        return {}
    record = await children.read_run(intent, run.number)
    return None if record is None else record.get("status") or {}


def stuck_message(pod: PodFacts, refusal: str) -> str:
    """What a person can do about a pod that doesn't go."""
    return (
        f"Pod {pod.name} should have gone, and the operator may not give it up: {refusal}. Apply "
        "manifests/unreachable-nodes.yaml, or, if the node is lost: "
        f"kubectl delete pod {pod.name} --force"
    )
