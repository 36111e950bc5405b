"""Searches that learn, on real containers."""

import pytest
from tests.e2e.kube import Kube
from tests.e2e.sweeps import finished, in_python, phase, sweep

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

RUNS = 16

# The best is at x = 0.3 with kind b: the loss is 0 there.
PROGRAM = """
import sweep_run

run = sweep_run.init()
run.finish({"loss": (run.config.x - 0.3) ** 2 + (run.config.kind != "b")})
"""


@pytest.mark.parametrize("method", ["sobol", "bayes", "tpe"])
def test_a_search_goes_through_its_runs_and_finds_what_is_good(
    kube: Kube, digits: str, method: str
) -> None:
    made = sweep(
        "s",
        {"x": {"min": -0.5, "max": 1.5}, "kind": {"values": ["a", "b", "c"]}},
        method=method,
        seed=3,
        metric={"name": "loss"},
        runCap=RUNS,
        parallelism=3,
    )
    kube.apply(in_python(made, digits, PROGRAM))
    state = kube.until("sweep", "s", finished, within=400)
    runs = kube.all("sweeprun")
    assert len(runs) == RUNS
    assert {phase(run) for run in runs} == {"Finished"}
    points = [tuple(run["spec"]["parameters"].values()) for run in runs]
    assert len(set(points)) == RUNS
    best = state["status"]["best"]
    assert best["parameters"]["kind"] == "b"
    assert abs(best["parameters"]["x"] - 0.3) < 0.5
