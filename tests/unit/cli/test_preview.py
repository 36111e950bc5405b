"""`kubectl sweep preview` shows what the operator will do, without a cluster."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sweep_operator.cli.main import main
from sweep_operator.planning.sweep import Intent

EXAMPLE = Path(__file__).parents[3] / "examples/digits/sweep.yaml"


def sweep(**spec: Any) -> dict[str, Any]:
    """A Sweep of a learning rate, with these fields of spec changed."""
    container = {"name": "train", "image": "train:1"}
    given = {
        "method": "random",
        "parameters": {"lr": {"min": 0.1, "max": 0.5}},
        "template": {"spec": {"template": {"spec": {"containers": [container]}}}},
    }
    return {
        "apiVersion": "sweep-operator.io/v1alpha1",
        "kind": "Sweep",
        "metadata": {"name": "trial"},
        "spec": given | spec,
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sweep.yaml"


def shown(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["preview", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_it_shows_the_runs_that_the_operator_would_make(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = json.loads(shown(capsys, EXAMPLE, "-n", 3, "-o", "json"))
    manifest = yaml.safe_load(EXAMPLE.read_text())
    metadata = manifest["metadata"] | {"namespace": "ml", "uid": "u-1"}
    intent = Intent.of(manifest | {"metadata": metadata})
    assert found["runs"] == [intent.suggest(number) for number in (1, 2, 3)]
    assert found["limit"] == manifest["spec"]["runCap"]


def test_a_person_sees_six_digits_of_them_as_in_runs(capsys: pytest.CaptureFixture[str]) -> None:
    *_, first = shown(capsys, EXAMPLE, "-n", 1).splitlines()
    assert first.split() == ["1", "tanh", "1.44187e-05", "16", "0.000578502"]


def test_a_seed_that_it_picks_gives_the_same_runs_again(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(json.dumps(sweep()))
    (first,) = json.loads(shown(capsys, file, "-o", "json"))
    assert json.loads(shown(capsys, file, "-o", "json", "--seed", first["seed"])) == [first]
    file.write_text(json.dumps(sweep(seed=first["seed"])))
    assert json.loads(shown(capsys, file, "-o", "json")) == [first]
    assert f"seed: {first['seed']}\n" in shown(capsys, file)


def test_it_shows_a_grid_to_its_end(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(yaml.safe_dump(sweep(method="grid", parameters={"b": {"values": [16, 32]}})))
    assert shown(capsys, file).splitlines()[-3:] == ["RUN   b", "1     16", "2     32"]


def test_it_shows_the_brackets_of_early_termination(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = {"type": "hyperband", "maxIter": 27, "s": 2}
    file.write_text(yaml.safe_dump(sweep(metric={"name": "loss"}, earlyTerminate=rule)))
    assert "after 3, 9 reports of the metric" in shown(capsys, file)


def test_it_says_that_later_runs_depend_on_results(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(yaml.safe_dump(sweep(method="bayes", metric={"name": "loss"})))
    assert "depend on the results" in shown(capsys, file)


def test_numbers_are_read_as_kubectl_reads_them(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = yaml.safe_dump(sweep(parameters={"lr": {"min": "LOW", "max": 0.5}}))
    file.write_text(text.replace("LOW", "1e-4"))
    assert "trial" in shown(capsys, file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: [", "is no YAML"),
        ("kind: 2026-13-01", "is no YAML"),
        ("kind: 1e5 steps", "has no Sweep"),
        ("kind: Job", "has no Sweep"),
        (json.dumps(sweep(method="gird")), "spec.method"),
        (json.dumps(sweep(method="grid")), "spec.parameters.lr"),
        (json.dumps(sweep(command=["${nothing}"])), "spec.command"),
    ],
)
def test_a_mistake_is_told_with_the_file_and_the_field(
    text: str, told: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(text)
    assert main(["preview", str(file)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {file}: ")
    assert told in error


def test_a_file_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "nowhere.yaml"]) == 1
    assert capsys.readouterr().err == "error: nowhere.yaml: No such file or directory\n"
