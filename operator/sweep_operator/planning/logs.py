"""Metrics in what a program prints: the last resort, for programs that report nowhere else."""

import math

from sweep_operator.api.sweep import log_pattern
from sweep_operator.planning.metrics import MAX_METRICS, Report, is_name

LINES = 500
"""How much of a log's end is looked at."""

MAX_BYTES = 1024 * 1024

MAX_LINE = 10_000
"""Characters: nobody prints a metric in a longer line."""

MOST_STEPS = 20_000_000
"""Characters looked at times the compiled pattern's size, half a second at worst.

RE2 takes time in proportion to both for one match. But a line may have as many matches as it has
characters, and each may look at all that follow: `a.*b|a`.
"""


def read_log(text: str, pattern: str, metric: str) -> Report:
    """Find metrics in the end of a log. The last number of each name counts.

    It is read from its end, as far as MOST_STEPS reach.

    Args:
        text: the log's last lines.
        pattern: RE2, with a group `value` and maybe a group `name`.
        metric: the name of what is found without a group `name`.
    """
    found: dict[str, float] = {}
    compiled = log_pattern(pattern)
    left = MOST_STEPS // compiled.programsize
    for line in reversed(text.splitlines()):
        if len(line) > MAX_LINE:
            continue
        told: dict[str, float] = {}
        at = 0
        for match in compiled.finditer(line):
            left -= len(line) - at
            at = match.end()
            groups = match.groupdict()
            name = groups.get("name", metric)
            value = _number(groups.get("value"))
            if value is not None and name and is_name(name):
                told.pop(name, None)  # the newest come last
                told[name] = value
            if left < 0:
                break
        left -= len(line) - at
        if left < 0:  # not even all of this line
            break
        found = {name: value for name, value in told.items() if name not in found} | found
        if len(found) >= MAX_METRICS:
            break
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
