"""Reports of running programs: gathered for a moment, and written to their records."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from sweep_operator.api.sweep import SweepState
from sweep_operator.effects.about import concerning
from sweep_operator.effects.api import ApiError
from sweep_operator.effects.cache import Cache, Child, SweepName
from sweep_operator.effects.children import Children
from sweep_operator.effects.metrics import Metrics
from sweep_operator.effects.tokens import PodIdentity
from sweep_operator.effects.workqueue import Key
from sweep_operator.planning.early_termination import measure_of
from sweep_operator.planning.record import report_status
from sweep_operator.planning.reports import ProgramReport, may_report

logger = logging.getLogger(__name__)

WRITE_EVERY = 5.0
"""Seconds for which reports on the way are gathered before they are written."""

AT_ONCE = 32
"""Records written at the same time."""

MOST_WAITING = 20_000
"""Numbers that are gathered of a pod, some 8 MB at worst: more are refused until they are written.
"""

TRIES = 5
"""Of a write that meets other writes."""


class NoRunError(Exception):
    """The pod is no run's."""


class OverError(Exception):
    """The attempt is over, or another pod has taken its place."""


class NotStoredError(Exception):
    """The API server didn't take the reports; why is in the log."""


@dataclass(slots=True)
class Inbox:
    """What a pod has reported and isn't on record yet."""

    reports: list[ProgramReport] = field(default_factory=list)
    came: list[float] = field(default_factory=list)
    """When each of them did, by the event loop's clock."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    writing: "asyncio.Task[None] | None" = None
    """Due at the end of the moment for which reports are gathered."""


class Reporter:
    """Takes reports.

    Args:
        children: writes the records.
        cache: what is known of the cluster.
        pause: waits for so many seconds.
        metrics: is told how long reports wait.
    """

    def __init__(
        self,
        children: Children,
        cache: Cache,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        metrics: Metrics | None = None,
    ) -> None:
        self._metrics = metrics or Metrics()
        self._children = children
        self._cache = cache
        self._pause = pause
        self._inboxes: dict[str, Inbox] = {}
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def take(self, pod: PodIdentity, reports: Sequence[ProgramReport]) -> bool:
        """Take reports of a pod; what can't wait is on record when this returns.

        Returns:
            Whether the run is to end.

        Raises:
            NoRunError: the pod is no run's.
            OverError: it speaks for no run any more.
            NotStoredError: what can't wait couldn't be written; the same may be sent again.
            ApiError: it isn't known whose pod it is.
        """
        child = await self._child(pod)
        sweep = self._cache.sweeps.get(child.sweep)
        if sweep is None or not may_report(self._cache.ledger(child.sweep), child.number, pod.uid):
            raise OverError
        full = self._inboxes.get(pod.uid)
        if full is not None and _numbers(full.reports) + _numbers(reports) > MOST_WAITING:
            if full.writing is not None:
                raise NotStoredError
            await self._write(full, child, pod.uid)
        inbox = self._inboxes.setdefault(pod.uid, Inbox())
        inbox.reports += reports
        inbox.came += [asyncio.get_running_loop().time()] * len(reports)
        if any(report.final or report.preempting for report in reports):
            await self._write(inbox, child, pod.uid)
        elif inbox.writing is None:
            inbox.writing = asyncio.create_task(self._write_later(inbox, child, pod.uid))
        run = self._cache.ledger(child.sweep).runs.get(child.number)
        cancelled = sweep["spec"].get("state") == SweepState.CANCELLED
        return cancelled or (run is not None and bool(run.stop_reason))

    async def _child(self, pod: PodIdentity) -> Child:
        """The run that a pod belongs to. A program may be faster than the watch."""
        child = self._cache.pods.find(pod.namespace, pod.name)
        if child is not None:
            return child
        there = await self._children.read_pod(pod.namespace, pod.name, pod.uid)
        child = self._cache.pods.find(pod.namespace, pod.name)
        if child is None:
            raise NoRunError if there else OverError
        return child

    async def _write_later(self, inbox: Inbox, child: Child, pod_uid: str) -> None:
        await self._pause(WRITE_EVERY)
        inbox.writing = None
        try:
            await self._write(inbox, child, pod_uid)
        except OverError:
            pass
        except NotStoredError:  # the next report, or the next moment, brings it along
            inbox.writing = asyncio.create_task(self._write_later(inbox, child, pod_uid))

    async def _write(self, inbox: Inbox, child: Child, pod_uid: str) -> None:
        """Write all that is gathered, in the order in which it came."""
        sweep = self._cache.sweeps.get(child.sweep)
        name = sweep["metadata"]["name"] if sweep else child.sweep.uid
        with concerning(f"{child.sweep.namespace}/{name}", child.number):
            try:
                await self._write_gathered(inbox, child, pod_uid)
            except ApiError as error:
                logger.warning("Reports could not be stored: %s", error)
                raise NotStoredError from error

    async def _write_gathered(self, inbox: Inbox, child: Child, pod_uid: str) -> None:
        async with inbox.lock, self._at_once:
            for _ in range(TRIES):
                taken = len(inbox.reports)
                if not taken:
                    return
                if await self._write_once(inbox.reports[:taken], child, pod_uid):
                    self._stored(inbox, taken)
                    break
            else:
                raise ApiError(409, "Conflict", "the record is being written by others")
        if not inbox.reports:
            self._inboxes.pop(pod_uid, None)

    def _stored(self, inbox: Inbox, count: int) -> None:
        now = asyncio.get_running_loop().time()
        for came in inbox.came[:count]:
            self._metrics.report_stored(now - came)
        del inbox.reports[:count], inbox.came[:count]

    async def _write_once(
        self, reports: Sequence[ProgramReport], child: Child, pod_uid: str
    ) -> bool:
        sweep = self._cache.sweeps.get(child.sweep)
        if sweep is None:
            self._inboxes.pop(pod_uid, None)
            raise OverError
        owner = _owner(child.sweep, sweep["metadata"]["name"])
        record = await self._children.read_run(owner, child.number)
        ledger = self._cache.ledger(child.sweep)
        if record is None or not may_report(ledger, child.number, pod_uid):
            self._inboxes.pop(pod_uid, None)
            raise OverError
        run = ledger.runs[child.number]
        job, pod = ledger.jobs[child.number][run.current_attempt], ledger.pod_of(run)
        assert pod is not None, "may_report has seen it"  # noqa: S101
        measure = measure_of(sweep["spec"])
        status = report_status(record.get("status") or {}, job, pod, reports, measure)
        return await self._children.write_run(owner, run, status)


def _numbers(reports: Sequence[ProgramReport]) -> int:
    return sum(1 + len(report.metrics) + len(report.non_finite) for report in reports)


def _owner(key: Key, name: str) -> SweepName:
    return SweepName(name, key.namespace, key.uid)
