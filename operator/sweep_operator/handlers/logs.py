"""How log lines look: JSON for machines, or text for people; a user's words never break a line."""

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from pythonjsonlogger.json import JsonFormatter
from typing_extensions import override

from sweep_operator.api.plain import plain
from sweep_operator.effects.about import about

FORMATS = ("json", "text")
LEVELS = ("debug", "info", "warning", "error")

QUIET = ("kopf", "asyncio")
"""Loggers that tell at level info what is ours to tell."""


def set_up(kind: str, level: str, stream: TextIO | None = None) -> None:
    """Have all that is logged, by kopf too, written in one way.

    Args:
        kind: json or text.
        level: the least that is written.
        stream: where to; standard error by default.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Json() if kind == "json" else Text())
    handler.addFilter(mark)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)


def mark(record: logging.LogRecord) -> bool:
    """Say of a record what it is about: what is worked on, or the Sweep that kopf tells of."""
    found = about()
    told = getattr(record, "k8s_ref", None)
    if not found.sweep and isinstance(told, Mapping) and told.get("kind") == "Sweep":
        found = found._replace(sweep=f"{told.get('namespace')}/{told.get('name')}")
    record.about = {
        name: value for name, value in found._asdict().items() if value not in ("", None)
    }
    return True


def time_of(record: logging.LogRecord) -> str:
    """When it was logged: 2026-01-31T12:00:00.000Z."""
    moment = datetime.fromtimestamp(record.created, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


class Json(JsonFormatter):
    """One JSON object a line: time, level, logger, message, and what it is about."""

    @override
    def add_fields(
        self,
        log_data: dict[str, Any],
        record: logging.LogRecord,
        message_dict: dict[str, Any],
    ) -> None:
        # Not what others hang on their records: the fields are those that the page names.
        log_data["time"] = time_of(record)
        log_data["level"] = record.levelname.lower()
        log_data["logger"] = record.name
        log_data["message"] = record.getMessage()
        log_data.update(getattr(record, "about", {}))
        for name in ("exc_info", "stack_info"):
            if message_dict.get(name):
                log_data[name] = message_dict[name]


class Text(logging.Formatter):
    """One line each, and further ones, of a traceback, that can't be taken for the first of one."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        said: Mapping[str, Any] = getattr(record, "about", {})
        told = " ".join(f"{name}={value}" for name, value in said.items())
        first = [time_of(record), record.levelname, f"{record.name}:", told, record.getMessage()]
        lines = [" ".join(part for part in first if part)]
        if record.exc_info:
            lines += self.formatException(record.exc_info).split("\n")
        if record.stack_info:
            lines += record.stack_info.split("\n")
        return "\n    | ".join(map(plain, lines))
