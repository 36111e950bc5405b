"""Puts the parts together: watches fill the cache, the cache fills the queue, workers take passes.

A standby watches nothing but the Lease and the Sweeps: runs go on without an operator, and the
first list after taking over is quick.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sweep_operator.api import paths
from sweep_operator.api.names import LABEL_SWEEP_UID
from sweep_operator.effects.about import concerning
from sweep_operator.effects.api import Api, ApiError
from sweep_operator.effects.cache import Cache
from sweep_operator.effects.children import Children
from sweep_operator.effects.gauges import Gauges
from sweep_operator.effects.hearing import Hearing
from sweep_operator.effects.leadership import Leadership
from sweep_operator.effects.metrics import Metrics
from sweep_operator.effects.recorder import Recorder
from sweep_operator.effects.reflector import Reflector
from sweep_operator.effects.suggester import Suggester
from sweep_operator.effects.tokens import Tokens
from sweep_operator.effects.workqueue import Key, WorkQueue
from sweep_operator.planning.times import micro_timestamp
from sweep_operator.reconcile.report import Reporter
from sweep_operator.reconcile.sweep import Reconciler

logger = logging.getLogger(__name__)

WORKERS = 32
"""Sweeps worked on at the same time; each pass has requests of its own under way."""

PER_NAMESPACE = 8
"""Of them those of one namespace: passes that take long hold up no other's sweeps."""

SILENCE = 400.0
"""Seconds without a word from a watch, which the server ends well before: it hangs."""

PROBE_EVERY = 5.0
"""Seconds between tries of one sweep while all fail: all others go on with the first success."""

LEASE = "sweep-operator"


@dataclass(frozen=True)
class Identity:
    """Who and where this process is."""

    name: str
    """Unique among all operators that ever were."""
    namespace: str
    """Where the Lease is."""
    address: str = ""
    """Host and port at which it takes reports; empty for nowhere."""


class Controller:
    """The operator without kopf: what it does from its start to its end.

    Args:
        api: for all but the Lease.
        lease_api: for the Lease alone.
        identity: who this is.
        report_url: by which programs reach it; empty for not at all.
        namespaces: whose sweeps it runs; none for those of all.
        report_ca: tells the authority by which they verify it, as PEM; empty for those known.
        metrics: what is counted; None for counts that nobody reads.
        monotonic: a clock that never goes back, in seconds.
        wall: seconds since the epoch.
    """

    def __init__(
        self,
        api: Api,
        lease_api: Api,
        identity: Identity,
        report_url: str = "",
        namespaces: Sequence[str] = (),
        report_ca: Callable[[], str] = str,
        metrics: Metrics | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        def written() -> str:
            return micro_timestamp(wall())

        self._monotonic = monotonic
        self.identity = identity
        self.metrics = metrics or Metrics()
        self.queue = WorkQueue(self.metrics.waited, most=PER_NAMESPACE)
        self.cache = Cache(on_change=self._changed)
        self._sweeps_heard: dict[str, Hearing] = {}
        """Of kopf's watches, by their paths."""
        self._suggester = Suggester(metrics=self.metrics)
        self._recorder = Recorder(
            api, identity.name, now=written, clock=monotonic, metrics=self.metrics
        )
        self.leadership = Leadership(
            lease_api,
            identity.namespace,
            LEASE,
            identity.name,
            monotonic=monotonic,
            wall=written,
            address=identity.address,
        )
        self._reconciler = Reconciler(
            api,
            self.cache,
            self._recorder,
            leads=lambda: self.leadership.holds,
            clock=wall,
            report_url=report_url,
            report_ca=report_ca,
            suggester=self._suggester,
            metrics=self.metrics,
        )
        children = Children(api, self.cache, self.metrics)
        self.reporter = Reporter(children, self.cache, metrics=self.metrics)
        self.tokens = Tokens(api, monotonic)
        self._watches: dict[str | None, list[Reflector]] = {
            namespace: self._reflectors(api, namespace) for namespace in namespaces or (None,)
        }
        self._leads = False
        self.metrics.registry.register(
            Gauges(
                self.cache,
                lambda: len(self.queue),
                lambda: self._leads,
                self._silences,
                lambda: len(asyncio.all_tasks()),
            )
        )

    def hearing_of_sweeps(self, path: str) -> Hearing:
        """Where it is said what the API server says on a watch of Sweeps."""
        return self._sweeps_heard.setdefault(path, Hearing(self._monotonic))

    def _hearings(self) -> Iterable[tuple[str, Hearing]]:
        """The watches that are under way, by their paths; a standby's are kopf's alone."""
        yield from self._sweeps_heard.items()
        if self._leads:
            for watches in self._watches.values():
                yield from ((each.path, each.hearing) for each in watches)

    def _silences(self) -> dict[str, float]:
        """The longest silence of each resource."""
        found: dict[str, float] = {}
        for path, hearing in self._hearings():
            resource = path.rpartition("/")[2]
            found[resource] = max(hearing.silent_for, found.get(resource, 0.0))
        return found

    @property
    def ailment(self) -> str:
        """What is wrong with this process that a restart would mend; empty for nothing."""
        silent = [path for path, hearing in self._hearings() if hearing.hangs(SILENCE)]
        return f"no word from the watch of {', '.join(silent)}" if silent else ""

    @property
    def ready(self) -> bool:
        """Leads and knows what is to be done, or stands by.

        One namespace is enough: another that was deleted, and its Role with it, holds nothing up.
        """
        return not self._leads or not all(map(self.must_list, self._watches))

    @property
    def takes_reports(self) -> bool:
        """Leads, and knows the runs that programs report of."""
        return self._leads and self.leadership.holds and self.ready

    def must_list(self, namespace: str | None) -> bool:
        """Whether this is to know a namespace's runs (None: those of all), and doesn't yet."""
        watches = self._watches.get(namespace) or self._watches.get(None) or ()
        return not all(each.synced.is_set() for each in watches)

    async def run(self) -> None:
        """Wait for the leadership, then work until cancelled or the leadership is lost.

        Raises:
            ExceptionGroup: with what ended a part; the process is to end, and start anew.
        """
        await self.leadership.acquire()
        self._leads = True
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.leadership.keep(), name="leadership")
                group.create_task(self._recorder.run(), name="recorder")
                for namespace in self._watches:
                    watching = self._watch(namespace, group)
                    group.create_task(watching, name=f"watch {namespace or 'all namespaces'}")
                group.create_task(self._probe(), name="probe")
                for index in range(WORKERS):
                    group.create_task(self._work(), name=f"worker {index}")
        finally:
            self._leads = False
            self._suggester.close()
            await asyncio.shield(self.leadership.release())

    def _reflectors(self, api: Api, namespace: str | None) -> list[Reflector]:
        """Watches of what a namespace's sweeps consist of; None for all of them."""
        collections = (
            # Runs before Jobs: a Job whose run says it has one was there before the list.
            (paths.sweepruns, self.cache.runs),
            (paths.jobs, self.cache.jobs),
            (paths.pods, self.cache.pods),
        )
        return [
            Reflector(
                api,
                path(namespace),
                sink if namespace is None else sink.within(namespace),
                clock=self._monotonic,
                label_selector=LABEL_SWEEP_UID,
                metrics=self.metrics,
            )
            for path, sink in collections
        ]

    async def _watch(self, namespace: str | None, group: asyncio.TaskGroup) -> None:
        """Begin to watch a namespace; once its runs are known, its sweeps are worked on."""
        for reflector in self._watches[namespace]:
            group.create_task(reflector.run(), name=f"watch {reflector.path}")
            await reflector.synced.wait()
        logger.info("Watching %s", namespace or "all namespaces")
        for key in self.cache.sweeps:
            if namespace in (None, key.namespace):
                self.queue.add(key)

    def _changed(self, key: Key) -> None:
        if not self.must_list(key.namespace):
            self.queue.add(key)

    async def _probe(self) -> None:
        while True:
            await asyncio.sleep(PROBE_EVERY)
            self.queue.probe()

    async def _work(self) -> None:
        while True:
            key = await self.queue.take()
            sweep = self.cache.sweeps.get(key)
            name = sweep["metadata"]["name"] if sweep else key.uid
            began = self._monotonic()
            try:
                with concerning(f"{key.namespace}/{name}"):
                    await self._pass(key)
            finally:
                self.queue.done(key)
                self.metrics.pass_took(self._monotonic() - began)

    async def _pass(self, key: Key) -> None:
        try:
            look_again = await self._reconciler.reconcile(key)
        except ApiError as error:
            delay = self.queue.failed(key, error.retry_after)
            self.metrics.pass_failed(defect=False)
            logger.warning("%s; again in %.1f s", error, delay)
        except Exception:
            # One sweep's trouble is never the end of the others.
            delay = self.queue.failed(key)
            self.metrics.pass_failed(defect=True)
            logger.exception("A defect; again in %.1f s", delay)
        else:
            self.queue.succeeded(key)
            if look_again is not None:
                self.queue.add_after(key, look_again)
            elif key not in self.cache.sweeps:
                self.queue.forget(key)
