"""Files with the fields and values of W&B's public examples: created, and run to their end."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e import wandb_train
from tests.e2e.conftest import load
from tests.e2e.kube import Json, Kube
from tests.e2e.sweeps import complete, phase
from tests.e2e.test_cli import Cli

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HYPERBAND = {"type": "hyperband", "s": 2, "eta": 3, "max_iter": 27}
FIRST_BRACKET = 3

DENSE = {
    "dropout": {"values": [0.15, 0.2, 0.25, 0.3, 0.4]},
    "hidden_layer_size": {"values": [96, 128, 148]},
    "layer_1_size": {"values": [10, 12, 14, 16, 18, 20]},
    "layer_2_size": {"values": [24, 28, 32, 36, 40, 44]},
    "learn_rate": {"values": [0.001, 0.01, 0.003]},
    "decay": {"values": [1e-5, 1e-6, 1e-7]},
    "momentum": {"values": [0.8, 0.9, 0.95]},
    "epochs": {"value": 27},
}
CHANNELS = {
    "dropout": {"values": [0.1, 0.2, 0.4, 0.5, 0.7]},
    "channels_one": {"values": [10, 12, 14, 16, 18, 20]},
    "channels_two": {"values": [24, 28, 32, 36, 40, 44]},
    "learning_rate": {"values": [0.001, 0.005, 0.0005]},
    "epochs": {"value": 27},
}
FLAGS = {
    "optimizer": {"values": ["sgd", "adam"]},
    "flag1": {"values": [False, True]},
    "flag2": {"values": [False, True]},
}
PYTHON = """#!/usr/bin/python3
import os, sys
os.execv(sys.executable, ["python", *sys.argv[1:]])
"""
"""For an image whose Python has no such name; most have it."""

RUNS = 6
"""The public files have no cap; a grid of theirs has 540 points."""


def public(method: str, metric: str, parameters: Json) -> Json:
    """One of the public files, but for a cap."""
    return {
        "program": "train.py",
        "method": method,
        "metric": {"goal": "minimize", "name": metric},
        "parameters": parameters,
        "early_terminate": HYPERBAND,
        "run_cap": RUNS,
    }


@pytest.fixture
def cli(kube: Kube) -> Cli:
    return Cli(kube)


@pytest.fixture
def template(kube: Kube, digits: str, tmp_path: Path) -> str:
    """The name of a Job's manifest in whose working directory is train.py, and `python`."""
    files = {"train.py": Path(wandb_train.__file__).read_text(), "python": PYTHON}
    kube.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "program"}, "data": files}
    )
    container = {
        "name": "train",
        "image": digits,
        "workingDir": "/program",
        "env": [{"name": "PATH", "value": "/usr/local/bin:/usr/bin:/bin:/program"}],
        "volumeMounts": [{"name": "program", "mountPath": "/program"}],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }
    volume = {"name": "program", "configMap": {"name": "program", "defaultMode": 0o755}}
    pod = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
    job = tmp_path / "job.yaml"
    job.write_text(yaml.safe_dump({"kind": "Job", "spec": {"template": {"spec": pod}}}))
    return str(job)


@pytest.mark.parametrize(
    "config",
    [
        public("grid", "loss", CHANNELS),
        public("random", "val_loss", DENSE),
        public("bayes", "val_loss", DENSE),
    ],
    ids=lambda config: config["method"],
)
def test_a_public_file_runs_to_its_end_with_what_it_says(
    kube: Kube, cli: Cli, template: str, tmp_path: Path, config: Json
) -> None:
    assert created(cli, config, tmp_path, "--template", template) == f"{kube.namespace}/public\n"
    cli("scale", "public", "--parallelism", "3")
    sweep = kube.until("sweep", "public", complete, within=300)

    assert phase(sweep) == "Finished"
    runs = sorted(kube.all("sweeprun"), key=lambda run: run["spec"]["number"])
    assert len(runs) == RUNS
    for run in runs:
        assert_chosen(run["spec"]["parameters"], config["parameters"])
        assert_reported(run, config["metric"]["name"])
    assert {phase(run) for run in runs} == {"Finished", "Killed"}
    finished = [run["status"]["value"] for run in runs if phase(run) == "Finished"]
    assert sweep["status"]["best"]["value"] <= min(finished)
    if config["method"] == "grid":
        assert [run["spec"]["parameters"] for run in runs] == points(CHANNELS)[:RUNS]


def test_a_public_grid_without_a_metric_is_gone_through_whole(
    kube: Kube, cli: Cli, template: str, tmp_path: Path
) -> None:
    config = {"program": "train.py", "method": "grid", "parameters": FLAGS}
    created(cli, config, tmp_path, "--template", template)
    cli("scale", "public", "--parallelism", "4")
    assert phase(kube.until("sweep", "public", complete, within=180)) == "Finished"

    runs = sorted(kube.all("sweeprun"), key=lambda run: run["spec"]["number"])
    assert [run["spec"]["parameters"] for run in runs] == points(FLAGS)
    for run in runs:
        assert phase(run) == "Finished"
        assert run["status"]["metrics"]["loss"] == expected(run, epoch=1)


def test_a_public_file_runs_a_script_of_wandbs_in_an_image(
    kube: Kube, cli: Cli, kind_cluster: Any, tmp_path: Path
) -> None:
    config = public("grid", "loss", CHANNELS) | {
        "program": "/app/train.py",
        "command": ["${env}", "python3", "${program}", "${args}"],
        "run_cap": 2,
    }
    created(cli, config, tmp_path, "--image", load(kind_cluster, "wandb"))
    assert phase(kube.until("sweep", "public", complete, within=300)) == "Finished"

    for run in kube.all("sweeprun"):
        assert phase(run) == "Finished"
        assert run["status"]["value"] == run["status"]["metrics"]["loss"]
        assert run["status"]["metrics"]["epoch"] == run["spec"]["parameters"]["epochs"]


def created(cli: Cli, config: Json, folder: Path, *arguments: str) -> str:
    """What `kubectl sweep create` prints of a file."""
    file = folder / "sweep.yaml"
    file.write_text(yaml.safe_dump(config))
    return cli("create", str(file), "--name", "public", *arguments)


def points(parameters: Json) -> list[Json]:
    """A grid's, in order."""
    names = sorted(parameters)
    choices = [parameters[name].get("values", [parameters[name].get("value")]) for name in names]
    return [dict(zip(names, values, strict=True)) for values in product(*choices)]


def assert_chosen(found: Json, parameters: Json) -> None:
    assert found.keys() == parameters.keys()
    for name, value in found.items():
        assert value in parameters[name].get("values", [parameters[name].get("value")])


def assert_reported(run: Json, metric: str) -> None:
    status = run["status"]
    if phase(run) == "Finished":
        assert status["value"] == status["metrics"][metric]
        assert status["value"] == expected(run, run["spec"]["parameters"]["epochs"])
    else:
        assert (phase(run), status["reason"]) == ("Killed", "EarlyTerminated")
        assert status["progress"]["iterations"] >= FIRST_BRACKET
    assert status["history"]
    for point in status["history"]:
        assert point["metrics"][metric] == expected(run, point["step"])


def expected(run: Json, epoch: int) -> Any:
    """What the program reports if it was given what the record says."""
    arguments = {name: str(value) for name, value in run["spec"]["parameters"].items()}
    return pytest.approx(wandb_train.loss(arguments, epoch), rel=1e-12)
