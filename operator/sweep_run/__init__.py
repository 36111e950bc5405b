"""The client of sweep-operator for training code.

    import sweep_run

    with sweep_run.init() as run:
        for epoch in range(run.config.epochs):
            run.log({"loss": train(run.config.learning_rate)}, step=epoch)

It needs nothing but the standard library of Python 3.9 or later, and no operator either: outside of
a sweep it prints what it would report. It never blocks or breaks the training.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

from sweep_run import surroundings
from sweep_run.client import Run
from sweep_run.parameters import Config

__version__ = "0.1.0"

__all__ = ["Config", "Run", "config", "finish", "init", "log", "mark_preempting", "run"]

config: Config
"""The parameters of the run, after init()."""

run: Run | None
"""The run; None before init()."""

_current: Run | None = None
_initializing = threading.Lock()


def init(
    defaults: Mapping[str, Any] | None = None, *, report: bool = True, handle_sigterm: bool = True
) -> Run:
    """Begin to report. A second call returns the same run, whatever its arguments.

    Args:
        defaults: values of parameters that the sweep doesn't give, nested ones too; all of them
            where there is no sweep.
        report: False for a run that tells nothing, and is good for its config: of all processes
            that work on a run, one is to report.
        handle_sigterm: on SIGTERM send what waits, for 2 s at most (10 s for a result), and end as
            by the signal. Only done in the main thread, and where nothing else handles it.

    Raises:
        ValueError: SWEEP_PARAMETERS isn't a JSON object.
    """
    global _current  # noqa: PLW0603  # a process has one run
    with _initializing:
        if _current is None:
            _current = Run(surroundings.read(os.environ), defaults, report=report)
            _current.attach(handle_sigterm=handle_sigterm)
        return _current


def log(metrics: Mapping[str, Any], step: int | None = None) -> None:
    """As Run.log, of the run that init() began."""
    _begun().log(metrics, step)


def mark_preempting() -> None:
    """As Run.mark_preempting, of the run that init() began."""
    _begun().mark_preempting()


def finish(metrics: Mapping[str, Any] | None = None, timeout: float = 30.0) -> bool:
    """As Run.finish, of the run that init() began."""
    return _begun().finish(metrics, timeout)


def __getattr__(name: str) -> Any:
    if name == "run":
        return _current
    if name == "config" and _current is not None:
        return _current.config
    hint = ": call sweep_run.init() first" if name == "config" else ""
    raise AttributeError(f"module 'sweep_run' has no attribute {name!r}{hint}")


def _begun() -> Run:
    if _current is None:
        raise RuntimeError("there is no run yet: call sweep_run.init() first")
    return _current
