"""What a process does about SIGTERM: some last words, then it ends as by the signal itself."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from types import FrameType
from typing import Callable

EXIT_CODE = 128 + signal.SIGTERM


def install(last_words: Callable[[], None]) -> bool:
    """Have last_words called on SIGTERM, in the main thread, and the process ended after it.

    Only where nobody else handles it, and from the main thread, as Python asks for.

    Returns:
        Whether it is so now.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return False
    ending = False

    def handle(_: int, __: FrameType | None) -> None:
        nonlocal ending
        if ending:  # a second signal doesn't disturb the last words
            return
        ending = True
        try:
            last_words()
        finally:
            _end()

    def leave_to_child() -> None:
        # A worker process is ended by its parent, at once: it has nothing to say.
        if signal.getsignal(signal.SIGTERM) is handle:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, handle)
    os.register_at_fork(after_in_child=leave_to_child)
    return True


def _end() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # closed, broken, or interrupted in mid-write
            stream.flush()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.raise_signal(signal.SIGTERM)
    os._exit(EXIT_CODE)  # process 1 of a container doesn't end by a signal of its own
