"""What goes wrong in a build, said so that a person can put it right."""

import subprocess
from collections.abc import Mapping, Sequence


class BuildError(Exception):
    """A build that can't go on; the message says what is wrong and what to do."""


def run(
    command: Sequence[str], *, failing: str, environment: Mapping[str, str] | None = None
) -> str:
    """Run a command and give its output; where it fails, its last lines stand in the error."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except FileNotFoundError as missing:
        raise BuildError(f"{failing}: the program {command[0]!r} is not installed") from missing
    if done.returncode:
        tail = "\n".join(f"  {line}" for line in (done.stdout + done.stderr).splitlines()[-15:])
        raise BuildError(f"{failing}: {command[0]} exited {done.returncode}:\n{tail}")
    return done.stdout
