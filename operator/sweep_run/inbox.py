"""Where log() leaves reports and the sender's thread collects them, without any lock.

A signal's handler runs in the middle of whatever the main thread is doing. If that held a lock, the
handler, and the sender whom it waits for, would wait for it in vain. So all that happens here are
single operations on a deque and a dict, which Python does as a whole or not at all.
"""

from __future__ import annotations

from collections import deque

from sweep_run.report import Report

MOST = 10_000
"""How many reports wait for the sender, who comes each second, or after a request's timeout."""


class Inbox:
    """Any thread adds, one collects."""

    def __init__(self, most: int = MOST) -> None:
        self._reports: deque[Report] = deque(maxlen=most)  # a full one drops its oldest
        self._latest: dict[str, Report] = {}
        self._collected = -1

    def add(self, report: Report) -> None:
        """Take a report; of too many, keep the newest, and the latest of each metric."""
        self._reports.append(report)
        for name in report.metrics:
            self._latest[name] = report

    def collect(self) -> list[Report]:
        """Take out all that is there, in the order in which it was made."""
        found = {}
        for _ in range(len(self._reports)):
            report = self._reports.popleft()
            found[report.number] = report
        oldest = min(found, default=0)
        for report in list(self._latest.values()):
            if self._collected < report.number < oldest:  # dropped since the last time
                found[report.number] = report
        self._collected = max(found, default=self._collected)
        return [found[number] for number in sorted(found)]
