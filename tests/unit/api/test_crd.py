"""The CRDs: generated files are current, and bounded everywhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sweep_operator.api.crd import rendered, stale
from sweep_operator.api.rules import put
from sweep_operator.api.schema import PRESERVE

CRDS = Path(__file__).parents[3] / "crds"
DOCUMENTS = {name: yaml.safe_load(text) for name, text in rendered().items()}


def schema(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def nodes(node: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for key, mark in (("additionalProperties", "*"), ("items", "[]")):
        if key in node:
            yield from nodes(node[key], f"{path}.{mark}")


NODES = [
    pytest.param(node, id=path)
    for document in DOCUMENTS.values()
    for part in ("spec", "status")
    for path, node in nodes(
        schema(document)["properties"][part], f"{document['spec']['names']['singular']}.{part}"
    )
]


def test_files_are_current() -> None:
    assert not stale(CRDS), "run make crds"


def test_a_stale_file_is_noticed(tmp_path: Path) -> None:
    for name, text in rendered().items():
        (tmp_path / name).write_text(text)
    assert stale(tmp_path) == []
    (tmp_path / "sweeps.yaml").write_text("")
    assert stale(tmp_path) == ["sweeps.yaml"]


@pytest.mark.parametrize("node", NODES)
def test_bounded(node: dict[str, Any]) -> None:
    match node:
        case {"type": "string"}:
            assert "maxLength" in node or "enum" in node or node.get("format") == "date-time"
        case {"type": "array"}:
            assert "maxItems" in node
        case {"additionalProperties": _}:
            assert "maxProperties" in node


@pytest.mark.parametrize("node", NODES)
def test_structural(node: dict[str, Any]) -> None:
    assert "type" in node or node.get(PRESERVE)
    assert not {"anyOf", "oneOf", "$ref", "title", "$defs"} & set(node)


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_every_field_is_explained(document: dict[str, Any]) -> None:
    for path, node in nodes(schema(document), ""):
        for name, child in node.get("properties", {}).items():
            known = name in {"apiVersion", "kind", "metadata"} and not path
            assert known or child.get("description", "").strip(), f"{path}.{name}"


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_rules_say_what_to_do(document: dict[str, Any]) -> None:
    for path, node in nodes(schema(document), ""):
        for rule in node.get("x-kubernetes-validations", ()):
            assert len(rule["message"]) > 10, path
            at = node
            for step in rule.get("fieldPath", "").split(".")[1:]:
                assert step in at["properties"], path
                at = at["properties"][step]


def test_parameters_nest_once() -> None:
    spec = schema(DOCUMENTS["sweeps.yaml"])["properties"]["spec"]["properties"]
    outer = spec["parameters"]["additionalProperties"]["properties"]
    inner = outer["parameters"]["additionalProperties"]["properties"]
    assert set(outer) - set(inner) == {"parameters"}


def test_a_rule_that_leads_nowhere_is_an_error() -> None:
    with pytest.raises(KeyError):
        put({"spec.nowhere": ()}, {"properties": {"spec": {"properties": {}}}})
