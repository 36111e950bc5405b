"""`kubectl sweep convert` makes of W&B's sweep files Sweeps that mean the same."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sweep_operator.cli.files import FileError
from sweep_operator.cli.foreign.wandb import converted
from sweep_operator.cli.main import main
from sweep_operator.cli.preview import preview

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: once, labels: {team: vision}, annotations: {}}
spec:
  backoffLimit: 4
  completions: 1
  template:
    spec:
      restartPolicy: OnFailure
      containers:
        - name: main
          image: train:1
          env: [{name: WANDB_PROJECT, value: mine}]
"""


def config(**changed: Any) -> dict[str, Any]:
    given = {"program": "train.py", "method": "random", "parameters": {"lr": {"value": 1}}}
    return {key: value for key, value in (given | changed).items() if value is not None}


def spec(document: dict[str, Any]) -> dict[str, Any]:
    """The spec made of a file, which the operator takes."""
    made = converted(document, image="train:1").sweep
    preview(made, 1, None)
    found: dict[str, Any] = made["spec"]
    return found


@pytest.mark.parametrize(
    ("written", "distribution"),
    [
        ({"min": 1, "max": 8}, "int_uniform"),
        ({"min": 1.0, "max": 8.0}, "uniform"),
        ({"min": 1, "max": 8.0}, "uniform"),
        ({"min": 1, "max": 8, "distribution": "q_uniform", "q": 2}, "q_uniform"),
        ({"values": [1, 2]}, None),
    ],
)
def test_the_distribution_is_the_one_that_wandb_infers(
    written: dict[str, Any], distribution: str | None
) -> None:
    made = spec(config(parameters={"x": written}))["parameters"]["x"]
    assert made.get("distribution") == distribution


def test_names_with_dots_are_nested() -> None:
    found = spec(config(parameters={"a.x": {"value": 1}, "a.y": {"value": 2}}))
    assert found["parameters"] == {"a": {"parameters": {"x": {"value": 1}, "y": {"value": 2}}}}


def test_names_that_cannot_be_nested_are_arguments_all_the_same() -> None:
    parameters = {
        "opt": {"values": ["a", "b"]},
        "opt.rate": {"value": 1},
        "x.y.z": {"value": 2},
        "net.depth": {"value": 3},
    }
    made = converted(config(parameters=parameters), image="train:1")
    preview(made.sweep, 1, None)
    assert made.sweep["spec"]["parameters"] == {
        "opt": {"values": ["a", "b"]},
        "opt_rate": {"value": 1},
        "x_y_z": {"value": 2},
        "net": {"parameters": {"depth": {"value": 3}}},
    }
    assert made.sweep["spec"]["command"] == [
        "python",
        "train.py",
        "--net.depth=${param:net.depth}",
        "--opt.rate=${param:opt_rate}",
        "--opt=${param:opt}",
        "--x.y.z=${param:x_y_z}",
    ]
    assert any(note.startswith("opt.rate is opt_rate here") for note in made.notes)
    no_hyphens = config(command=["${args_no_hyphens}"], parameters={"x.y.z": {"value": 2}})
    assert spec(no_hyphens)["command"] == ["x.y.z=${param:x_y_z}"]


def test_what_launch_is_told_is_taken_over_or_told() -> None:
    document = config(job="project/job:latest", scheduler={"num_workers": 4}, program=None)
    made = converted(document, image="train:1")
    assert made.sweep["spec"]["parallelism"] == 4
    assert "command" not in made.sweep["spec"]
    told = [note.split(":")[0] for note in made.notes]
    assert {"job is left out", "scheduler is left out"} < set(told)
    assert "there is neither program nor command" in told


@pytest.mark.parametrize(
    ("method", "told"),
    [("random", "until it is stopped"), ("bayes", "or has tried all there is"), ("grid", None)],
)
def test_a_search_without_a_cap_is_told_how_it_ends(method: str, told: str | None) -> None:
    document = config(method=method, metric={"name": "loss"})
    notes = [
        note
        for note in converted(document, image="train:1").notes
        if note.startswith("there is no run_cap")
    ]
    assert [note.endswith(told) for note in notes] == ([True] if told else [])


def test_a_constant_null_survives_kubectl_apply() -> None:
    assert spec(config(parameters={"x": {"value": None}}))["parameters"] == {
        "x": {"values": [None]}
    }


@pytest.mark.parametrize(
    ("command", "made"),
    [
        (None, ["python", "train.py", "${args}"]),
        (["${env}", "${interpreter}", "${program}"], ["python", "train.py"]),
        (["torchrun", "--nnodes=1", "${program}", "${args}"],) * 2,
        (["python3", "-m", "pkg", "${args_json}"],) * 2,
    ],
)
def test_the_command_is_wandbs(command: list[str] | None, made: list[str]) -> None:
    expected = ["train.py" if word == "${program}" else word for word in made]
    assert spec(config(command=command))["command"] == expected


def test_hyperband_keeps_its_numbers() -> None:
    rule = {"type": "hyperband", "max_iter": 27, "s": 2, "eta": 3}
    found = spec(config(metric={"name": "loss"}, early_terminate=rule))
    assert found["earlyTerminate"] == {"type": "hyperband", "maxIter": 27, "s": 2, "eta": 3}


def test_a_program_with_wandb_runs_offline_and_its_summary_is_read() -> None:
    found = spec(config(metric={"name": "loss"}, project="p"))
    (container,) = found["template"]["spec"]["template"]["spec"]["containers"]
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert environment == {"WANDB_MODE": "offline", "WANDB_DIR": "/tmp", "WANDB_PROJECT": "p"}
    assert "(?P<value>" in found["logPattern"]


def test_a_jobs_template_is_kept_but_for_what_the_operator_sets() -> None:
    job = yaml.safe_load(JOB)
    made = converted(config(project="theirs"), job=job)
    preview(made.sweep, 1, None)
    assert made.sweep["spec"]["template"] == {
        "metadata": {"labels": {"team": "vision"}},
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "main",
                            "image": "train:1",
                            "env": [{"name": "WANDB_PROJECT", "value": "mine"}],
                        }
                    ]
                }
            }
        },
    }
    assert [note.split(":")[0] for note in made.notes if "Job's" in note] == [
        "the Job's backoffLimit is left out"
    ]
    assert job == yaml.safe_load(JOB)


@pytest.mark.parametrize(
    ("name", "program", "made"),
    [
        ("My Sweep #1", "train.py", "my-sweep-1"),
        (None, "src/train_net.py", "train-net"),
        ("x" * 60, None, "x" * 44),
        ("___", None, "sweep"),
    ],
)
def test_the_name_is_a_dns_label(name: str | None, program: str | None, made: str) -> None:
    found = converted(config(name=name, program=program), image="train:1").sweep
    assert found["metadata"]["name"] == made


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (config(parameters=[]), "parameters: is no map"),
        (config(parameters={"lr": 0.1}), "parameters.lr: write {value: 0.1}"),
        (config(program=None, command=["python", "${program}"]), "needs program"),
        (config(command="python train.py"), "command: is no list"),
        (config(metric="loss"), "metric is no map"),
        (config(early_terminate="hyperband"), "early_terminate is no map"),
        (config(early_terminate={"type": "hyperband", "miniter": 3}), "early_terminate.miniter"),
        (
            config(parameters={"a": {"parameters": {"x": {"value": 1}}}, "a.x": {"value": 2}}),
            "twice",
        ),
        (
            config(parameters={"a.b.c": {"value": 1}, "a_b_c": {"value": 2}}),
            "a second a_b_c",
        ),
        (
            config(command=["sh", "-c", "train ${args}"], parameters={"a.b.c": {"value": 1}}),
            "write what it stands for",
        ),
    ],
)
def test_what_a_sweep_cannot_say_is_told(document: dict[str, Any], told: str) -> None:
    with pytest.raises(FileError, match=told.replace("{", r"\{").replace("}", r"\}")):
        converted(document, image="train:1")


def test_nothing_is_dropped_without_a_note() -> None:
    metric = {"name": "loss", "impute": "latest", "impute_while_running": "best"}
    made = converted(config(controller={"type": "local"}, metric=metric), image="train:1")
    assert made.sweep["spec"]["metric"] == {"name": "loss", "impute": "latest"}
    for left_out in ("controller", "metric.impute_while_running"):
        assert any(note.startswith(f"{left_out} is left out") for note in made.notes)


def test_what_it_prints_can_be_applied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wandb.yaml"
    file.write_text(yaml.safe_dump(config(run_cap=3)))
    assert main(["convert", str(file), "--image", "train:1", "--name", "mine"]) == 0
    made = yaml.safe_load(capsys.readouterr().out)
    assert made["metadata"]["name"] == "mine"
    assert made["spec"]["runCap"] == 3
    assert main(["preview", str(file), "-n", "2"]) == 0
    assert capsys.readouterr().out.startswith("train: 3 runs\n")


@pytest.mark.parametrize(
    ("documents", "told"),
    [
        ([{"parameters": {}, "job": "j"}], "has nothing to convert: neither a sweep of W&B's"),
        ([config(), config()], "has 2 to convert: put each into a file of its own"),
        ([config(), {"kind": "Sweep"}], "has 1 to convert beside 1 Sweep: put each into a file"),
    ],
)
def test_a_file_has_one_thing_to_convert(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], documents: list[Any], told: str
) -> None:
    file = tmp_path / "wandb.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    assert main(["convert", str(file), "--image", "train:1"]) == 1
    assert told in capsys.readouterr().err


def test_an_impossible_sweep_is_told_before_it_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wandb.yaml"
    file.write_text(
        yaml.safe_dump(config(method="grid", parameters={"x": {"min": 0.0, "max": 1.5}}))
    )
    assert main(["convert", str(file), "--image", "train:1"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "spec.parameters.x" in shown.err
