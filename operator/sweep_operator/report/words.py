"""Numbers, times and names as people read them, and text as plots take it."""

import json
from html import escape

from pydantic import JsonValue

from sweep_operator.planning.times import timestamp

LONGEST_LABEL = 40


def number(value: float) -> str:
    """A number in six digits; what it is exactly stands beside it where that matters."""
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def text_of(value: JsonValue) -> str:
    """A parameter's value: text as it is, the rest as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return number(value)
    return json.dumps(value, ensure_ascii=False)


def moment(seconds: float) -> str:
    """A time: 2026-01-31 12:00:00 UTC."""
    return f"{timestamp(seconds)[:19].replace('T', ' ')} UTC"


def duration(seconds: float) -> str:
    """A span of time in its two largest units."""
    whole = round(seconds)
    days, hours, minutes = whole // 86_400, whole // 3_600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    if minutes:
        return f"{minutes} min {whole % 60:02} s"
    return f"{whole} s"


def ordinal(count: int) -> str:
    """1st, 2nd, 3rd, 4th and so on."""
    suffix = "th" if count % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(count % 10)
    return f"{count}{suffix or 'th'}"


def several(count: int, thing: str) -> str:
    """1 run, 2 runs."""
    return f"{count:,} {thing}" + ("" if count == 1 else "s")


def label(text: str) -> str:
    """Text for a plot, where some HTML has a meaning: this has none."""
    short = text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"
    return escape(short, quote=False)
