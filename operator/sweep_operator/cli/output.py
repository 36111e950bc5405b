"""How things are printed: tables for people, JSON and YAML for programs."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import yaml

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as kubectl prints them; what is None is left empty."""
    cells = [list(head), *([_cell(each) for each in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "".join(
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        + "\n"
        for row in cells
    )


def dumped(found: object, output: str) -> str:
    """As json or yaml."""
    if output == "json":
        return json.dumps(found, indent=2) + "\n"
    text: str = yaml.safe_dump(found, sort_keys=False, width=100)
    return text


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
            return value
        case float():
            return f"{value:.6g}"
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
