"""How things are printed: tables for people, JSON and YAML for programs."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import yaml

from sweep_operator.api.plain import plain, plain_lines

JSONPATH: Final = "jsonpath="
"""What an output by a template begins with."""

_COLOURS: Final[Mapping[str, int]] = {
    "Finished": 32,  # green
    "Running": 36,  # cyan
    **dict.fromkeys(("Pending", "Paused", "Stopped", "Cancelled", "Killed"), 33),  # yellow
    **dict.fromkeys(("Failed", "Crashed"), 31),  # red
}
"""By the terminal's own numbers, so that its theme holds."""

_MANAGED: Final = "managedFields"

_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""In C, if it is there: the other one takes minutes for a large sweep's records."""

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as kubectl prints them; what is None is left empty."""
    cells = [[plain(each) for each in head], *([_cell(each) for each in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    paints = [painted if name == "STATUS" else str for name in head]
    return "".join(
        "   ".join(
            paint(cell) + " " * (width - len(cell))
            for cell, width, paint in zip(row, widths, paints, strict=True)
        ).rstrip()
        + "\n"
        for row in cells
    )


def painted(status: str) -> str:
    """A sweep's or a run's status in its colour, where a person looks; elsewhere as it is."""
    colour = _COLOURS.get(status)
    looked_at = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    if colour is None or not looked_at or os.environ.get("NO_COLOR"):
        return status
    return f"\x1b[{colour}m{status}\x1b[0m"


def dumped(found: object, output: str) -> str:
    """As json, yaml or jsonpath=TEMPLATE. The first two write out what a terminal would obey."""
    if output.startswith(JSONPATH):
        from sweep_operator.cli.jsonpath import filled  # noqa: PLC0415 - takes 0.1 s

        text = filled(output.removeprefix(JSONPATH), found)
        return plain_lines(text) if sys.stdout.isatty() else text
    if output == "json":
        return json.dumps(found, indent=2) + "\n"
    written: str = yaml.dump(found, Dumper=_DUMPER, sort_keys=False, width=100)
    return written


def for_programs(output: str | None) -> bool:
    """Whether an object is asked for as it is."""
    return output in ("json", "yaml") or (output or "").startswith(JSONPATH)


def without_managed_fields(found: Mapping[str, Any]) -> dict[str, Any]:
    """An object as kubectl shows it, without what the API server keeps for its own use."""
    metadata = {name: value for name, value in found["metadata"].items() if name != _MANAGED}
    return {**found, "metadata": metadata}


def listed(objects: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Objects as one, as kubectl has several."""
    return {"apiVersion": "v1", "kind": "List", "items": list(objects)}


def age(since: str | None, until: str | None = None) -> str | None:
    """How long ago a time is, or how long before another, as kubectl says it: 5m, 3h, 12d."""
    if since is None:
        return None
    end = datetime.fromisoformat(until) if until else datetime.now(UTC)
    return lasting((end - datetime.fromisoformat(since)).total_seconds())


def lasting(seconds: float) -> str:
    """So many seconds as kubectl says it: 90s, 5m, 3h, 12d."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{int(seconds) // size}{unit}"
    return f"{int(seconds)}s"


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return plain(value)
        case float():
            return f"{value:.6g}"
        case int() if not isinstance(value, bool):
            return str(value)
        case _:
            return json.dumps(value)


def confirmed(question: str) -> bool:
    """Ask a person at a terminal, and say so if nothing is done; elsewhere nobody is asked."""
    if not sys.stdin.isatty():
        return True
    print(f"{question} [y/N] ", end="", file=sys.stderr)
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    print("nothing done", file=sys.stderr)
    return False
