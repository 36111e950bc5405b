"""Structural schemas: what pydantic says of a model, in the words that a CRD may use.

Pure: a model in, plain dictionaries out. It knows JSON Schema and OpenAPI, and nothing of sweeps.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

Schema = dict[str, Any]

PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"

INT64_MAX: Final = 2**63 - 1

_KEPT: Final = (
    "type",
    "format",
    "description",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
    "required",
)

_UNION_BOUNDS: Final = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum"}
"""What pydantic calls bounds on a union of numbers, for which JSON Schema has no one place."""


def structural(model: type[BaseModel], *, defaults: bool, levels: int) -> Schema:
    """Convert a model to a structural schema.

    Args:
        model: what the object must look like.
        defaults: whether the API server is to fill in the defaults of scalar fields.
        levels: how often a model may contain itself; the field that would go deeper is left out,
            because a structural schema can't recurse.
    """
    document = model.model_json_schema(by_alias=True)
    converter = _Converter(document.get("$defs", {}), defaults=defaults, levels=levels)
    return converter.convert(document, ()) or {}


class _Converter:
    def __init__(self, definitions: Mapping[str, Schema], *, defaults: bool, levels: int) -> None:
        self._definitions = definitions
        self._defaults = defaults
        self._levels = levels

    def convert(self, node: Schema, within: tuple[str, ...]) -> Schema | None:
        """Convert one node; None if it lies deeper than a model may contain itself."""
        if "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            if within.count(name) >= self._levels:
                return None
            around = {key: value for key, value in node.items() if key != "$ref"}
            return self.convert(self._definitions[name] | around, (*within, name))
        if "anyOf" in node:
            return self.convert(_one_of_union(node), within)
        return self._plain(node, within)

    def _plain(self, node: Schema, within: tuple[str, ...]) -> Schema | None:
        out: Schema = {key: node[key] for key in _KEPT if key in node}
        if "description" in out:
            out["description"] = _unwrapped(out["description"])
        out |= {key: value for key, value in node.items() if key.startswith("x-kubernetes-")}
        if "exclusiveMinimum" in node:  # a number in JSON Schema, a flag in OpenAPI 3.0
            out |= {"minimum": node["exclusiveMinimum"], "exclusiveMinimum": True}
        default = node.get("default")
        if self._defaults and isinstance(default, str | int | float):
            out["default"] = default
        match node.get("type"):
            case "integer":
                out["format"] = "int64"
                if out.get("maximum") == INT64_MAX:  # a bound is a double, and this isn't one
                    del out["maximum"]
            case "object":
                return self._object(node, out, within)
            case "array":
                items = self.convert(node["items"], within)
                if items is None:
                    return None
                out["items"] = items
                out.setdefault("x-kubernetes-list-type", "atomic")
            case None:
                out |= {PRESERVE: True, "nullable": True}
        return out

    def _object(self, node: Schema, out: Schema, within: tuple[str, ...]) -> Schema | None:
        properties = {
            name: converted
            for name, child in node.get("properties", {}).items()
            if (converted := self.convert(child, within)) is not None
        }
        if properties:
            out["properties"] = properties
        match node.get("additionalProperties"):
            case True if properties:
                out[PRESERVE] = True
            case dict() as values:
                converted = self.convert(values, within)
                if converted is None:
                    return None
                out["additionalProperties"] = converted
        return out


def _unwrapped(text: str) -> str:
    """Paragraphs on one line each, as `kubectl explain` wraps them itself; lists and code stay."""
    return re.sub(r"(?<=[^\n])\n(?=[^\n\s-])", " ", text)


def _one_of_union(node: Schema) -> Schema:
    """The one type that a union comes to: without null, an integer or a number is a number."""
    kinds = [kind for kind in node["anyOf"] if kind != {"type": "null"}]
    around = {key: value for key, value in node.items() if key != "anyOf"}
    for theirs, ours in _UNION_BOUNDS.items():
        if theirs in around:
            around[ours] = around.pop(theirs)
    if len(kinds) == 1:
        only: Schema = kinds[0]
        return only | around
    if [kind["type"] for kind in kinds] != ["integer", "number"]:
        raise ValueError(f"no structural schema has this union: {kinds}")
    return {"type": "number"} | around
