"""examples/wandb, as it is in the repository: a script for W&B, with the real wandb package."""

import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from tests.e2e.conftest import load
from tests.e2e.kube import Json, Kube
from tests.e2e.sweeps import finished, main_of

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

EXAMPLE = Path(__file__).parents[2] / "examples/wandb"

ROUNDED = 0.00001
"""wandb's summary has five decimals."""


@pytest.fixture(scope="session")
def image(kind_cluster: Any) -> str:
    """The example's image, in which there are Python and wandb."""
    return load(kind_cluster, "wandb")


def test_a_script_for_wandb_runs_as_it_is(
    kube: Kube, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = yaml.safe_load((EXAMPLE / "sweep.yaml").read_text())
    assert main_of(example)["image"] == image
    kube.apply(example)
    sweep = kube.until("sweep", "wandb", finished, within=300)

    runs = [kube.get("sweeprun", f"wandb-{number}") for number in range(1, 7)]
    assert len({str(run["spec"]["parameters"]) for run in runs}) == 6
    for run in runs:
        expected = logged(run["spec"]["parameters"], monkeypatch)
        assert run["status"]["metrics"] == pytest.approx(expected, abs=ROUNDED)
        assert run["status"]["value"] == run["status"]["metrics"]["loss"]
    best = min(runs, key=lambda run: run["status"]["value"])
    assert sweep["status"]["best"]["value"] == best["status"]["value"]


def logged(parameters: Json, monkeypatch: pytest.MonkeyPatch) -> Json:
    """What the script logs last with these parameters, found without wandb."""
    last: Json = {}
    wandb: Any = ModuleType("wandb")

    def init(*, config: Json, **_: str) -> None:
        wandb.config = SimpleNamespace(**config | parameters)

    wandb.init, wandb.log, wandb.finish = init, last.update, lambda: None
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    runpy.run_path(str(EXAMPLE / "train.py"), run_name="__main__")
    return last
