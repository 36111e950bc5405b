"""Follows one Sweep by a watch until it ends, showing how far it is."""

import json
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import closing
from typing import IO, Any

from walkthrough import report
from walkthrough.commands import DemoError, Kubectl

QUIET = 90.0
"""Seconds without any news of the sweep after which something is wrong."""

PAUSE_AFTER = 4
"""Finished runs after which the demo pauses once, to show it."""

LIMIT = 900.0
"""Seconds in all: the demo's sweep takes about one minute."""


def follow(kubectl: Kubectl, name: str) -> dict[str, Any]:
    """Show a sweep's progress until it has ended, and give its last state."""
    line = _Line()
    interlude = Interlude(kubectl, name)
    seen: set[str] = set()
    deadline = time.monotonic() + LIMIT
    with closing(_states(kubectl, name)) as states:
        for sweep in states:
            for trouble in report.troubles(sweep):
                if trouble not in seen:
                    seen.add(trouble)
                    line.note(trouble)
            line.show(report.progress(sweep))
            if note := interlude.play(sweep):
                line.note(note)
            if (sweep.get("status") or {}).get("phase") in report.ENDED:
                line.end()
                return sweep
            if time.monotonic() > deadline:
                break
    line.end()
    raise DemoError(f"the sweep hasn't ended within {LIMIT:.0f} s")


class Interlude:
    """Pauses the sweep a third of its way, and resumes it once what ran is at its end."""

    def __init__(self, kubectl: Kubectl, name: str) -> None:
        self._kubectl = kubectl
        self._name = name
        self._next = "Paused"

    def play(self, sweep: dict[str, Any]) -> str:
        """Do what is due in this state of the sweep, and say so; nothing in most of them."""
        status = sweep.get("status") or {}
        if self._next == "Paused" and status.get("runs", {}).get("finished", 0) >= PAUSE_AFTER:
            self._next = "Running"
            return f"{self._set('Paused')}\n      no new runs; those that run go on to their end"
        drained = status.get("phase") == "Paused" and not status.get("active")
        if self._next == "Running" and drained:
            self._next = ""
            return f"{self._set('Running')}\n      and the search goes on where it was"
        return ""

    def _set(self, state: str) -> str:
        patch = json.dumps({"spec": {"state": state}})
        edit = ("patch", "sweep", self._name, "--type=merge", f"--patch={patch}")
        self._kubectl(*edit)
        return " ".join(("kubectl", *edit[:-1], f"--patch='{patch}'"))


def _states(kubectl: Kubectl, name: str) -> Generator[dict[str, Any], None, None]:
    """Each state of the sweep as the API server tells it; the watch is begun again if it ends."""
    while True:
        command = kubectl.command("get", "sweep", name, "--watch", "--output=json")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            yield from _read(process)
        finally:
            process.terminate()
            process.wait()
        if process.returncode > 0:
            raise DemoError(f"watching the sweep failed: `{' '.join(command)}`")


def _read(process: subprocess.Popen[str]) -> Generator[dict[str, Any], None, None]:
    states: queue.Queue[dict[str, Any] | None] = queue.Queue()
    assert process.stdout is not None
    threading.Thread(target=_decode, args=(process.stdout, states), daemon=True).start()
    while True:
        try:
            state = states.get(timeout=QUIET)
        except queue.Empty:
            raise DemoError(f"no news of the sweep for {QUIET:.0f} s") from None
        if state is None:
            return
        yield state


def _decode(stream: IO[str], states: "queue.Queue[dict[str, Any] | None]") -> None:
    """Cut kubectl's output, one indented JSON object after another, into objects."""
    lines: list[str] = []
    for text in stream:
        lines.append(text)
        if text.rstrip("\n") == "}":
            states.put(json.loads("".join(lines)))
            lines.clear()
    states.put(None)


class _Line:
    """One line updated in place on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._shown = ""

    def show(self, text: str) -> None:
        if text == self._shown:
            return
        self._shown = text
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\033[K{('    ' + text)[:width]}", end="", flush=True)
        else:
            print(f"    {text}", flush=True)

    def note(self, text: str) -> None:
        """A line that stays."""
        self.end()
        print(f"    ! {text}", flush=True)
        self._shown = ""

    def end(self) -> None:
        if self._terminal and self._shown:
            print(flush=True)
