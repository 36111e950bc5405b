"""HTML that can't be broken out of: text is escaped unless it was made here."""

import json
from collections.abc import Iterable
from html import escape
from typing import Any, Final

VOID: Final = frozenset({"meta", "br"})
"""Elements that have no content, and no end tag."""


class Markup(str):
    """HTML, made by `element` or `raw`: all other text is escaped when it is put into an element.

    What is made of it by string operations is plain text again, and escaped.
    """

    __slots__ = ()


def element(name: str, /, *content: str | Iterable[str], **attributes: object) -> Markup:
    """An element. An attribute of None or False is left out; `class_` is class, `_` is a hyphen."""
    start = f"<{name}{_attributes(attributes)}>"
    if name in VOID:
        return Markup(start)
    return Markup(f"{start}{_joined(content)}</{name}>")


def joined(*content: str | Iterable[str]) -> Markup:
    """Several pieces after each other."""
    return Markup(_joined(content))


def raw(name: str, content: str, /, **attributes: object) -> Markup:
    """A script or a style, whose content no escaping reaches: what would end it is an error."""
    if f"</{name}" in content.lower() or "<!--" in content:
        raise ValueError(f"the content of {name} would end it")
    return Markup(f"<{name}{_attributes(attributes)}>{content}</{name}>")


def json_text(thing: Any) -> str:
    """JSON for a script element: no text in it can end the script, or begin another."""
    text = json.dumps(thing, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _joined(content: Iterable[str | Iterable[str]]) -> str:
    pieces = []
    for each in content:
        if isinstance(each, str):
            pieces.append(each if isinstance(each, Markup) else escape(each))
        else:
            pieces.append(_joined(each))
    return "".join(pieces)


def _attributes(attributes: dict[str, object]) -> str:
    return "".join(
        f" {name.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{_quoted(value)}"')
        for name, value in attributes.items()
        if value is not None and value is not False
    )


def _quoted(value: object) -> str:
    return escape(str(value), quote=True)
