"""A terminal with a person before it: gives a command, answers its questions, interrupts it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

COLUMNS = 100

UP_AND_CLEAR = re.compile(r"\x1b\[(\d+)A\x1b\[J")


class Terminal:
    """Bash on a pseudo-terminal, in a folder.

    Args:
        folder: where commands are given.
        environment: theirs.
        within: seconds for each of them.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], within: float = 180) -> None:
        self._folder = folder
        self._environment = environment
        self._within = within
        self._code = 0

    def run(self, command: str, typed: Sequence[str], lines: int) -> str:
        """What is on the screen once a command has ended.

        Args:
            command: for bash. `$?` is the last one's.
            typed: answers to its questions, and ^C.
            lines: after how many lines ^C is typed.

        Raises:
            TimeoutError: it goes on and on.
        """
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(self._folder)
            os.execvpe("bash", ["bash", "-c", f"(exit {self._code}); {command}"], self._environment)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
        waiting, printed = list(typed), b""
        deadline = time.monotonic() + self._within
        while piece := _read(terminal, deadline):
            printed += piece
            text = screen(printed.decode(errors="replace"))
            if not waiting:
                continue
            if waiting[0] == "^C" and text.count("\n") >= max(lines, 1):
                os.write(terminal, b"\x03")
                waiting.pop(0)
            elif waiting[0] != "^C" and text.endswith("[y/N] "):
                os.write(terminal, f"{waiting.pop(0)}\n".encode())
        late = time.monotonic() >= deadline
        if late:
            os.killpg(process, signal.SIGKILL)
        os.close(terminal)
        self._code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        shown = screen(printed.decode(errors="replace"))
        if late:
            raise TimeoutError(f"$ {command}\n{shown}\nhasn't ended within {self._within:g} s")
        return shown


def _read(terminal: int, deadline: float) -> bytes:
    """What is printed next; nothing at the end."""
    ready, _, _ = select.select([terminal], [], [], max(deadline - time.monotonic(), 0))
    try:
        return os.read(terminal, 65536) if ready else b""
    except OSError:  # so Linux says that nobody has the other side open any more
        return b""


def screen(printed: str) -> str:
    """What a person sees in the end of all that is printed, where lines are drawn over."""
    printed = printed.replace("\r\n", "\n")
    while found := UP_AND_CLEAR.search(printed):
        above = printed[: found.start()].splitlines(keepends=True)
        printed = "".join(above[: -int(found[1])]) + printed[found.end() :]
    return printed
