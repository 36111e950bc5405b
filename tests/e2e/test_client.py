"""The Python client, in real pods, while operators come and go."""

import pytest
from tests.e2e.kills import kill_leaders
from tests.e2e.kube import Json, Kube
from tests.e2e.sweeps import finished, in_python, main_of, phase, sweep

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

RUNS = 60
AT_A_TIME = 6

# There is no termination message that could bring the result along. A run ends once its result is
# on record, and fails if nobody says so.
PROGRAM = """
import sys, time, sweep_run

run = sweep_run.init()
for step in range(100):
    run.log({"loss": run.config.x + 1 / (step + 1)}, step)
    time.sleep(0.2)
sys.exit(0 if run.finish({"loss": run.config.x}, timeout=600) else 3)
"""


def reporting(image: str) -> Json:
    made = sweep(
        "s",
        {"x": {"values": list(range(1, RUNS + 1))}},
        metric={"name": "loss"},
        parallelism=AT_A_TIME,
    )
    main_of(made).update(
        terminationMessagePath="/dev/no-message",
        resources={"requests": {"cpu": "10m", "memory": "32Mi"}},
    )
    return in_python(made, image, PROGRAM)


def test_20_kills_of_the_operator_lose_no_result_that_was_acknowledged_and_fail_no_training(
    cluster: Kube, kube: Kube, digits: str
) -> None:
    kube.apply(reporting(digits))
    kill_leaders(20, cluster, kube, "s", longest=6, seed=2)
    end = kube.until("sweep", "s", finished, within=600)

    runs = {run["spec"]["number"]: run for run in kube.all("sweeprun")}
    assert sorted(runs) == list(range(1, RUNS + 1))
    for number, run in runs.items():
        status = run["status"]
        assert (phase(run), status["attemptsMade"]) == ("Finished", 1)
        assert status["metrics"] == {"loss": number}
        steps = [point["step"] for point in status["history"]]
        assert steps == sorted(set(steps))
        assert steps[-1] == 99
        assert status["progress"]["iterations"] <= 101
    assert end["status"]["best"]["number"] == 1
