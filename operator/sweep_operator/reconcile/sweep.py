"""One pass over one sweep, in numbered steps: from facts, never from the event.

Everything that could differ between two runs of the same pass is an argument: the clock, the API
server's side, who leads. A pass that is cut off anywhere leaves something that the next completes.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sweep_operator.api import paths
from sweep_operator.api.sweep import SweepState
from sweep_operator.effects.api import Api, ApiError, NotSentError, sent_only_if
from sweep_operator.effects.cache import Cache, key_of
from sweep_operator.effects.children import Children
from sweep_operator.effects.metrics import Metrics
from sweep_operator.effects.recorder import Recorder
from sweep_operator.effects.suggester import Suggester
from sweep_operator.effects.workqueue import Key
from sweep_operator.planning.author import author_of_state
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.refusal import Stall
from sweep_operator.planning.regime import Regime
from sweep_operator.planning.status import invalid_status, sweep_status
from sweep_operator.planning.story import Happening, happenings, pressing
from sweep_operator.planning.story import reruns as rerun_happening
from sweep_operator.planning.sweep import Intent, InvalidSweepError, stall_of_invalid
from sweep_operator.planning.times import seconds, timestamp
from sweep_operator.reconcile.cancel import Canceller, Killing
from sweep_operator.reconcile.settle import Settler
from sweep_operator.reconcile.start import LOOK_AGAIN, Retry, Starter
from sweep_operator.reconcile.warm_start import WarmStart

Json = Mapping[str, Any]

STATUS_EVERY = 1.0
"""Seconds between two writes of a Sweep's counts; what is pressing is written at once."""


@dataclass(slots=True)
class Memory:
    """What is kept of a sweep between passes; losing it costs a request, never a decision."""

    intent: Intent | None = None
    regime: Regime | None = None
    retry: Retry = field(default_factory=Retry)
    killing: Killing = field(default_factory=Killing)
    failures: int = 0
    """Passes in a row in which a request failed; the first may be an accident."""
    status_written: float = 0.0


class Reconciler:
    """Carries out passes.

    Args:
        api: the API server.
        cache: what is known of the cluster.
        recorder: takes Events.
        leads: whether this process is still the leader; asked before each creation, and before a
            Sweep is told how it is.
        clock: seconds since the epoch.
        report_url: where programs may report by HTTP; empty for nowhere.
        report_ca: tells the authority by which they verify that, as PEM; empty for those known.
        suggester: chooses parameters; without one, one of its own.
        metrics: counts attempts; without one, for nobody.
    """

    def __init__(
        self,
        api: Api,
        cache: Cache,
        recorder: Recorder,
        *,
        leads: Callable[[], bool],
        clock: Callable[[], float],
        report_url: str = "",
        report_ca: Callable[[], str] = str,
        suggester: Suggester | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        metrics = metrics or Metrics()
        children = self._children = Children(api, cache, metrics)
        self._api = api
        self._cache = cache
        self._recorder = recorder
        self._leads = leads
        self._clock = clock
        self._settler = Settler(children, clock, metrics)
        self._canceller = Canceller(children, clock)
        self._starter = Starter(
            children,
            cache,
            leads,
            clock,
            report_url,
            report_ca,
            suggester or Suggester(metrics=metrics),
            WarmStart(children, cache, recorder),
        )
        self._memories: dict[Key, Memory] = defaultdict(Memory)

    async def reconcile(self, key: Key) -> float | None:
        """Bring a sweep one pass further.

        Returns:
            Seconds after which to look again even if nothing happens; None for never.

        Raises:
            ApiError: where a request failed, and the pass is to be tried again after a while.
        """
        sweep = self._cache.sweeps.get(key)
        if sweep is None:
            self._memories.pop(key, None)
            return None
        if "deletionTimestamp" in sweep["metadata"]:
            return None  # its children are left to garbage collection
        memory = self._memories[key]
        ledger = self._cache.ledger(key)

        # 1. What is wanted
        try:
            intent = self._intent(sweep, memory)
        except InvalidSweepError as error:
            status = invalid_status(stall_of_invalid(error), sweep, self._now())
            return self._wait_until(await self._write_status(sweep, memory, status))

        # 2. What has become of the runs there are
        keep_best_until = _keep_best_until(sweep, intent)
        if ledger.best is not None and keep_best_until < math.inf:
            ledger.touched.add(ledger.best.number)
        self._review(intent, ledger, memory)
        cancelled = intent.spec.state is SweepState.CANCELLED
        if cancelled:
            await self._canceller.kill(intent, ledger, memory.killing)
        failure, reruns = await self._settler.settle(intent, ledger, keep_best_until)
        if reruns:
            self._recorder.tell(sweep, rerun_happening(reruns))
        memory.failures = memory.failures + 1 if failure is not None else 0
        if failure is not None and failure.says_unavailable:
            raise failure

        # 3. Runs that may start
        looks = [await self._starter.start(intent, ledger, memory.retry)]
        if cancelled:
            looks.append(await self._canceller.confirm(intent, ledger, memory.killing))

        # 4. What is true now
        stall = memory.retry.stall
        if stall is None and failure is not None and memory.failures > 1:
            stall = Stall("RequestsFail", f"Requests fail and are tried again: {failure}", False)
        sweep = self._cache.sweeps.get(key, sweep)
        left = memory.killing.pods_left if cancelled else 0
        status = sweep_status(intent, ledger, stall, left, sweep.get("status") or {}, self._now())
        looks += [ledger.next_look, await self._write_status(sweep, memory, status)]
        if failure is not None:
            raise failure
        return self._wait_until(min((look for look in looks if look is not None), default=None))

    def _intent(self, sweep: Json, memory: Memory) -> Intent:
        generation = sweep["metadata"].get("generation", 0)
        if memory.intent is None or memory.intent.generation != generation:
            memory.intent = Intent.of(sweep)
            memory.retry.due = 0.0  # an edit may have mended what was refused
        return memory.intent

    def _review(self, intent: Intent, ledger: Ledger, memory: Memory) -> None:
        """Have all runs that may go on looked at when what holds for them has changed."""
        regime = intent.regime(ledger)
        if regime != memory.regime:
            memory.regime = regime
            ledger.touched |= ledger.active | ledger.waiting | ledger.lost

    async def _write_status(self, sweep: Json, memory: Memory, status: Json) -> float | None:
        """Write a Sweep's status where it differs; counts alone at most once a second.

        Returns the time to write at, where that is later.
        """
        old = sweep.get("status") or {}
        if status == old:
            return None
        due = memory.status_written + STATUS_EVERY
        if self._clock() < due and not pressing(old, status):
            return due
        key, metadata = key_of(sweep), sweep["metadata"]
        path = paths.sweeps(metadata["namespace"], metadata["name"]) + "/status"
        version = metadata["resourceVersion"]
        try:
            with sent_only_if(self._leads):
                written = await self._api.replace_in(path, "/status", status, version)
        except NotSentError:
            return self._clock() + LOOK_AGAIN
        except ApiError as error:
            if error.code not in (404, 422):
                raise
            # It was written since, or is gone, or another has its name: the watch may never tell.
            await self._children.read_sweep(key, metadata["name"])
            now = self._cache.sweeps.get(key)
            if now is None:
                return None
            if now["metadata"]["resourceVersion"] == version:
                raise
            return self._clock()  # what is true now is to be told of the Sweep as it is now
        memory.status_written = self._clock()
        self._cache.answer_sweep(written)
        for happening in happenings(old, status, author_of_state(sweep)):
            self._recorder.tell(sweep, happening)
        if not old and memory.intent is not None:
            for warning in memory.intent.space.warnings:
                self._recorder.tell(sweep, Happening("Discouraged", warning, warning=True))
        return None

    def _wait_until(self, moment: float | None) -> float | None:
        return None if moment is None else max(moment - self._clock(), 0.0)

    def _now(self) -> str:
        return timestamp(self._clock())


def _keep_best_until(sweep: Json, intent: Intent) -> float:
    """The best run's Job stays until the sweep's end, and its time beyond."""
    ended = (sweep.get("status") or {}).get("completionTime")
    return math.inf if ended is None else seconds(ended) + intent.spec.finished_job_ttl.seconds
