"""The second step of a pass: for each run whose facts have changed, what planning says is next."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sweep_operator.api.run import RunPhase
from sweep_operator.effects.about import concerning
from sweep_operator.effects.api import ApiError
from sweep_operator.effects.children import Children
from sweep_operator.effects.metrics import Metrics
from sweep_operator.planning.early_termination import rule_of
from sweep_operator.planning.facts import JobFacts, RunFacts
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.record import (
    rerun_status,
    started_status,
    stopping_status,
    trouble_status,
)
from sweep_operator.planning.steps import (
    AskWhyNoPod,
    ConfirmGone,
    DeleteJob,
    DeleteStray,
    Keeping,
    LookForPod,
    RecordOutcome,
    RecordPhase,
    RecordRerun,
    RecordStarted,
    RecordStopping,
    RecordTrouble,
    ReleasePod,
    Step,
    TellToGo,
    Wait,
    Withdraw,
    next_step,
)
from sweep_operator.planning.sweep import Intent
from sweep_operator.reconcile.endings import Ender, stored_status

Json = Mapping[str, Any]

AT_ONCE = 32
"""Requests of one pass under way at the same time."""

ASK_AGAIN = 10.0
"""Seconds between questions why a Job has no pod."""


class Settled(NamedTuple):
    """What came of settling."""

    failure: ApiError | None
    """The last request that failed; its run is looked at again."""
    reruns: int = 0
    """Runs that were reopened."""


class Settler:
    """Writes what has become of runs, and clears up after them."""

    def __init__(self, children: Children, clock: Callable[[], float], metrics: Metrics) -> None:
        self._children = children
        self._clock = clock
        self._ender = Ender(children, clock, metrics)
        self._since: float | None = None

    async def settle(self, intent: Intent, ledger: Ledger, keep_best_until: float) -> Settled:
        """Do what is next for each run that was touched or is due.

        Args:
            intent: the sweep.
            ledger: its runs.
            keep_best_until: seconds since the epoch until which the best run's Job stays.
        """
        try:
            await self._make_sure(intent, ledger)
        except ApiError as error:
            return Settled(error)
        reruns = 0
        failures: list[ApiError] = []
        limit = asyncio.Semaphore(AT_ONCE)

        async def take(run: RunFacts, step: Step) -> None:
            nonlocal reruns
            async with limit:
                if failures and failures[-1].says_unavailable:
                    ledger.touched.add(run.number)  # a server in trouble isn't asked more
                    return
                with concerning(run=run.number, attempt=run.current_attempt):
                    try:
                        if isinstance(step, RecordRerun):
                            if await self._rerun(intent, run):
                                reruns += 1
                        else:
                            await self._take(step, intent, ledger, run)
                    except ApiError as error:
                        ledger.touched.add(run.number)
                        failures.append(error)

        steps = self._decide(intent, ledger, keep_best_until)
        await asyncio.gather(*(take(run, step) for run, step in steps))
        return Settled(failures[-1] if failures else None, reruns)

    async def _rerun(self, intent: Intent, run: RunFacts) -> bool:
        status = rerun_status(run, intent.spec.rerun_failed)
        return await self._children.write_run(intent, run, status)

    async def _make_sure(self, intent: Intent, ledger: Ledger) -> None:
        """Ask the API server about Jobs of which no answer said that they were made."""
        for number in sorted(ledger.unsure):
            run = ledger.runs.get(number)
            if run is not None:
                await self._children.read_job(intent, number, run.current_attempt)
            ledger.clear(number)

    def _decide(
        self, intent: Intent, ledger: Ledger, keep_best_until: float
    ) -> list[tuple[RunFacts, Step]]:
        now = self._clock()
        if self._since is None:
            self._since = now
        steps: list[tuple[RunFacts, Step]] = []
        regime = intent.regime(ledger)
        ttl = intent.spec.finished_job_ttl.seconds
        written = intent.spec.early_terminate
        rule = rule_of(written) if written else None
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
                Keeping(self._since, ttl, keep_best_until if is_best else 0.0),
                now,
                ledger.vanished.get(number),
                ledger.behind(run, rule) if rule else None,
            )
            if isinstance(step, Wait):
                ledger.look_at(number, step.until)
            elif step is not None:
                steps.append((run, step))
        return steps

    async def _take(self, step: Step, intent: Intent, ledger: Ledger, run: RunFacts) -> None:
        match step:
            case RecordPhase():
                await self._children.write_run(intent, run, {"phase": run.phase.value})
            case DeleteJob(job):
                await self._children.delete_job(intent, job)
            case DeleteStray(job):
                await self._delete_stray(intent, ledger, job)
            case RecordTrouble(reason, message):
                await self._children.write_run(intent, run, trouble_status(reason, message))
            case AskWhyNoPod(job):
                await self._ask_why_no_pod(intent, ledger, run, job)
            case RecordStopping(job, reason, message):
                stored = await stored_status(self._children, intent, run, None)
                if stored is not None:
                    status = stopping_status(stored, job, ledger.pod_of(run), reason, message)
                    await self._children.write_run(intent, run, status)
            case Withdraw(job):
                await self._withdraw(intent, ledger, run, job)
            case TellToGo(job):
                await self._children.tell_pods_to_go(intent, job)
            case RecordStarted(job, pod):
                stored = await stored_status(self._children, intent, run, pod)
                if stored is not None:
                    await self._children.write_run(intent, run, started_status(stored, job, pod))
            case RecordOutcome() | LookForPod() | ConfirmGone() | ReleasePod():
                await self._ender.take(step, intent, ledger, run)

    async def _delete_stray(self, intent: Intent, ledger: Ledger, job: JobFacts) -> None:
        # A run is reopened before its next Job is made: whoever sees the Job can read of that.
        await self._children.read_run(intent, job.number)
        run = ledger.runs.get(job.number)
        if run is not None and run.settled and job.attempt >= run.current_attempt:
            await self._children.delete_job(intent, job)

    async def _withdraw(self, intent: Intent, ledger: Ledger, run: RunFacts, job: JobFacts) -> None:
        # A short program may have come to its end before its Job, or the watch, tells of it.
        await self._children.read_pods(intent, job)
        if run.number not in ledger.touched:
            await self._children.delete_job(intent, job, if_unchanged=True)

    async def _ask_why_no_pod(
        self, intent: Intent, ledger: Ledger, run: RunFacts, job: JobFacts
    ) -> None:
        ledger.look_at(run.number, self._clock() + ASK_AGAIN)
        message = await self._children.why_no_pod(intent, job)
        if message and (run.reason, run.phase) != ("FailedCreate", RunPhase.PENDING):
            status = trouble_status("FailedCreate", message)
            await self._children.write_run(intent, run, status)
