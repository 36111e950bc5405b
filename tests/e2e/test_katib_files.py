"""An Experiment of Katib's, created as it is and run to its end."""

import json
from pathlib import Path

import pytest
from tests.e2e.kube import Json, Kube
from tests.e2e.sweeps import IMAGE, complete, phase
from tests.e2e.test_cli import Cli

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TRAIN = """
rate=${trialParameters.rate}
for epoch in 1 2; do echo "epoch $epoch: loss = $rate$epoch, accuracy=0.$epoch"; done
echo "$TRIAL $DEPTH"
"""

EXPERIMENT: Json = {
    "apiVersion": "kubeflow.org/v1beta1",
    "kind": "Experiment",
    "metadata": {"name": "kept", "namespace": "elsewhere"},
    "spec": {
        "objective": {
            "type": "minimize",
            "objectiveMetricName": "loss",
            "additionalMetricNames": ["accuracy"],
        },
        "algorithm": {"algorithmName": "grid"},
        "parallelTrialCount": 2,
        "maxTrialCount": 4,
        "maxFailedTrialCount": 2,
        "parameters": [
            {
                "name": "rate",
                "parameterType": "double",
                "feasibleSpace": {"min": "0.01", "max": "0.02", "step": "0.01"},
            },
            {
                "name": "depth",
                "parameterType": "categorical",
                "feasibleSpace": {"list": ["two", "three"]},
            },
        ],
        "trialTemplate": {
            "primaryContainerName": "train",
            "trialParameters": [
                {"name": "rate", "reference": "rate"},
                {"name": "layers", "reference": "depth"},
                {"name": "trial", "reference": "${trialSpec.Name}"},
            ],
            "trialSpec": {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "spec": {
                    "template": {
                        "spec": {
                            "restartPolicy": "Never",
                            "containers": [
                                {
                                    "name": "train",
                                    "image": IMAGE,
                                    "command": ["sh", "-c", TRAIN],
                                    "env": [
                                        {"name": "DEPTH", "value": "${trialParameters.layers}"},
                                        {"name": "TRIAL", "value": "${trialParameters.trial}"},
                                    ],
                                }
                            ],
                        }
                    }
                },
            },
        },
    },
}


def test_an_experiment_runs_to_its_end(kube: Kube, tmp_path: Path) -> None:
    cli = Cli(kube)
    file = tmp_path / "experiment.json"
    file.write_text(json.dumps(EXPERIMENT))
    assert cli("create", str(file)) == f"{kube.namespace}/kept\n"
    sweep = kube.until("sweep", "kept", complete, within=180)

    assert phase(sweep) == "Finished"
    records = kube.all("sweeprun")
    tried = sorted((run["spec"]["parameters"]["rate"], depth(run)) for run in records)
    assert tried == [(0.01, "three"), (0.01, "two"), (0.02, "three"), (0.02, "two")]
    for run in records:
        last = float(f"{run['spec']['parameters']['rate']}2")
        assert phase(run) == "Finished"
        assert run["status"]["metrics"] == {"loss": last, "accuracy": 0.2}
        assert run["status"]["value"] == last
        said = cli("logs", "kept", str(run["spec"]["number"])).splitlines()[-1]
        assert said == f"{run['metadata']['name']} {depth(run)}"


def depth(run: Json) -> str:
    found: str = run["spec"]["parameters"]["depth"]
    return found
