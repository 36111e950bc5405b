"""The third step of a pass: attempts that may start, each from its record as stored.

Records are made strictly in the order of their numbers, so the highest number on record says that
all below it were made; their Jobs follow without waiting for each other.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sweep_operator.api.names import job_name, run_name
from sweep_operator.api.run import RunPhase
from sweep_operator.effects.about import concerning
from sweep_operator.effects.api import ApiError, NotSentError, sent_only_if
from sweep_operator.effects.cache import Cache, key_of_owner
from sweep_operator.effects.children import Children, InTheWayError
from sweep_operator.effects.suggester import Question, Suggester, SuggestionError
from sweep_operator.planning.environment import ParametersTooLargeError
from sweep_operator.planning.experience import experience
from sweep_operator.planning.facts import RunFacts
from sweep_operator.planning.job import build_job
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.macros import MacroError
from sweep_operator.planning.quota import Start, quota
from sweep_operator.planning.record import new_record, trouble_status
from sweep_operator.planning.refusal import Stall, stall_of, stall_of_foreigner
from sweep_operator.planning.sweep import Intent, InvalidSweepError, stall_of_invalid
from sweep_operator.reconcile.refused import RefusedError
from sweep_operator.reconcile.warm_start import WarmStart
from sweep_operator.search import SpaceError
from sweep_operator.search.method import Observation, Parameters, Pending

Json = Mapping[str, Any]

FIRST_RETRY = 2.0
LONGEST_RETRY = 30.0
"""Seconds between tries of a creation that was refused."""

MOST_STARTS = 20
"""Attempts that one pass starts: then it is another sweep's turn."""

LOOK_AGAIN = 1.0
"""Seconds after which to try what wasn't allowed, because the Lease's renewal was late, say."""


@dataclass(slots=True)
class Retry:
    """What keeps a sweep from starting runs, and when it is tried again."""

    stall: Stall | None = None
    """Told until a pass in which nothing was refused."""
    refusals: int = 0
    """In a row."""
    due: float = 0.0

    def refused(self, stall: Stall, now: float) -> float:
        """Take in a refusal; return when to try again."""
        self.stall = stall
        delay = min(FIRST_RETRY * 2.0 ** min(self.refusals, 16), LONGEST_RETRY)
        self.refusals += 1
        self.due = now + delay
        return self.due


class Starter:
    """Makes records and Jobs."""

    def __init__(
        self,
        children: Children,
        cache: Cache,
        leads: Callable[[], bool],
        clock: Callable[[], float],
        report_url: str,
        report_ca: Callable[[], str],
        suggester: Suggester,
        warm_start: WarmStart,
    ) -> None:
        self._suggester = suggester
        self._warm_start = warm_start
        self._report_url = report_url
        self._report_ca = report_ca
        self._children = children
        self._cache = cache
        self._leads = leads
        self._clock = clock

    async def start(self, intent: Intent, ledger: Ledger, retry: Retry) -> float | None:
        """Start what may start.

        Args:
            intent: the sweep.
            ledger: its runs.
            retry: what was refused before; kept up to date.

        Returns:
            When to look again, in seconds since the epoch; None for when something happens.
        """
        now = self._clock()
        if retry.refusals and now < retry.due:
            return retry.due
        chosen = quota(
            intent.regime(ledger),
            intent.spec.parallelism,
            intent.limit,
            ledger,
            stalled=retry.refusals > 0,
            now=now,
        )
        if not chosen.starts:
            retry.stall, retry.refusals = None, 0
            return chosen.look_again
        if ledger.bereft and not await self._sweep_is_there(intent, ledger):
            return None
        starts = chosen.starts[:MOST_STARTS]
        started, refused = await self._start_all(intent, ledger, starts)
        if refused is not None:
            return retry.refused(refused, self._clock())
        if started < len(starts):
            return self._clock() + LOOK_AGAIN
        if retry.refusals:  # the one that was tried got through: now the others
            retry.refusals = 0
            return self._clock()
        retry.stall = None
        return chosen.look_again if starts == chosen.starts else self._clock()

    async def _start_all(
        self, intent: Intent, ledger: Ledger, starts: list[Start]
    ) -> tuple[int, Stall | None]:
        """Start until something is refused; tell how many were, and the first refusal."""
        started = 0
        refused: Stall | None = None

        async def make_job(start: Start, record: Json) -> None:
            nonlocal started, refused
            try:
                with concerning(run=start.number, attempt=start.attempt):
                    started += await self._make_job(intent, ledger, start, record)
            except RefusedError as error:
                refused = refused or error.stall

        async with asyncio.TaskGroup() as group:
            for start in starts:
                if refused is not None:
                    break
                try:
                    record = await self._record(intent, ledger, start)
                except RefusedError as error:
                    refused = refused or error.stall
                    break
                if record is not None and _still_due(ledger, start):
                    group.create_task(make_job(start, record))
                elif start.fresh:
                    break
        return started, refused

    async def _record(self, intent: Intent, ledger: Ledger, start: Start) -> Json | None:
        """The attempt's record as stored: made, or read; None where there is or may be none."""
        name = run_name(intent.name, start.number)
        try:
            if not start.fresh:
                return await self._children.read_run(intent, start.number)
            parameters = await self._suggest(intent, ledger, start.number)
            if parameters is None or not self._may_start(intent):
                return None
            record = new_record(intent, start.number, parameters)
            with sent_only_if(lambda: self._may_start(intent)):
                return await self._children.create_run(intent, record)
        except NotSentError:
            return None
        except (ApiError, InTheWayError) as error:
            raise RefusedError(_stall("SweepRun", name, error)) from error

    async def _suggest(self, intent: Intent, ledger: Ledger, number: int) -> Parameters | None:
        """The parameters of a new run: its point's, or the search's, which knows all others."""
        point = ledger.point(ledger.point_of(number))
        if point.runs:
            parameters: Parameters = json.loads(point.runs[0].parameters)
            return parameters
        observations: list[Observation] = []
        pending: list[Pending] = []
        if intent.method.learns and intent.spec.metric is not None:
            lessons = await self._warm_start.lessons(intent, ledger)
            if lessons is None:
                return None
            own, pending = experience(ledger, intent.spec.metric.impute)
            observations = [*lessons, *own]
        question = Question(
            intent.method_name, intent.space, intent.seed, point.number, observations, pending
        )
        try:
            return await self._suggester.suggest(question, intent.namespace)
        except SpaceError as error:
            raise RefusedError(stall_of_invalid(InvalidSweepError(str(error)))) from error
        except SuggestionError as error:
            message = f"No parameters for run {number}: {error}. It is tried again by itself."
            raise RefusedError(Stall("SearchFails", message, for_good=False)) from error

    async def _make_job(self, intent: Intent, ledger: Ledger, start: Start, record: Json) -> bool:
        """Make an attempt's Job; tell whether it is there now."""
        name = job_name(intent.name, start.number, start.attempt)
        try:
            job = build_job(intent, record, start.attempt, self._report_url, self._report_ca())
        except (MacroError, ParametersTooLargeError) as error:
            stall = stall_of_invalid(InvalidSweepError(f"run {start.number}: {error}"))
            raise RefusedError(stall) from error
        if not self._may_start(intent):
            return False
        ledger.doubt(start.number)  # until the answer says that it is there, or refused
        try:
            with sent_only_if(lambda: self._may_start(intent)):
                await self._children.create_job(intent, job)
            ledger.clear(start.number)
            run = ledger.runs.get(start.number)
            if run is not None and _says_otherwise(run, start):
                await self._children.write_run(intent, run, trouble_status("", ""))
        except NotSentError:
            ledger.clear(start.number)
            return False
        except (ApiError, InTheWayError) as error:
            if isinstance(error, InTheWayError) or 400 <= error.code < 500:
                ledger.clear(start.number)
            raise RefusedError(_stall("Job", name, error)) from error
        return True

    async def _sweep_is_there(self, intent: Intent, ledger: Ledger) -> bool:
        """Ask the API server, once records have vanished: with their Sweep, maybe."""
        ledger.bereft = False
        try:
            return await self._children.read_sweep(key_of_owner(intent), intent.name)
        except ApiError:
            ledger.bereft = True
            raise

    def _may_start(self, intent: Intent) -> bool:
        """Asked right before each creation is sent: an edit or a lost Lease holds from then on."""
        sweep = self._cache.sweeps.get(key_of_owner(intent))
        return (
            self._leads()
            and sweep is not None
            and "deletionTimestamp" not in sweep["metadata"]
            and sweep["metadata"].get("generation", 0) == intent.generation
        )


def _still_due(ledger: Ledger, start: Start) -> bool:
    """Whether the record, as just read or made, wants this very attempt."""
    run = ledger.runs.get(start.number)
    return (
        run is not None and start.number in ledger.waiting and run.current_attempt == start.attempt
    )


def _says_otherwise(run: RunFacts, start: Start) -> bool:
    """Whether the record of a run whose attempt was just made doesn't say that it is Pending.

    One that tells of this attempt already stays: the answer came late, and another leader first.
    """
    if run.settled or run.attempt_open or run.current_attempt != start.attempt:
        return False
    return run.phase is RunPhase.CRASHED or bool(run.reason)


def _stall(kind: str, name: str, error: ApiError | InTheWayError) -> Stall:
    if isinstance(error, InTheWayError):
        return stall_of_foreigner(error.kind, error.name)
    return stall_of(kind, name, error.code, error.message)
