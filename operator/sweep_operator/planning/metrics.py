"""What a program reports of itself: the JSON object in its container's termination message."""

import json
import math
from typing import NamedTuple

from sweep_operator.api.plain import plain

MAX_METRICS = 64
MAX_NAME = 253
"""Bounds of SweepRun.status.metrics in the CRD."""


NON_FINITE = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}
"""How programs write what JSON has no numbers for, and how the record does."""


class Report(NamedTuple):
    """Metrics told by a program, and what was wrong with the telling."""

    metrics: dict[str, float]
    """Finite numbers by name."""
    non_finite: dict[str, str]
    """NaN and infinities by name, as text: JSON has no numbers for them."""
    problem: str
    """Why something was left out, in a sentence; empty when nothing was."""


class Measure(NamedTuple):
    """What is followed of a run on its way."""

    metric: str
    goal: str
    """minimize or maximize."""
    brackets: tuple[int, ...]
    """Iterations at which the value is kept, for early termination."""


def parse_report(text: str) -> Report:
    """Read final metrics from a termination message.

    Args:
        text: at most 4,096 bytes (the kubelet cuts it there), a JSON object of numbers by name.
            Booleans count as 0 and 1, other values are left out.
    """
    if not text.strip():
        return Report({}, {}, "")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return Report({}, {}, "The termination message is not JSON, so it holds no metrics.")
    if not isinstance(found, dict):
        return Report({}, {}, "The termination message is JSON, but not an object of metrics.")
    metrics: dict[str, float] = {}
    non_finite: dict[str, str] = {}
    left_out: list[str] = []
    for name, value in found.items():
        if isinstance(value, str) and value in NON_FINITE:
            value = float(value)  # noqa: PLW2901 (as HTTP takes it)
        if (
            not isinstance(value, int | float)
            or not is_name(name)
            or len(metrics) + len(non_finite) >= MAX_METRICS
        ):
            left_out.append(name[:40])
        elif _finite(value):
            metrics[name] = value if isinstance(value, float) else float(value)
        else:
            non_finite[name] = str(value)[:64]
    problem = ""
    if left_out:
        problem = (
            f"Left out of the metrics: {', '.join(map(plain, sorted(left_out)[:5]))}"
            f" (not numbers, no printable name, or more than {MAX_METRICS})."
        )
    return Report(metrics, non_finite, problem)


def is_name(name: str) -> bool:
    """Whether a metric may be called so: what isn't printable breaks lines and terminals.

    Half of a surrogate pair is JSON too, and can be written nowhere else.
    """
    return 0 < len(name) <= MAX_NAME and name.isprintable()


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond a double's range
        return False


def better(goal: str, candidate: float, best: float | None) -> bool:
    """Tell whether a metric beats the best so far; a tie goes to the earlier run."""
    if best is None:
        return True
    return candidate > best if goal == "maximize" else candidate < best
