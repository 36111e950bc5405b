"""Log lines that nobody else can write: what a person named or a program said stays in one."""

import logging
from types import TracebackType

from typing_extensions import override

from sweep_operator.api.plain import plain, plain_lines

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class OneLine(logging.Formatter):
    """A line for each message; a traceback's lines are indented below it, and so begin no other."""

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        return plain(super().formatMessage(record))

    @override
    def formatException(self, ei: ExcInfo) -> str:
        return "\n".join(
            f"    {plain_lines(line)}" for line in super().formatException(ei).split("\n")
        )
