"""A run as its program sees it."""

from __future__ import annotations

import atexit
import itertools
import os
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Callable, TypeVar

from sweep_run import sigterm, termination
from sweep_run.endpoint import Endpoint
from sweep_run.metrics import MOST_METRICS, numbers, whole
from sweep_run.notices import Notices
from sweep_run.parameters import Config, merged
from sweep_run.printer import Printer
from sweep_run.report import Report
from sweep_run.sender import Sender, Timing
from sweep_run.surroundings import Surroundings

BRIEFLY = 2.0
"""For how long a process that ends waits for its reports to be taken, in seconds."""

RESULT = 10.0
"""The same where the result is among them, which is worth all the training: of the 15 s that a
cloud's shortest notice leaves."""

_Callback = TypeVar("_Callback", bound=Callable[[], object])


class Run:
    """The run that this process works on. Its methods may be called from any thread.

    What is told in a process that was forked from this one is ignored: its thread isn't there.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        defaults: Mapping[str, Any] | None = None,
        *,
        report: bool = True,
        timing: Timing = Timing(),  # noqa: B008  # frozen
    ) -> None:
        self.id = surroundings.run
        """The run's name, the same for all its attempts: the place for checkpoints."""
        self.name = surroundings.run
        """The same, under W&B's other word for it."""
        self.number = surroundings.number
        """From 1; 0 without a sweep."""
        self.attempt = surroundings.attempt
        """From 1."""
        self.sweep = surroundings.sweep
        """The Sweep's name; empty without one."""
        self.namespace = surroundings.namespace
        self.config = Config(merged(defaults or {}, surroundings.parameters))
        """The parameters: the sweep's, and defaults for what it doesn't give. Read-only."""

        self._metric = surroundings.metric
        self._termination_log = surroundings.termination_log
        self._notices = Notices()
        self._reports = report
        self._pid = os.getpid()
        self._numbers = itertools.count()
        self._step = -1
        self._last: dict[str, float] = {}
        self._marked = False
        self._finished = False
        self._callbacks: list[Callable[[], object]] = []
        self._handles_sigterm = False
        self._outlet: Sender | Printer = Printer()
        if report and surroundings.report_url:
            endpoint = Endpoint(
                surroundings.report_url,
                surroundings.token_file,
                timing.request,
                surroundings.ca_file,
            )
            self._outlet = Sender(endpoint, self._notices, timing)

    def attach(self, *, handle_sigterm: bool) -> None:
        """Have the process's end wait for reports, briefly."""
        atexit.register(self.flush)
        if handle_sigterm:
            self._handles_sigterm = sigterm.install(self._last_words)

    @property
    def should_stop(self) -> bool:
        """Whether the operator has said that this run is to end, or that this attempt has."""
        return self._outlet.stop

    def log(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Report metrics. Returns at once and raises nothing.

        Args:
            metrics: numbers by name: Python's, numpy's, tensors that hold one. Others are left out,
                with a warning, and so are names beyond the first 64; the sweep's metric always has
                a place among them.
            step: which step or epoch they are from, from 0. Default: one more than the last.
        """
        if not self._is_mine():
            return
        if self._finished:
            self._notices.say("finished", "log() after finish() is ignored")
            return
        self._step = self._counted(step)
        good = self._reportable(metrics)
        for name in [name for name in good if name not in self._last]:
            if self._has_room_for(name):
                self._last[name] = good[name]
                continue
            self._notices.say("many", f"{name!r} is left out: a run has {MOST_METRICS} metrics")
            del good[name]
        self._last.update(good)
        if good:
            self._outlet.add(Report(next(self._numbers), good, self._step))

    def mark_preempting(self) -> None:
        """Tell the operator that this pod is about to go: if it fails now, it is no failure.

        Returns at once; the report goes out before all others.
        """
        if self._is_mine() and not self._marked:
            self._marked = True
            self._outlet.add_now(Report(next(self._numbers), {}, preempting=True))

    def on_preempt(self, callback: _Callback) -> _Callback:
        """Have a function called on SIGTERM, before the process ends. Also a decorator.

        It is called in the main thread, between any two steps of what that is doing: what it saves
        should be a state that is whole at any time, such as that of the last epoch.
        """
        if not self._handles_sigterm:
            self._notices.say(
                "on_preempt", "on_preempt() has no effect: sweep_run doesn't handle SIGTERM here"
            )
        self._callbacks.append(callback)
        return callback

    def finish(self, metrics: Mapping[str, Any] | None = None, timeout: float = 30.0) -> bool:
        """Report the run's result, over HTTP and as the container's termination message.

        Only the first call counts. Raises nothing.

        Args:
            metrics: the result. What else was logged is added with its last value.
            timeout: for how long to wait until it is on record, in seconds.

        Returns:
            Whether the operator has said that it is.
        """
        if not self._is_mine():
            return False
        if self._finished:
            if metrics is not None:
                self._notices.say("finished again", "a second finish() is ignored")
            return self._outlet.recorded
        self._finished = True
        given = {} if metrics is None else self._reportable(metrics)
        result = {**given, **self._last, **given}  # those given come first, and win
        if self._metric in result:  # but for the one that counts: what is too much is cut behind
            result = {self._metric: result[self._metric], **result}
        result = dict(itertools.islice(result.items(), MOST_METRICS))
        if result:
            termination.write(self._termination_log, result, self._notices)
            step = self._step if self._step >= 0 else None  # no further one than those logged
            self._outlet.add_now(Report(next(self._numbers), result, step, final=True))
        self._outlet.flush(timeout)
        return self._outlet.recorded

    def flush(self, timeout: float = BRIEFLY) -> bool:
        """Wait until all reports are taken, for so many seconds; returns whether they are."""
        return self._is_mine() and self._outlet.flush(timeout)

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish, unless something went wrong: a broken training has no result."""
        if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
            self.finish()
        else:
            self.flush()

    def _is_mine(self) -> bool:
        """Whether it is for this process to report."""
        if not self._reports:
            return False
        if os.getpid() == self._pid:
            return True
        self._notices.say("forked", "ignored in a forked process: report from the one of init()")
        return False

    def _counted(self, step: int | None) -> int:
        if step is None:
            return self._step + 1
        found = whole(step)
        if found is None:
            self._notices.say("step", f"step {step!r} isn't a whole number from 0: counted instead")
            return self._step + 1
        return found

    def _has_room_for(self, name: str) -> bool:
        """Whether one more metric may be logged: one place is kept for the sweep's own."""
        awaited = bool(self._metric) and self._metric not in self._last and name != self._metric
        return len(self._last) + awaited < MOST_METRICS

    def _reportable(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        good, bad = numbers(metrics)
        if bad:
            problems = ", ".join(f"{name!r} ({problem})" for name, problem in bad.items())
            self._notices.say("left out", f"left out of the metrics: {problems}")
        return good

    def _last_words(self) -> None:
        """On SIGTERM, in the midst of anything."""
        for callback in self._callbacks:
            _call(callback)
        awaited = self._finished and not self._outlet.recorded
        self.flush(RESULT if awaited else BRIEFLY)


def _call(callback: Callable[[], object]) -> None:
    try:
        callback()
    except Exception:  # noqa: BLE001  # it isn't to keep reports from being sent
        traceback.print_exc()
