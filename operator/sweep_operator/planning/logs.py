"""Metrics in what a program prints: the last resort, for programs that report nowhere else."""

import math

from sweep_operator.api.sweep import log_pattern
from sweep_operator.planning.metrics import MAX_METRICS, Report, is_name

LINES = 500
"""How much of a log's end is looked at."""

MAX_BYTES = 1024 * 1024


def read_log(text: str, pattern: str, metric: str) -> Report:
    """Find metrics in the end of a log. The last number of each name counts.

    Args:
        text: the log's last lines.
        pattern: RE2, with a group `value` and maybe a group `name`.
        metric: the name of what is found without a group `name`.
    """
    found: dict[str, float] = {}
    compiled = log_pattern(pattern)
    for line in text.splitlines():
        for match in compiled.finditer(line):
            groups = match.groupdict()
            name = groups.get("name", metric)
            value = _number(groups.get("value"))
            if value is not None and name and is_name(name):
                found.pop(name, None)  # the newest come last
                found[name] = value
    newest = dict(list(found.items())[-MAX_METRICS:])
    metrics = {name: value for name, value in newest.items() if math.isfinite(value)}
    others = {name: str(value) for name, value in newest.items() if not math.isfinite(value)}
    problem = "" if newest else "spec.logPattern found no number in the end of the log."
    return Report(metrics, others, problem)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
