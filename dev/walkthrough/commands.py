"""Runs the programs that the demo stands on, and says what went wrong with one that failed."""

import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


class DemoError(Exception):
    """The demo can't go on; the message says why and where to look."""


@dataclass
class Stage:
    """A named part of the demo, which says how long it took."""

    name: str
    started: float = 0.0

    def __enter__(self) -> None:
        self.started = time.monotonic()
        print(f"==> {self.name}", flush=True)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            print(f"    {time.monotonic() - self.started:.1f} s", flush=True)


def output(*command: str) -> str:
    """Run a command in the repository and give what it prints; its errors go to the terminal."""
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise DemoError(f"`{' '.join(command)}` exited {done.returncode}; what it said is above")
    return done.stdout


def stream(*command: str, prefix: str = "    ") -> None:
    """Run a command in the repository and show its lines as they come."""
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            sys.stdout.write(prefix + line)
            sys.stdout.flush()
    if process.returncode:
        raise DemoError(f"`{' '.join(command)}` exited {process.returncode}; what it said is above")


def together(*tasks: Callable[[], None]) -> None:
    """Do some things at a time; when one fails, say so once all have ended."""
    errors: list[DemoError] = []

    def attempt(task: Callable[[], None]) -> None:
        try:
            task()
        except DemoError as error:
            errors.append(error)

    threads = [threading.Thread(target=attempt, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@dataclass(frozen=True)
class Kubectl:
    """kubectl with the demo cluster's own kubeconfig; the user's is never read."""

    program: str
    kubeconfig: Path

    def command(self, *arguments: str) -> tuple[str, ...]:
        """The whole command line."""
        return (self.program, "--kubeconfig", str(self.kubeconfig), *arguments)

    def __call__(self, *arguments: str) -> str:
        """Run it and give its output."""
        return output(*self.command(*arguments))

    def shown(self, *arguments: str) -> str:
        """The command line for a person to paste: their own kubectl will do, if they have one."""
        program = "kubectl" if shutil.which("kubectl") else self.program
        return shlex.join((program, "--kubeconfig", str(self.kubeconfig), *arguments))

    def tail(self, *arguments: str) -> str:
        """The output of a command that explains a failure, whatever becomes of it."""
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False)
        lines = (done.stdout + done.stderr).strip().splitlines()
        return "\n".join(f"    {line}" for line in lines[-20:])
