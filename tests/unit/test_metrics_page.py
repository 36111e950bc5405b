"""docs/metrics.md, the alerts and the dashboard speak of the metrics that there are."""

import re
from pathlib import Path

import pytest
import yaml
from tests.promtool.dashboard import DASHBOARD, queries
from tests.unit.test_doc_links import anchors

from sweep_operator.effects.metrics import FAMILIES, Family

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/metrics.md"
RULES = yaml.safe_load((ROOT / "helm/sweep-operator/files/rules.yaml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
TESTED = {
    test["alertname"]
    for scenario in yaml.safe_load((ROOT / "tests/promtool/alerts.yaml").read_text())["tests"]
    for test in scenario["alert_rule_test"]
    if test.get("exp_alerts")
}
SERIES = {
    f"{family.name}{suffix}"
    for family in FAMILIES
    for suffix in (("_bucket", "_sum", "_count") if family.type == "histogram" else ("",))
}


def row(family: Family) -> str:
    """A metric's line in the page's table."""
    labels = ", ".join(f"`{label}`" for label in family.labels)
    return f"| `{family.name}` | {family.type} | {labels} | {family.help} |"


def test_the_page_has_a_table_of_all_metrics_and_of_no_others() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `sweep_operator_")]
    assert rows == [row(family) for family in FAMILIES]


def named(query: str) -> set[str]:
    return set(re.findall(r"\bsweep_operator_\w+", query))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_is_about_metrics_that_there_are_and_says_what_to_do(
    alert: dict[str, str],
) -> None:
    assert named(alert["expr"]) <= SERIES
    annotations = alert["annotations"]
    assert set(annotations) == {"summary", "description", "runbook"}
    page, _, anchor = annotations["runbook"].partition("#")
    assert anchor in anchors(ROOT / page)
    assert alert["alert"] in TESTED


def test_the_dashboard_is_about_metrics_that_there_are_and_leaves_none_out() -> None:
    found = set().union(*(named(query.text) for query in queries("1m")))
    assert found <= SERIES
    left_out = [
        family.name
        for family in FAMILIES
        if not any(each.startswith(family.name) for each in found)
    ]
    assert left_out == []


def test_the_dashboard_asks_the_source_that_a_person_chooses() -> None:
    text = DASHBOARD.read_text()
    assert set(re.findall(r'"uid": "([^"]*)"', text)) == {"${datasource}", "sweep-operator"}
