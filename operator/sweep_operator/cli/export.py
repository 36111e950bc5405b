"""`export`: all runs of a sweep as a table, for pandas, a spreadsheet or to keep with a paper."""

import argparse
import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from sweep_operator.cli.arguments import FORMATS
from sweep_operator.cli.files import write
from sweep_operator.cli.target import sweep
from sweep_operator.client.errors import ClientError
from sweep_operator.client.sweep import Run, row

Row = Mapping[str, Any]

NEEDS_PYARROW: Final = "Parquet needs pyarrow: pip install 'sweep-operator[parquet]'"
NEEDS_A_FILE: Final = (
    "Parquet is no text for a terminal: --output FILE.parquet, or send it to a program by |"
)

FIRST: Final = {
    "number": "int64",
    "name": "string",
    "status": "string",
    "reason": "string",
    "value": "double",
}
LAST: Final = {
    "attempts": "int64",
    "preemptions": "int64",
    "start": "time",
    "end": "time",
    "duration": "double",
    "message": "string",
}
"""Columns that every table has, and their types in Parquet. Parameters and metrics are between."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula."""

_INT64: Final = range(-(2**63), 2**63)


def run(options: argparse.Namespace) -> int:
    """Write the table to a file, or print it."""
    chosen = _format(options.output, options.format)
    if chosen == "parquet":
        if options.output == "-" and sys.stdout.isatty():
            raise ClientError(NEEDS_A_FILE)
        if find_spec("pyarrow") is None:
            raise ClientError(NEEDS_PYARROW)
    found = sweep(options)
    runs = [each for each in found.runs(history=False) if options.status in (None, each.phase)]
    write(options.output, _WRITTEN[chosen](runs))
    if options.output != "-":
        print(f"{options.output}: {len(runs)} runs of {found.name}")
    return 0


def as_csv(runs: Iterable[Run]) -> bytes:
    """A line for each run, as RFC 4180 has it; what a run doesn't have is left empty."""
    rows = [row(each) for each in runs]
    text = io.StringIO()
    writer = csv.DictWriter(text, _columns(rows))
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in each.items()} for each in rows)
    return text.getvalue().encode(errors="replace")


def as_json(runs: Iterable[Run]) -> bytes:
    """A list with an object for each run, on a line of its own; parameters are nested."""
    lines = ",\n".join(json.dumps(_nested(each)) for each in runs)
    return f"[\n{lines}\n]\n".encode()


def as_parquet(runs: Iterable[Run]) -> bytes:
    """Columns of one type each; what a run doesn't have is null."""
    import pyarrow  # noqa: PLC0415 (an extra)
    from pyarrow import parquet  # noqa: PLC0415

    rows = [row(each) for each in runs]
    columns = {}
    for name in _columns(rows):
        kind, values = _column(name, [each.get(name) for each in rows])
        arrow = pyarrow.timestamp("ms", "UTC") if kind == "time" else kind
        columns[name] = pyarrow.array(values, arrow)
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


_WRITTEN: Final[Mapping[str, Callable[[Sequence[Run]], bytes]]] = {
    "csv": as_csv,
    "json": as_json,
    "parquet": as_parquet,
}


def _format(file: str, given: str | None) -> str:
    """The format that is given, or that the file's ending says."""
    if given is not None:
        return given
    if file == "-":
        return "csv"
    ending = Path(file).suffix.removeprefix(".").lower()
    if ending not in FORMATS:
        raise ClientError(
            f"{file} doesn't say by its ending what to write: --format {', '.join(FORMATS[:-1])} "
            f"or {FORMATS[-1]}"
        )
    return ending


def _columns(rows: Iterable[Row]) -> list[str]:
    """All that any row has: the parameters, then the metrics, in the order they come up in."""
    names = dict.fromkeys(name for each in rows for name in each)
    between = [
        name for prefix in ("params_", "metrics_") for name in names if name.startswith(prefix)
    ]
    return [*FIRST, *between, *LAST]


def _nested(run: Run) -> Row:
    """A run as `row` has it, with its parameters and metrics as they are on record."""
    flat = row(run)
    return {
        **{name: flat[name] for name in FIRST},
        "parameters": run.parameters,
        "metrics": run.metrics,
        "nonFinite": run.non_finite,
        **{name: flat[name] for name in LAST},
    }


def _cell(value: Any) -> Any:
    """Lists and truth values as JSON; text that a spreadsheet would run begins with a '."""
    if isinstance(value, bool | list):
        return json.dumps(value)
    if isinstance(value, str) and value.startswith(_FORMULA) and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _column(name: str, values: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """A column's type in Parquet, and its values."""
    match (FIRST | LAST).get(name):
        case "time":
            return "time", [each and datetime.fromisoformat(each) for each in values]
        case str(known):
            return known, values
    if name.startswith("metrics_"):
        return "double", _mapped(float, values)
    return _parameter(values)


def _parameter(values: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """A parameter's type: that of its values, if they have one. Else all are text, as JSON."""
    kinds = {type(each) for each in values if each is not None}
    if kinds == {bool}:
        return "bool", values
    if kinds == {str}:
        return "string", values
    if kinds == {int} and all(each is None or each in _INT64 for each in values):
        return "int64", values
    if kinds and kinds <= {int, float}:
        return "double", _mapped(float, values)
    return "string", _mapped(json.dumps, values)


def _mapped(function: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
    return [None if each is None else function(each) for each in values]
