"""Searches that learn, on real containers."""

import pytest
from tests.e2e.kube import Json, Kube
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


def test_a_space_with_conditions_and_constraints_is_gone_through(kube: Kube) -> None:
    made = sweep(
        "s",
        {
            "optimizer": {"values": ["adam", "sgd"]},
            "momentum": {"values": [0.5, 0.9], "when": {"optimizer": ["sgd"]}},
            "batch": {"values": [16, 64]},
        },
        constraints=["momentum < 0.8 || batch < 32"],
        method="grid",
        shuffle=True,
        parallelism=5,
    )
    kube.apply(made)
    kube.until("sweep", "s", finished)
    points = [run["spec"]["parameters"] for run in kube.all("sweeprun")]
    expected: list[Json] = [
        {"optimizer": "adam", "batch": 16},
        {"optimizer": "adam", "batch": 64},
        {"optimizer": "sgd", "batch": 16, "momentum": 0.5},
        {"optimizer": "sgd", "batch": 16, "momentum": 0.9},
        {"optimizer": "sgd", "batch": 64, "momentum": 0.5},
    ]
    assert len(points) == len(expected)
    assert all(point in points for point in expected)


# The loss is x, and as much more as the repeat says; each tells its seed too.
REPEATED = """
import os
import sweep_run

run = sweep_run.init()
repeat, seed = int(os.environ["SWEEP_REPEAT"]), int(os.environ["SWEEP_SEED"])
run.finish({"loss": run.config.x + repeat, "seed": seed})
"""


def test_repeats_are_compared_by_their_means_and_a_plateau_ends_the_search(
    kube: Kube, digits: str
) -> None:
    made = sweep(
        "s",
        {"x": {"values": [1, 2, 3, 4, 5, 6]}},
        metric={"name": "loss"},
        repeats=2,
        plateau={"runs": 4},
        parallelism=2,
    )
    kube.apply(in_python(made, digits, REPEATED))
    state = kube.until("sweep", "s", finished)
    assert (phase(state), state["status"]["endReason"]) == ("Finished", "Plateau")
    assert (state["status"]["best"]["number"], state["status"]["best"]["value"]) == (1, 2.5)

    runs = {run["spec"]["number"]: run for run in kube.all("sweeprun")}
    started = [number for number, run in runs.items() if phase(run) == "Finished"]
    assert 6 <= len(started) < 12, "a point, and two that are no better"
    for number in started:
        assert runs[number]["spec"]["parameters"] == {"x": (number + 1) // 2}
    seeds = {(number % 2, runs[number]["status"]["metrics"]["seed"]) for number in started}
    assert len(seeds) == 2, "a seed for each repeat, the same for every point"


def test_a_warm_start_goes_on_where_another_sweep_has_ended(kube: Kube, digits: str) -> None:
    space = {"x": {"min": -0.5, "max": 1.5}, "kind": {"values": ["a", "b", "c"]}}
    shared = {"method": "bayes", "metric": {"name": "loss"}, "parallelism": 3, "seed": 3}
    kube.apply(in_python(sweep("first", space, runCap=RUNS, **shared), digits, PROGRAM))
    kube.until("sweep", "first", finished, within=400)
    later = sweep("later", space, runCap=3, warmStart={"sweeps": ["first"]}, **shared)
    kube.apply(in_python(later, digits, PROGRAM))
    kube.until("sweep", "later", finished)
    points = [
        run["spec"]["parameters"] for run in kube.all("sweeprun", "sweep-operator.io/sweep=later")
    ]
    assert {point["kind"] for point in points} == {"b"}, "it knows from the first run on"
