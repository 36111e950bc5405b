"""Puts the parts together: watches fill the cache, the cache fills the queue, workers take passes.

A standby watches nothing but the Lease and the Sweeps: runs go on without an operator, and the
first list after taking over is quick.
"""

import asyncio
import logging
import time
from dataclasses import dataclass

from sweep_operator.api import paths
from sweep_operator.api.names import LABEL_SWEEP_UID
from sweep_operator.effects.api import Api, ApiError
from sweep_operator.effects.cache import Cache
from sweep_operator.effects.children import Children
from sweep_operator.effects.leadership import Leadership
from sweep_operator.effects.recorder import Recorder
from sweep_operator.effects.reflector import Reflector
from sweep_operator.effects.suggester import Suggester
from sweep_operator.effects.tokens import Tokens
from sweep_operator.effects.workqueue import WorkQueue
from sweep_operator.planning.times import micro_timestamp
from sweep_operator.reconcile.report import Reporter
from sweep_operator.reconcile.sweep import Reconciler

logger = logging.getLogger(__name__)

WORKERS = 8
"""Sweeps worked on at the same time; each pass has requests of its own under way."""

SILENCE = 400.0
"""Seconds without a word from a watch, which the server ends well before: it hangs."""

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
    """The operator without kopf: what it does from its start to its end."""

    def __init__(self, api: Api, lease_api: Api, identity: Identity, report_url: str = "") -> None:
        self.identity = identity
        self.queue = WorkQueue()
        self.cache = Cache(on_change=self.queue.add)
        self._suggester = Suggester()
        self._recorder = Recorder(api, identity.name, now=_wall)
        self.leadership = Leadership(
            lease_api,
            identity.namespace,
            LEASE,
            identity.name,
            monotonic=time.monotonic,
            wall=_wall,
            address=identity.address,
        )
        self._reconciler = Reconciler(
            api,
            self.cache,
            self._recorder,
            may_create=lambda: self.leadership.holds,
            clock=time.time,
            report_url=report_url,
            suggester=self._suggester,
        )
        self.reporter = Reporter(Children(api, self.cache), self.cache)
        self.tokens = Tokens(api, time.monotonic)
        collections = (
            (paths.sweepruns(None), self.cache.runs),
            (paths.jobs(None), self.cache.jobs),
            (paths.pods(None), self.cache.pods),
        )
        self._reflectors = [
            Reflector(api, path, sink, clock=time.monotonic, label_selector=LABEL_SWEEP_UID)
            for path, sink in collections
        ]
        self._leads = False

    @property
    def ailment(self) -> str:
        """What is wrong with this process that a restart would mend; empty for nothing."""
        if not self._leads:
            return ""
        silent = [r.path for r in self._reflectors if r.silent_for > SILENCE]
        return f"no word from the watch of {', '.join(silent)}" if silent else ""

    @property
    def ready(self) -> bool:
        """Leads and knows the cluster, or stands by."""
        return not self._leads or all(each.synced.is_set() for each in self._reflectors)

    @property
    def takes_reports(self) -> bool:
        """Leads, and knows the runs that programs report of."""
        return self._leads and self.leadership.holds and self.ready

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
                # Runs before Jobs: a Job whose run says it has one was there before the list.
                for reflector in self._reflectors:
                    group.create_task(reflector.run(), name=f"watch {reflector.path}")
                    await reflector.synced.wait()
                logger.info("Watching; %d Sweeps known", len(self.cache.sweeps))
                for index in range(WORKERS):
                    group.create_task(self._work(), name=f"worker {index}")
        finally:
            self._leads = False
            self._suggester.close()
            await asyncio.shield(self.leadership.release())

    async def _work(self) -> None:
        while True:
            key = await self.queue.take()
            try:
                look_again = await self._reconciler.reconcile(key)
            except ApiError as error:
                delay = self.queue.failed(key)
                logger.warning("%s/%s: %s; again in %.1f s", *key, error, delay)
            except Exception:
                # One sweep's trouble is never the end of the others.
                delay = self.queue.failed(key)
                logger.exception("%s/%s: a defect; again in %.1f s", *key, delay)
            else:
                self.queue.succeeded(key)
                if look_again is not None:
                    self.queue.add_after(key, look_again)
                elif key not in self.cache.sweeps:
                    self.queue.forget(key)
            finally:
                self.queue.done(key)


def _wall() -> str:
    return micro_timestamp(time.time())
