"""What docs/parameters.md and README.md show is what the code does."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from sweep_operator.api.model import problems
from sweep_operator.api.parameters import FORMS, Distribution, Parameter
from sweep_operator.api.sweep import SweepSpec
from sweep_operator.planning.environment import surroundings
from sweep_operator.planning.json_text import to_json
from sweep_operator.planning.macros import MacroError, expand_command
from sweep_operator.planning.sweep import Intent
from sweep_operator.search import Space, SpaceError
from sweep_operator.search.space import infer

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text()
PARAMETERS = (REPOSITORY / "docs/parameters.md").read_text()


def blocks(text: str) -> list[Any]:
    """What each fenced YAML block holds."""
    found = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [yaml.safe_load(block) for block in found]


def table(head: str) -> list[list[str]]:
    """The rows of the one table in docs/parameters.md whose columns begin so."""
    pattern = rf"^\| {re.escape(head)} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)"
    (found,) = re.findall(pattern, PARAMETERS, re.MULTILINE)
    return [[cell.strip() for cell in row[1:-1].split(" | ")] for row in found.splitlines()]


def code(cell: str) -> list[str]:
    """Each piece of code in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def intent(manifest: dict[str, Any]) -> Intent:
    """What the operator makes of a manifest, macros of the first run included."""
    named = manifest["metadata"] | {"namespace": "ml", "uid": "u-1"}
    return Intent.of(manifest | {"metadata": named})


def sweeps(text: str) -> list[dict[str, Any]]:
    return [block for block in blocks(text) if block.get("kind") == "Sweep"]


SWEEPS = {each["metadata"]["name"]: each for each in sweeps(README) + sweeps(PARAMETERS)}
TEMPLATE = SWEEPS["digits"]["spec"]["template"]


def space(parameters: dict[str, Any]) -> Space:
    """The space of some parameters, checked as those of a Sweep are."""
    spec = {"method": "random", "parameters": parameters, "template": TEMPLATE}
    return Space.of(SweepSpec.model_validate(spec).parameters)


@pytest.mark.parametrize("name", SWEEPS)
def test_sweeps_can_be_run(name: str) -> None:
    assert intent(SWEEPS[name]).suggest(1)


def test_parameters_can_be_searched() -> None:
    shown = [block["parameters"] for block in blocks(PARAMETERS) if "parameters" in block]
    assert len(shown) == 2
    for parameters in shown:
        assert space(parameters).dimensions


def test_runs_get_the_parameters_shown_below_their_sweep() -> None:
    shown, sweep = [], None
    for block in blocks(PARAMETERS):
        if block.get("kind") == "Sweep":
            sweep = intent(block)
        elif all(isinstance(number, int) for number in block):
            assert sweep is not None
            shown.append(sweep.name)
            assert {number: sweep.suggest(number) for number in block} == block
    assert shown == ["conditional", "constrained", "grid", "shuffled", "drawn"]


def test_every_distribution_has_a_row_with_its_fields_and_an_example() -> None:
    rows = table("Distribution | Fields")
    assert [code(row[0])[0] for row in rows] == [name.value for name in Distribution]
    for (name, fields, _, example), form in zip(rows, FORMS.values(), strict=True):
        assert set(re.findall(r"\w+(?= = )", fields)) == form.optional
        assert set(re.findall(r"\w+", re.sub(r"\[.*?\]", "", fields))) == form.required
        written = yaml.safe_load(code(example)[0])
        assert space({"x": written}).dimensions
        assert f"`{infer(Parameter.model_validate(written)).value}`" == name


def test_every_macro_has_a_row_with_its_result() -> None:
    with pytest.raises(MacroError) as listed:
        expand_command(["${?}"], {})
    rows = table("Macro | Stands for")
    assert [code(row[0])[0] for row in rows] == re.findall(
        r"\$\{[^}]+\}", str(listed.value).partition("the macros are ")[2]
    )
    (parameters,) = (block for block in blocks(PARAMETERS) if "warm" in block)
    for _, _, written, results in rows:
        assert expand_command(code(written), parameters) == code(results)


def test_values_are_written_as_shown() -> None:
    for cells in table("Value | As an argument"):
        value, argument, text = (code(cell)[0] for cell in cells)
        parameters = {"x": yaml.safe_load(value)}
        assert expand_command(["${param:x}"], parameters) == [argument]
        assert to_json(parameters["x"]) == text


def test_every_variable_and_file_has_a_row() -> None:
    around = surroundings(
        sweep="s",
        namespace="n",
        run="s-1",
        number=1,
        attempt=2,
        repeat=1,
        seed=7,
        parameters={},
        metric="loss",
        report_url="http://here",
    )
    rows = [line for line in PARAMETERS.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in code(row.split(" | ")[0])}
    assert {entry["name"] for entry in around.env} <= named
    files = {item["path"] for item in around.volumes[0]["downwardAPI"]["items"]}
    assert {f"/etc/sweep/{path}" for path in files} <= named


@pytest.mark.parametrize(("written", "said"), table("Written | Said"))
def test_mistakes_are_refused_as_shown(written: str, said: str) -> None:
    with pytest.raises((ValidationError, SpaceError)) as caught:
        space({"x": yaml.safe_load(code(written)[0])})
    error = caught.value
    assert said in (str(error) if isinstance(error, SpaceError) else problems(error)[0])


def test_each_way_off_a_node_is_linked_to_a_test_that_is_there() -> None:
    page = REPOSITORY / "docs/preemption.md"
    links = re.findall(r"\[(test_\w+)\]\(([^)]+)\)", page.read_text())
    assert len(links) >= 18
    for name, file in links:
        assert f"def {name}(" in (page.parent / file).read_text(), name
