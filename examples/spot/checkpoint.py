"""Checkpoints of a run, in a folder that all its attempts share. Copy it: it needs nothing else.

A node that is lost may not be dead. Its pod is given up, and attempt 2 begins elsewhere; later the
node is back, attempt 1 with it, and writes its next checkpoint: an older state over a newer one. A
look before each write doesn't prevent that, as much may happen between the look and the write. So
each attempt has a file of its own, and a late one can spoil no other:

- An attempt begins from the file of the latest attempt up to itself. Which of them got farther
  doesn't matter: there is one line of states, and the latest attempt is its end.
- It writes that state to its own file before it does any work. From then on earlier files count for
  nothing, whatever is still written to them, and it removes them.
- It never reads, writes or removes the file of a later attempt. Where it sees one, it gives up.
"""

import os
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAME = re.compile(r"checkpoint-(\d+)(\.partial)?")


class SupersededError(Exception):
    """A later attempt of this run is at work: whatever this one does is for nothing."""


class Checkpoints:
    """The checkpoints of a run, for one of its attempts."""

    def __init__(self, folder: Path, attempt: int) -> None:
        self._folder = folder
        self._attempt = attempt
        self._own = folder / f"checkpoint-{attempt}"

    def load(self) -> Any:
        """The state that the run goes on from; None at its beginning."""
        whole = ((attempt, path) for attempt, path in self._files() if not path.suffix)
        earlier = [(attempt, path) for attempt, path in whole if attempt <= self._attempt]
        if not earlier:
            return None
        # A pickle may hold a program: load it only from where nobody else can write.
        return pickle.loads(max(earlier)[1].read_bytes())  # noqa: S301

    def save(self, state: Any) -> None:
        """Write the state to this attempt's file: all of it or, if killed meanwhile, nothing."""
        partial = self._own.with_suffix(".partial")
        with partial.open("wb") as file:
            pickle.dump(state, file)
            file.flush()
            os.fsync(file.fileno())  # else a node that loses power may leave the name without bytes
        partial.replace(self._own)
        for attempt, path in self._files():
            if attempt > self._attempt:
                raise SupersededError(f"attempt {attempt} is at work, attempt {self._attempt} ends")
            if attempt < self._attempt:
                path.unlink(missing_ok=True)

    def _files(self) -> Iterator[tuple[int, Path]]:
        """What attempts have left, with their numbers."""
        for path in self._folder.iterdir():
            if found := NAME.fullmatch(path.name):
                yield int(found[1]), path
