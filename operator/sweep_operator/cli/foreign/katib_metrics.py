"""How Katib collects metrics, as far as that is a pattern for logs."""

import re
from collections.abc import Iterator
from typing import Any, Final

from sweep_operator.cli.files import FileError, Json
from sweep_operator.cli.foreign.conversion import READS_LOGS, part

DEFAULT_FORMAT: Final = r"([\w|-]+)\s*=\s*([+-]?\d*(\.\d+)?([Ee][+-]?\d+)?)"
"""Of Katib's collectors: accuracy=0.9, in Go's RE2, with name and value by their places."""

_PIECE: Final = re.compile(
    r"\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|(?P<group>\((?!\?)|\(\?P?<\w+>)|.", re.DOTALL
)
"""An escaped character, a class, the opening of a group that captures, or another character."""

_INSTEAD: Final = (
    "have the program print its metrics, report them by HTTP, or write the last ones to its "
    "termination message: docs/reporting.md"
)


def log_pattern(spec: Json, notes: list[str]) -> str | None:
    """What finds the metrics in the log; None where no log has them.

    Args:
        spec: the Experiment's.
        notes: what a person should know is added.
    """
    written = part(spec, "metricsCollectorSpec", "spec")
    collector = part(written, "collector", "spec.metricsCollectorSpec")
    source = part(written, "source", "spec.metricsCollectorSpec")
    kind = collector.get("kind") or "StdOut"
    path = part(source, "fileSystemPath", "spec.metricsCollectorSpec.source")
    if kind == "Push":
        notes.append(
            "metricsCollectorSpec: nothing takes what katib.report_metrics pushes: report by "
            "sweep_run.log or by HTTP instead: docs/reporting.md"
        )
        return None
    if kind != "StdOut" and (kind != "File" or path.get("format") == "JSON"):
        where = f" ({path['path']})" if path.get("path") else ""
        notes.append(
            f"metricsCollectorSpec: nobody here reads what is for {kind}{where}: {_INSTEAD}"
        )
        return None
    if kind == "File":
        notes.append(
            f"metricsCollectorSpec: logPattern reads what the program prints, and not the file "
            f"{path.get('path') or '/var/log/katib/metrics.log'}: {_INSTEAD}"
        )
    notes.append(
        f"logPattern reads the last 500 lines that the program prints: {READS_LOGS}. Leave it out "
        "where the program reports otherwise"
    )
    return _of_formats(part(source, "filter", "spec.metricsCollectorSpec.source"), notes)


def _of_formats(wanted: Json, notes: list[str]) -> str:
    formats: Any = wanted.get("metricsFormat") or [DEFAULT_FORMAT]
    if not isinstance(formats, list):
        raise FileError("spec.metricsCollectorSpec.source.filter.metricsFormat: is no list")
    notes += [
        f"metricsFormat {each} is left out: logPattern is one pattern. Write one for all lines"
        for each in formats[1:]
    ]
    return named(str(formats[0]))


def named(pattern: str) -> str:
    """Name the first two groups, which Katib takes as a metric's name and value."""
    names = iter(("(?P<name>", "(?P<value>"))

    def pieces() -> Iterator[str]:
        for found in _PIECE.finditer(pattern):
            yield next(names, found[0]) if found["group"] else found[0]

    made = "".join(pieces())
    if next(names, None) is not None:
        raise FileError(
            f"metricsFormat {pattern}: has fewer than two groups: the first is the metric's name, "
            "the second its value"
        )
    return made
