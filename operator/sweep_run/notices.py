"""What the user should know of, each thing once: a program that logs for days isn't drowned."""

from __future__ import annotations

import logging


class Notices:
    """Warnings on the logger `sweep_run`; without a configuration of logging they go to stderr."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def say(self, topic: str, text: str) -> None:
        """Say it, unless something was said on the same topic before."""
        if topic not in self._said:
            self._said.add(topic)
            logging.getLogger("sweep_run").warning("sweep_run: %s", text)
