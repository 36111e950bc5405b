"""The thread that sends reports: in batches, again until they are answered, never in the way.

Other threads reach it through queues that a signal's handler may use too (see inbox.py; SimpleQueue
is made for it, Event and Condition aren't). All else belongs to the thread.
"""

from __future__ import annotations

import queue
import random
import threading
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

from sweep_run.backlog import Backlog
from sweep_run.endpoint import Answer, Endpoint
from sweep_run.inbox import Inbox
from sweep_run.notices import Notices
from sweep_run.report import Report


@dataclass(frozen=True)
class Timing:
    """How patient the client is, in seconds."""

    interval: float = 1.0
    """Between two batches."""
    first_wait: float = 0.5
    """Before the second try; it doubles with each further one."""
    longest_wait: float = 30.0
    longest_retry_after: float = 300.0
    """What the operator asks for beyond that is taken for a mistake."""
    request: float = 10.0
    """For an answer."""


class _Ring(NamedTuple):
    """Something that doesn't wait for the next batch."""

    report: Report | None = None
    done: queue.SimpleQueue[None] | None = None
    """Gets None once nothing is left to send."""


class Sender:
    """Sends reports to the operator for as long as the process lives."""

    def __init__(self, endpoint: Endpoint, notices: Notices, timing: Timing) -> None:
        """Start the thread. Tries are jittered by a generator of their own.

        That of the module `random` is the training's: with a seed, its numbers must stay the same.
        """
        self.stop = False
        """Whether the operator says that the run is to end, or that this attempt has."""
        self.over = False
        """Whether no report will be taken any more."""
        self.recorded = False
        """Whether the final report is on record."""
        self._endpoint = endpoint
        self._notices = notices
        self._timing = timing
        self._inbox = Inbox()
        self._rings: queue.SimpleQueue[_Ring] = queue.SimpleQueue()
        self._backlog = Backlog()
        self._waiters: list[queue.SimpleQueue[None]] = []
        self._failures = 0
        self._random = random.Random()  # noqa: S311  # no secret
        threading.Thread(target=self._work, name="sweep_run", daemon=True).start()

    # For any thread, and for signal handlers.

    def add(self, report: Report) -> None:
        """Send it with the next batch."""
        if not self.over:
            self._inbox.add(report)

    def add_now(self, report: Report) -> None:
        """Send it at once, with what was added before."""
        self._rings.put(_Ring(report=report))

    def flush(self, timeout: float) -> bool:
        """Send all that was added, at once.

        Args:
            timeout: for how long to wait for it, in seconds.

        Returns:
            Whether nothing was left to send within that time.
        """
        done: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._rings.put(_Ring(done=done))
        try:
            done.get(timeout=max(0.0, timeout))
        except queue.Empty:
            return False
        return True

    # For the thread alone.

    def _work(self) -> None:
        while True:
            self._listen(self._timing.interval)
            while self._backlog:
                if pause := self._send_batch():
                    self._listen(pause)
            for waiter in self._waiters:
                waiter.put(None)
            self._waiters.clear()

    def _listen(self, seconds: float) -> None:
        """Wait, for no longer than until something is urgent; then collect what has come."""
        rings = []
        try:
            rings.append(self._rings.get(timeout=seconds))
            while True:
                rings.append(self._rings.get_nowait())
        except queue.Empty:
            pass
        self._backlog.add(self._inbox.collect())
        for ring in rings:
            self._failures = 0  # somebody waits: try more often
            if ring.done:
                self._waiters.append(ring.done)
            if ring.report and ring.report.preempting:
                self._backlog.add_first(ring.report)
            elif ring.report:
                self._backlog.add([ring.report])
        if self._backlog.thinned:
            self._notices.say(
                "thinned",
                "reports are logged faster than they can be sent: some are left out, never the "
                "latest of a metric",
            )
        if self.over:
            self._backlog.clear()

    def _send_batch(self) -> float:
        """Try the next batch once. Returns how long to wait for the next try; 0: none is needed."""
        batch = self._backlog.batch()
        try:
            answer = self._endpoint.post(batch.body)
        except Exception as error:  # noqa: BLE001  # no fault may end the thread
            self._notices.say("away", f"no answer from {self._endpoint.url} ({error}): will retry")
            return self._pause()
        self.stop = self.stop or answer.stop
        if answer.status == HTTPStatus.OK:
            self.recorded = self.recorded or batch.final
            self._backlog.done(batch)
        elif answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and batch.size > 1:
            self._backlog.lower_limit(batch)
        elif answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
            self._notices.say("refused", f"reports are left out: {_reason(answer)}")
            self._backlog.done(batch)
        elif answer.status in (HTTPStatus.FORBIDDEN, HTTPStatus.GONE):
            self._notices.say("over", f"nothing more is reported: {_reason(answer)}")
            self.stop = self.stop or answer.status == HTTPStatus.GONE
            self.over = True
            self._backlog.clear()
        else:  # a token that is no longer good is read again for the next try
            if answer.status == HTTPStatus.UNAUTHORIZED:
                self._notices.say("token", f"the token isn't taken: {_reason(answer)}: will retry")
            return self._pause(answer.retry_after)
        self._failures = 0
        return 0.0

    def _pause(self, asked_for: float = 0.0) -> float:
        """How long to wait after a failure: as asked, and some time that differs between runs."""
        doubled = self._timing.first_wait * 2.0 ** min(self._failures, 30)
        self._failures += 1
        own = min(doubled, self._timing.longest_wait) * self._random.uniform(0.5, 1.0)
        return min(asked_for, self._timing.longest_retry_after) + own


def _reason(answer: Answer) -> str:
    return answer.error or f"status {answer.status}"
