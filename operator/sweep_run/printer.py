"""Where there is no operator: what would be reported is printed, one line each."""

from __future__ import annotations

import contextlib

from sweep_run.report import Report


class Printer:
    """Stands in for the sender."""

    stop = False
    recorded = False

    def add(self, report: Report) -> None:
        """Print it, as `sweep_run: step=3 loss=0.25`."""
        words = [f"{name}={value}" for name, value in report.metrics.items()]
        if report.step is not None:
            words.insert(0, f"step={report.step}")
        if report.final:
            words.insert(0, "final")
        if report.preempting:
            words.insert(0, "preempting")
        # A closed or broken stdout, or one that a signal's handler interrupts, is no reason to end.
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            print("sweep_run:", *words, flush=True)

    def add_now(self, report: Report) -> None:
        """Print it."""
        self.add(report)

    def flush(self, timeout: float) -> bool:  # noqa: ARG002  # as the sender's
        """Do nothing: all is printed."""
        return True
