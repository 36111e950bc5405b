"""examples/wandb: its sweep runs the image built for it, and understands what wandb prints."""

from pathlib import Path

import pytest
import yaml

from images.catalog import IMAGES
from sweep_operator.api.sweep import Sweep
from sweep_operator.planning.logs import read_log

EXAMPLE = Path(__file__).parents[2] / "examples/wandb"

PRINTED = """\
wandb: Tracking run with wandb version 0.31.0
wandb: Run data is saved locally in /tmp/wandb/offline-run-20260102_030405-wandb-1
epoch 20
wandb: WARNING Config item 'epochs' was locked by 'sweep' (ignored update).
wandb:
wandb: Run history:
wandb: accuracy ▁▂▃▄▅▆▇█
wandb:       +3 ...
wandb:
wandb: Run summary:
wandb: accuracy 0.945
wandb: diverged inf
wandb:    epoch 20
wandb:   stable True
wandb:     tiny 1e-05
wandb: val/loss nan
wandb:       +2 ...
wandb:
wandb: You can sync this run to the cloud by running:
wandb: wandb sync /tmp/wandb/offline-run-20260102_030405-wandb-1
wandb: Find logs at: /tmp/wandb/offline-run-20260102_030405-wandb-1/logs
"""
"""What wandb 0.31 prints without a terminal, with values of all kinds."""


@pytest.fixture
def sweep() -> Sweep:
    """The example."""
    return Sweep.model_validate(yaml.safe_load((EXAMPLE / "sweep.yaml").read_text()))


def test_the_wandb_example_runs_the_image_built_for_it(sweep: Sweep) -> None:
    container = sweep.spec.template.spec.template.spec.containers[0]
    assert (container.model_extra or {})["image"] == IMAGES["wandb"].name


def test_the_wandb_example_finds_numbers_in_the_summary_and_nothing_else(sweep: Sweep) -> None:
    found = read_log(PRINTED, sweep.spec.log_pattern or "", "loss")
    assert found.metrics == {"accuracy": 0.945, "epoch": 20, "tiny": 1e-05}
    assert found.non_finite == {"diverged": "inf", "val/loss": "nan"}


def test_the_script_knows_wandb_alone() -> None:
    script = (EXAMPLE / "train.py").read_text()
    assert "import wandb\n" in script
    assert "sweep" not in script.lower()
