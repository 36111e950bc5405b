"""Numbers out of what programs log: Python's, numpy's, those of tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MOST_METRICS = 64
"""Of a report, and of a run's record."""

LONGEST_NAME = 253
"""In characters."""

LARGEST_STEP = 2**53
"""Beyond it JSON readers don't agree on whole numbers."""


def numbers(metrics: Any) -> tuple[dict[str, float], dict[str, str]]:
    """Split metrics into what can be reported and what can't.

    Returns:
        Numbers by name, NaN and infinities among them; and what is wrong with each of the others.
    """
    if not isinstance(metrics, Mapping):
        return {}, {repr(metrics)[:40]: "not numbers by name"}
    good: dict[str, float] = {}
    bad: dict[str, str] = {}
    for name, value in metrics.items():
        number = _number(value)
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
            bad[str(name)[:40]] = f"not a name of 1 to {LONGEST_NAME} characters"
        elif number is None:
            bad[name] = f"not a number but {type(value).__name__}"
        else:
            good[name] = number
    return good, bad


def whole(step: Any) -> int | None:
    """A step as a whole number from 0 to 2^53, or None if it isn't one."""
    number = _number(step)
    if number is None or not number.is_integer() or not 0 <= number <= LARGEST_STEP:
        return None
    return int(number)


def as_text(value: float) -> str:
    """How JSON's own numbers would go on."""
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, (str, bytes, bytearray)):  # float() would read "1"
        return None
    try:
        item = getattr(value, "item", None)  # numpy, torch and jax: also of arrays that hold one
        return float(item() if callable(item) else value)
    except OverflowError:  # an integer beyond a double's range
        return math.inf if value > 0 else -math.inf
    except Exception:  # noqa: BLE001  # a tensor may raise anything, and log() raises nothing
        return None
