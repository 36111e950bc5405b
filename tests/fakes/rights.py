"""Rules of roles as single rights: (API group, resource, verb)."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
INSTALLED = ("install.yaml", "read-logs.yaml", "unreachable-nodes.yaml")
"""All that the chart can give, as it is rendered."""


class Right(NamedTuple):
    """One verb on one resource; core is the group without a name."""

    group: str
    resource: str
    verb: str


def given() -> dict[str, set[Right]]:
    """The rights of each role of the chart, as `ClusterRole sweep-operator`."""
    return {
        f"{thing['kind']} {thing['metadata']['name']}": set(rights(thing))
        for file in INSTALLED
        for thing in yaml.safe_load_all((ROOT / "manifests" / file).read_text())
        if thing["kind"] in ("Role", "ClusterRole")
    }


def rights(role: Mapping[str, Any]) -> Iterator[Right]:
    """What a role gives."""
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    yield Right(group or "core", resource, verb)


def documented() -> dict[str, set[Right]]:
    """What docs/rbac.md says of each role."""
    text = (ROOT / "docs/rbac.md").read_text()
    found: dict[str, set[Right]] = {}
    for head, section in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL):
        role = re.match(r"(Cluster)?Role \S+?(?=,|$)", head)
        rows = [row[2:-2].split(" | ") for row in re.findall(r"^\| .* \|$", section, re.MULTILINE)]
        if role:
            found[role[0]] = {
                Right(group, resource, verb)
                for group, resources, verbs, _why in rows[1:]
                for resource in resources.split(", ")
                for verb in verbs.split(", ")
            }
    return found
