"""What the parsers are fed: JSON of any kind, text that means harm, and what a CRD admits."""

import re
from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st
from tests.fakes.hostile import KINDS, SURROGATES

from sweep_operator.api.crd import run_crd, sweep_crd

Json = Any
Schema = Mapping[str, Any]

HOSTILE: Final = [trick for kind in KINDS.values() for trick in kind if len(trick) < 100]

LARGEST: Final = 2**63 - 1

TIMES: Final = [
    "2027-01-01T00:00:00Z", "2027-01-01T00:00:00.123456789Z", "2027-01-01T00:00:00+02:00",
    "0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2027-01-01T23:59:60Z",
    "2027-01-01t00:00:00z", "1969-07-20T20:17:40Z",
]  # fmt: skip
"""What the API server takes as a date-time, by RFC 3339."""


def texts(max_size: int = 20) -> st.SearchStrategy[str]:
    """Text that an API server stores: of any kind, and with tricks in it."""
    return st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=max_size),
        st.lists(st.sampled_from(HOSTILE), max_size=4).map("".join),
    )


def broken_texts() -> st.SearchStrategy[str]:
    """Text as programs may send it: with halves of surrogate pairs too."""
    pieces = st.one_of(texts(), st.sampled_from(SURROGATES))
    return st.lists(pieces, max_size=3).map("".join)


def numbers() -> st.SearchStrategy[int | float]:
    """JSON's numbers as the API server stores them: finite, whole ones of 64 bits."""
    return st.one_of(
        st.integers(-10, 10),
        st.integers(-LARGEST - 1, LARGEST),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from([0.0, -0.0, 5e-324, 1.7976931348623157e308, 2**53, 1e-7, 0.1, 1.0]),
    )


def values(text: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[Json]:
    """Any JSON value as the API server stores it."""
    text = texts() if text is None else text
    plain = st.one_of(st.none(), st.booleans(), numbers(), text)
    return st.recursive(
        plain,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(text, inner, max_size=4)
        ),
        max_leaves=8,
    )


def admitted(schema: Schema) -> st.SearchStrategy[Json]:
    """What a structural schema admits, but for its CEL rules."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object":
            return _objects(schema)
        case "array":
            return _arrays(schema)
        case "string":
            return _strings(schema)
        case "integer" | "number":
            return _numbers(schema)
        case "boolean":
            return st.booleans()
    return values()


def _objects(schema: Schema) -> st.SearchStrategy[Json]:
    fields = schema.get("properties", {})
    if not fields and "additionalProperties" in schema:
        most = min(schema.get("maxProperties", 4), 4)
        items = admitted(schema["additionalProperties"])
        return st.dictionaries(_names(), items, min_size=schema.get("minProperties", 0),
                               max_size=most)  # fmt: skip
    if not fields:
        return st.dictionaries(texts(), values(), max_size=3)
    required = set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {name: admitted(field) for name, field in fields.items() if name in required},
        optional={name: admitted(field) for name, field in fields.items() if name not in required},
    )


def _names() -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(["a", "b", "lr", "a-b", "_"]), texts(8))


def _arrays(schema: Schema) -> st.SearchStrategy[Json]:
    keys = schema.get("x-kubernetes-list-map-keys", ())
    unique = (lambda item: tuple(item.get(key) for key in keys)) if keys else None
    return st.lists(
        admitted(schema["items"]),
        min_size=schema.get("minItems", 0),
        max_size=min(schema.get("maxItems", 4), 4),
        unique_by=unique,
    )


def _strings(schema: Schema) -> st.SearchStrategy[str]:
    if schema.get("format") == "date-time":
        return st.sampled_from(TIMES)
    most = schema.get("maxLength", 40)
    if "pattern" in schema:
        found = _matching(schema["pattern"])
        return found.filter(lambda text: len(text) <= most)
    return texts().filter(lambda text: schema.get("minLength", 0) <= len(text) <= most)


def _matching(pattern: str) -> st.SearchStrategy[str]:
    r"""Text by a pattern; for one that has Go's \p{...}, which Python's doesn't, plain words."""
    try:
        return st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)
    except re.error:
        return st.sampled_from(["loss", "val/accuracy", "größe", "a b", "日本語"])


def _numbers(schema: Schema) -> st.SearchStrategy[int | float]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if schema["type"] == "integer":
        low = -LARGEST - 1 if least is None else int(least)
        high = LARGEST if most is None else int(most)
        return st.one_of(st.integers(low, min(low + 5, high)), st.integers(low, high))
    if least is None and most is None:
        return numbers()
    return st.floats(least, most, allow_nan=False, allow_infinity=False,
                     exclude_min=bool(schema.get("exclusiveMinimum")))  # fmt: skip


def _of(crd: Json, *path: str) -> Schema:
    (version,) = crd["spec"]["versions"]
    found: Any = version["schema"]["openAPIV3Schema"]
    for step in path:
        found = found["properties"][step]
    return dict(found)


SWEEP_SPEC: Final = _of(sweep_crd(), "spec")
SWEEP_STATUS: Final = _of(sweep_crd(), "status")
RUN_STATUS: Final = _of(run_crd(), "status")
