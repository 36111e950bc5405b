"""A list's objects, each as soon as it is there. Knows JSON, and nothing of requests."""

import json
from codecs import getincrementaldecoder
from collections.abc import Iterator
from typing import Any, Final

_DECODER: Final = json.JSONDecoder()
_SPACE: Final = " \t\r\n"


class StreamError(ValueError):
    """What comes isn't an object that has items."""


def items(
    pieces: Iterator[bytes], others: dict[str, Any] | None = None
) -> Iterator[dict[str, Any]]:
    """What is in the field `items` of an object.

    Args:
        pieces: the object's JSON, cut anywhere.
        others: is given the other fields, once there is no item left.
    """
    rest = {} if others is None else others
    text = _Text(pieces)
    text.take("{")
    while text.mark() == '"':
        name = text.value()
        text.take(":")
        if name != "items" or text.mark() != "[":
            rest[name] = text.value()
        else:
            text.take("[")
            while text.mark() != "]":
                yield text.value()
                text.take(",", unless="]")
            text.take("]")
        text.take(",", unless="}")
    text.take("}")


class _Text:
    """JSON as far as it has come."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._decoder = getincrementaldecoder("utf-8")(errors="replace")
        self._text = ""
        self._at = 0

    def mark(self) -> str:
        """The next character that isn't space."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            self._more()

    def take(self, mark: str, unless: str = "") -> None:
        """Go on behind a mark, which must be there, or before another one."""
        found = self.mark()
        if found == mark:
            self._at += 1
        elif found != unless:
            raise StreamError(f"there is {found} where {mark} should be")

    def value(self) -> Any:
        """The next value: a whole one, however many pieces it is in."""
        self.mark()
        while True:
            try:
                found, self._at = _DECODER.raw_decode(self._text, self._at)
            except ValueError:
                self._more()
            else:
                return found

    def _more(self) -> None:
        piece = next(self._pieces, None)
        if piece is None:
            raise StreamError("it ends too early")
        self._text = self._text[self._at :] + self._decoder.decode(piece)
        self._at = 0
