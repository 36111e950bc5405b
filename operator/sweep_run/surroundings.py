"""What the operator puts around a program: environment variables and a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PARAMETERS_FILE = Path("/etc/sweep/parameters.json")
TERMINATION_LOG = "/dev/termination-log"


@dataclass(frozen=True)
class Surroundings:
    """One attempt of a run, as its program sees it; the defaults are those of no sweep at all."""

    parameters: Mapping[str, Any]
    sweep: str = ""
    namespace: str = ""
    run: str = "local"
    number: int = 0
    attempt: int = 1
    metric: str = ""
    """The name of the one that the sweep is judged by; empty where there is none."""
    report_url: str = ""
    """Where reports go; empty where nobody takes them."""
    token_file: str = ""
    ca_file: str = ""
    """By which authority they are verified, over HTTPS; empty for those that are known here."""
    termination_log: Path = Path(TERMINATION_LOG)
    """The file from which Kubernetes takes the container's last words."""


def read(env: Mapping[str, str], parameters_file: Path = PARAMETERS_FILE) -> Surroundings:
    """Read them from the environment, and from the file where that has no parameters.

    Raises:
        ValueError: what should be the parameters is none; to train with others would be worse.
    """
    return Surroundings(
        parameters=_parameters(env.get("SWEEP_PARAMETERS"), parameters_file),
        sweep=env.get("SWEEP_NAME", ""),
        namespace=env.get("SWEEP_NAMESPACE", ""),
        run=env.get("SWEEP_RUN_ID") or "local",
        number=int(env.get("SWEEP_RUN_NUMBER") or 0),
        attempt=int(env.get("SWEEP_ATTEMPT") or 1),
        metric=env.get("SWEEP_METRIC", ""),
        report_url=env.get("SWEEP_REPORT_URL", ""),
        token_file=env.get("SWEEP_TOKEN_FILE", ""),
        ca_file=env.get("SWEEP_REPORT_CA", ""),
        # Where the container's terminationMessagePath is another: the program can't see it.
        termination_log=Path(env.get("SWEEP_TERMINATION_LOG") or TERMINATION_LOG),
    )


def _parameters(text: str | None, file: Path) -> dict[str, Any]:
    source = "SWEEP_PARAMETERS"
    if not text:
        if not file.exists():
            return {}
        source, text = str(file), file.read_text(encoding="utf-8")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{source} isn't JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{source} isn't a JSON object of parameters, but {text[:40]}")  # noqa: TRY004
    return found
