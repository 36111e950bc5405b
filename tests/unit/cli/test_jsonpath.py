"""-o jsonpath, by what kubectl makes of the same templates."""

import pytest

from sweep_operator.cli.jsonpath import filled
from sweep_operator.client import ClientError

SWEEP = {
    "metadata": {
        "name": "digits",
        "labels": {"app.kubernetes.io/name": "vision", "a-b": "dashed"},
    },
    "status": {"phase": "Running", "runs": {"running": 3}, "best": {"value": 0.5}},
    "json": '{"a": 1}',
    "items": [
        {"name": "one", "value": 0.25, "tags": ["x", "y"]},
        {"name": "two", "value": 0.75},
        {"name": "three"},
    ],
}


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{.status.phase}", "Running"),
        ("{$.status.phase}", "Running"),
        ("{.status.runs}", '{"running":3}'),
        ("{.status.runs.running} run", "3 run"),
        ("{.status.absent.deeper}", ""),
        (r"{.metadata.labels.app\.kubernetes\.io/name}", "vision"),
        ("{.metadata.labels.a-b}", "dashed"),
        ("{.metadata['name']}", "digits"),
        ("{.items[*].name}", "one two three"),
        ("{.items[0].tags[1]}", "y"),
        ("{.items[-1].name}", "three"),
        ("{.items[0:2].name}", "one two"),
        ("{..value}", "0.5 0.25 0.75"),
        ('{.items[?(@.name=="two")].value}', "0.75"),
        ("{.items[?(@.value>0.5)].name}", "two"),
        ("{.items[?(@.name=='a.b')].value}", ""),
        (r'{range .items[*]}{.name}{"\t"}{.value}{"\n"}{end}', "one\t0.25\ntwo\t0.75\nthree\t\n"),
        ("{range .items[*]}{@.name}{range .tags[*]}-{@}{end} {end}", "one-x-y two three "),
        ("{range .items[*]}{$.metadata.name} {end}", "digits digits digits "),
        ("{'{'}{.status.phase}{'}'}", "{Running}"),
        ("{range .json}{.a}{end}", ""),
    ],
)
def test_a_template_is_filled_as_kubectl_fills_it(template: str, shown: str) -> None:
    assert filled(template, SWEEP) == shown


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{.status.phase", "a brace or a quote is open"),
        ('{"text}', "a brace or a quote is open"),
        ("{range .items[*]}{.name}", "without its {end}"),
        ("{.name}{end}", "ends no {range}"),
        ("{.items[}", "-o jsonpath: {.items[}: "),
        ("{.items[?(@.name==)]}", "-o jsonpath: "),
        ("{phase}", "{phase}: a field begins with a dot"),
    ],
)
def test_a_wrong_template_is_told(template: str, why: str) -> None:
    with pytest.raises(ClientError) as told:
        filled(template, SWEEP)
    assert why in str(told.value)
    assert "\n" not in str(told.value)
