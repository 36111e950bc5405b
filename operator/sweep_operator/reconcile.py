"""One sweep, one pass: gather, settle, start, record. From facts, never from the event.

Everything that could differ between two runs of the same pass is an argument: the clock, the API
server's side, who leads. A pass that is cut off anywhere leaves something that the next completes.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sweep_operator.api.names import job_name, run_name
from sweep_operator.api.run import RunPhase
from sweep_operator.effects import paths
from sweep_operator.effects.api import Api, ApiError
from sweep_operator.effects.cache import Cache
from sweep_operator.effects.children import Children, InTheWayError
from sweep_operator.effects.recorder import Recorder
from sweep_operator.effects.workqueue import Key
from sweep_operator.planning.environment import ParametersTooLargeError
from sweep_operator.planning.facts import JobFacts, PodFacts, RunFacts
from sweep_operator.planning.job import build_job
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.macros import MacroError
from sweep_operator.planning.quota import Start, quota
from sweep_operator.planning.record import (
    new_record,
    outcome_status,
    started_status,
    trouble_status,
)
from sweep_operator.planning.refusal import Stall, stall_of, stall_of_foreigner
from sweep_operator.planning.status import invalid_status, sweep_status
from sweep_operator.planning.steps import (
    AskWhyNoPod,
    ConfirmGone,
    DeleteJob,
    LookForPod,
    RecordOutcome,
    RecordStarted,
    RecordTrouble,
    Step,
    Wait,
    next_step,
)
from sweep_operator.planning.story import happenings, pressing
from sweep_operator.planning.sweep import Intent, InvalidSweepError, stall_of_invalid
from sweep_operator.planning.times import seconds, timestamp
from sweep_operator.planning.verdict import JOB_GONE, Verdict, verdict

Json = Mapping[str, Any]

logger = logging.getLogger(__name__)

AT_ONCE = 32
"""Requests of one pass under way at the same time."""

STATUS_EVERY = 1.0
"""Seconds between two writes of a Sweep's counts; what is pressing is written at once."""

FIRST_RETRY = 2.0
LONGEST_RETRY = 30.0
"""Seconds between tries of a creation that was refused."""

ASK_AGAIN = 10.0
"""Seconds between questions why a Job has no pod."""


@dataclass(slots=True)
class Memory:
    """What is kept of a sweep between passes; losing it costs a request, never a decision."""

    intent: Intent | None = None
    stall: Stall | None = None
    retries: int = 0
    retry_at: float = 0.0
    status_written: float = 0.0


class Reconciler:
    """Carries out passes.

    Args:
        api: the API server.
        cache: what is known of the cluster.
        recorder: takes Events.
        may_create: whether this process is still the leader; asked before each creation.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        api: Api,
        cache: Cache,
        recorder: Recorder,
        *,
        may_create: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._api = api
        self._cache = cache
        self._children = Children(api, cache)
        self._recorder = recorder
        self._may_create = may_create
        self._clock = clock
        self._memories: dict[str, Memory] = {}

    async def reconcile(self, key: Key) -> float | None:
        """Bring a sweep one pass further.

        Returns:
            Seconds after which to look again even if nothing happens; None for never.

        Raises:
            ApiError: where a request failed that isn't a matter of the sweep itself.
        """
        sweep = self._cache.sweeps.get(key.uid)
        if sweep is None:
            self._memories.pop(key.uid, None)
            return None
        if "deletionTimestamp" in sweep["metadata"]:
            return None  # its children are left to garbage collection
        memory = self._memories.setdefault(key.uid, Memory())
        ledger = self._cache.ledger(key.uid)

        # 1. What is wanted
        try:
            intent = self._intent(sweep, memory)
        except InvalidSweepError as error:
            generation = sweep["metadata"].get("generation", 0)
            stall = stall_of_invalid(error)
            status = invalid_status(stall, generation, sweep.get("status") or {}, self._now())
            await self._write_status(sweep, memory, status)
            return None

        # 2. What has become of the runs there are
        keep_best_until = _keep_best_until(sweep, intent)
        if ledger.best is not None and keep_best_until < math.inf:
            ledger.touched.add(ledger.best.number)
        await self._settle(intent, ledger, keep_best_until)

        # 3. Runs that may start
        look = await self._start(intent, ledger, memory)

        # 4. What is true now
        sweep = self._cache.sweeps.get(key.uid, sweep)
        status = sweep_status(intent, ledger, memory.stall, sweep.get("status") or {}, self._now())
        looks = [look, ledger.next_look, await self._write_status(sweep, memory, status)]
        soonest = min((look for look in looks if look is not None), default=None)
        return None if soonest is None else max(soonest - self._clock(), 0.0)

    def _intent(self, sweep: Json, memory: Memory) -> Intent:
        generation = sweep["metadata"].get("generation", 0)
        if memory.intent is None or memory.intent.generation != generation:
            memory.intent = Intent.of(sweep)
            memory.retry_at = 0.0  # an edit may have mended what was refused
        return memory.intent

    # Settling

    async def _settle(self, intent: Intent, ledger: Ledger, keep_best_until: float) -> None:
        """Do what is next for each run whose facts have changed, and for those that are due."""
        now = self._clock()
        steps: list[tuple[RunFacts, Step]] = []
        for number in ledger.take_touched(now):
            run = ledger.runs.get(number)
            if run is None:
                continue
            is_best = ledger.best is not None and ledger.best.number == number
            step = next_step(
                run,
                ledger.jobs.get(number, {}),
                ledger.pod_of(run),
                now=now,
                job_ttl=intent.spec.finished_job_ttl.seconds,
                keep_until=keep_best_until if is_best else 0.0,
            )
            if isinstance(step, Wait):
                ledger.look_at(number, step.until)
            elif step is not None:
                steps.append((run, step))

        async def take(each: tuple[RunFacts, Step]) -> None:
            run, step = each
            try:
                await self._take(step, intent, ledger, run)
            except ApiError:
                ledger.touched.add(run.number)
                raise

        await _each(take, steps)

    async def _take(self, step: Step, intent: Intent, ledger: Ledger, run: RunFacts) -> None:
        match step:
            case DeleteJob(job):
                await self._children.delete_job(intent, job)
            case RecordTrouble(reason, message):
                await self._write_run(intent, run, trouble_status(reason, message))
            case AskWhyNoPod(job):
                await self._ask_why_no_pod(intent, ledger, run, job)
            case RecordStarted(job, pod):
                status = await self._stored_status(intent, run, pod)
                await self._write_run(intent, run, started_status(status, job, pod))
            case RecordOutcome(job, pod, found):
                await self._record_outcome(intent, run, job, pod, found)
            case LookForPod(job, end):
                await self._children.read_pods(intent, job)
                pod = ledger.pod_of(run)
                await self._record_outcome(intent, run, job, pod, verdict(end, pod))
            case ConfirmGone(attempt):
                if await self._children.read_job(intent, run.number, attempt) is None:
                    await self._record_outcome(intent, run, None, None, JOB_GONE)

    async def _ask_why_no_pod(
        self, intent: Intent, ledger: Ledger, run: RunFacts, job: JobFacts
    ) -> None:
        ledger.look_at(run.number, self._clock() + ASK_AGAIN)
        message = await self._children.why_no_pod(intent, job)
        if message and (run.reason, run.phase) != ("FailedCreate", RunPhase.PENDING):
            await self._write_run(intent, run, trouble_status("FailedCreate", message))

    async def _record_outcome(
        self,
        intent: Intent,
        run: RunFacts,
        job: JobFacts | None,
        pod: PodFacts | None,
        found: Verdict,
    ) -> None:
        stored = await self._stored_status(intent, run, pod)
        metric = intent.spec.metric.name if intent.spec.metric else None
        status = outcome_status(stored, job, pod, found, metric, self._now())
        await self._write_run(intent, run, status)

    async def _stored_status(self, intent: Intent, run: RunFacts, pod: PodFacts | None) -> Json:
        """A record's status, for what is to be kept of it. Nothing is, where it is all known."""
        if run.current_attempt == 1 and pod is not None:
            return {}
        record = await self._children.read_run(intent, run.number)
        return (record or {}).get("status") or {}

    async def _write_run(self, intent: Intent, run: RunFacts, status: Json) -> None:
        try:
            await self._children.write_run_status(intent, run, status)
        except ApiError as error:
            if error.code == 409:  # the record is newer than what was decided from: decide again
                await self._children.read_run(intent, run.number)
            elif error.code != 404:  # 404: deleted by a person, and the watch will say so
                raise

    # Starting

    async def _start(self, intent: Intent, ledger: Ledger, memory: Memory) -> float | None:
        """Start what may start; return when to look again."""
        now = self._clock()
        if memory.stall is not None and now < memory.retry_at:
            return memory.retry_at
        chosen = quota(
            intent.spec.state,
            intent.spec.parallelism,
            intent.limit,
            ledger,
            stalled=memory.stall is not None,
            now=now,
        )
        memory.stall = None if not chosen.starts else memory.stall
        refused: list[Stall] = []
        started = 0

        async def start(each: Start) -> None:
            nonlocal started
            if refused:
                return
            try:
                started += await self._start_one(intent, ledger, each)
            except RefusedError as error:
                refused.append(error.stall)

        await _each(start, chosen.starts)
        if refused:
            memory.stall = refused[0]
            memory.retries += 1
            delay = min(FIRST_RETRY * 2.0 ** min(memory.retries - 1, 16), LONGEST_RETRY)
            memory.retry_at = self._clock() + delay
            return memory.retry_at
        if started:
            was_stalled, memory.stall, memory.retries = memory.stall is not None, None, 0
            return self._clock() if was_stalled else chosen.look_again
        return chosen.look_again

    async def _start_one(self, intent: Intent, ledger: Ledger, start: Start) -> bool:
        """Make an attempt's Job, from the record as stored; tell whether there is one now."""
        kind, name = "SweepRun", run_name(intent.name, start.number)
        try:
            if start.fresh:
                record = await self._make_record(intent, start.number)
            else:
                record = await self._children.read_run(intent, start.number)
            if record is None or not self._still_due(ledger, start):
                return False
            kind, name = "Job", job_name(intent.name, start.number, start.attempt)
            job = build_job(intent, record, start.attempt)
            if not self._may_start(intent):
                return False
            await self._children.create_job(intent, job)
        except ApiError as error:
            stall = stall_of(kind, name, error.code, error.message)
            raise RefusedError(stall) from error
        except InTheWayError as error:
            raise RefusedError(stall_of_foreigner(error.kind, error.name)) from error
        except (MacroError, ParametersTooLargeError) as error:
            stall = stall_of_invalid(InvalidSweepError(f"run {start.number}: {error}"))
            raise RefusedError(stall) from error
        run = ledger.runs.get(start.number)
        if run is not None and run.phase is RunPhase.CRASHED:
            await self._write_run(intent, run, trouble_status("", ""))
        return True

    async def _make_record(self, intent: Intent, number: int) -> Json | None:
        parameters = intent.suggest(number)
        if parameters is None or not self._may_start(intent):
            return None
        return await self._children.create_run(intent, new_record(intent, number, parameters))

    def _still_due(self, ledger: Ledger, start: Start) -> bool:
        """Whether the record, as just read, still wants this very attempt."""
        run = ledger.runs.get(start.number)
        return (
            run is not None
            and start.number in ledger.waiting
            and run.current_attempt == start.attempt
        )

    def _may_start(self, intent: Intent) -> bool:
        """Asked right before each creation: an edit or a lost Lease holds from then on."""
        sweep = self._cache.sweeps.get(intent.uid)
        return (
            self._may_create()
            and sweep is not None
            and "deletionTimestamp" not in sweep["metadata"]
            and sweep["metadata"].get("generation", 0) == intent.generation
        )

    # Recording

    async def _write_status(self, sweep: Json, memory: Memory, status: Json) -> float | None:
        """Write a Sweep's status where it differs; counts alone at most once a second."""
        old = sweep.get("status") or {}
        if status == old:
            return None
        due = memory.status_written + STATUS_EVERY
        if self._clock() < due and not pressing(old, status):
            return due
        metadata = sweep["metadata"]
        path = paths.sweeps(metadata["namespace"], metadata["name"]) + "/status"
        try:
            written = await self._api.replace_in(path, "/status", status, metadata["uid"])
        except ApiError as error:
            if error.code == 404:
                self._cache.drop_sweep(metadata["uid"])
                return None
            raise
        memory.status_written = self._clock()
        self._cache.put_sweep(written)
        for happening in happenings(old, status):
            self._recorder.tell(sweep, happening)
        return None

    def _now(self) -> str:
        return timestamp(self._clock())


class RefusedError(Exception):
    """A creation was refused, and so the sweep is stalled."""

    def __init__(self, stall: Stall) -> None:
        super().__init__(stall.message)
        self.stall = stall


def _keep_best_until(sweep: Json, intent: Intent) -> float:
    """The best run's Job stays until the sweep's end, and its time beyond."""
    ended = (sweep.get("status") or {}).get("completionTime")
    return math.inf if ended is None else seconds(ended) + intent.spec.finished_job_ttl.seconds


T = TypeVar("T")


async def _each(do: Callable[[T], Awaitable[None]], things: Sequence[T]) -> None:
    """Do the same for all things, a few at a time; raise the first error once all are done."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(thing: T) -> None:
        async with limit:
            await do(thing)

    results = await asyncio.gather(*map(one, things), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
