"""The dashboard's queries, as Grafana would send them."""

import json
from pathlib import Path
from typing import NamedTuple

DASHBOARD = Path(__file__).parents[2] / "helm/sweep-operator/files/dashboard.json"


class Query(NamedTuple):
    """A query of a panel."""

    panel: str
    text: str


def queries(rate_interval: str) -> list[Query]:
    """All of them, the variables in their place: all namespaces, and a time to take rates over."""
    found = []
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            text = target["expr"].replace("$namespace", ".*")
            found.append(Query(panel["title"], text.replace("$__rate_interval", rate_interval)))
    return found
