"""A list's objects come one by one, however it is cut and written."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sweep_operator.client.stream import StreamError, items

THINGS: list[dict[str, Any]] = [
    {"metadata": {"name": "ünï", "items": [1]}, "x": -1.5e3},
    {},
    {"text": 'a "quoted", {braced} text with \\ and 𝄞', "none": None},
]


def pieces(text: bytes, size: int) -> Iterator[bytes]:
    return (text[at : at + size] for at in range(0, len(text), size))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("indent", [None, 2])
def test_wherever_it_is_cut(size: int, indent: int | None) -> None:
    found = {"kind": "List", "items": THINGS, "metadata": {"items": ["not these"]}}
    text = json.dumps(found, indent=indent, ensure_ascii=False).encode()
    others: dict[str, Any] = {}
    assert list(items(pieces(text, size), others)) == THINGS
    assert others == {"kind": "List", "metadata": {"items": ["not these"]}}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b'{"metadata":{"continue":""},"items":[{"a":1}]}', [{"a": 1}]),
        (b'{"items":[]}', []),
        (b'{"items":null,"metadata":{}}', []),
        (b"{}", []),
    ],
)
def test_in_whichever_order_its_fields_are(text: bytes, found: list[Any]) -> None:
    assert list(items(iter([text]))) == found


def test_each_is_there_before_the_next_one_has_come() -> None:
    coming = iter([b'{"items":[{"a":1},', b'{"a":2}]}'])
    found = items(coming)
    assert next(found) == {"a": 1}
    assert next(coming) == b'{"a":2}]}'


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"<html>", b'{"items":[{"a":1}', b'{"items":[{"a":1}}', b'{"items" 1}']
)
def test_what_is_no_list_or_ends_too_early_is_told(text: bytes) -> None:
    with pytest.raises(StreamError):
        list(items(iter([text])))
