"""Restarting the operator at any time changes nothing."""

import threading
from collections import Counter

import pytest
from tests.e2e.kills import kill_leaders
from tests.e2e.kube import Json, Kube
from tests.e2e.sweeps import finished, phase, sweep

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

RUNS = 60
AT_A_TIME = 6


def test_the_operator_killed_20_times_makes_each_run_once(cluster: Kube, kube: Kube) -> None:
    def same(name: str, pause: int) -> Json:
        return sweep(
            name,
            {"rate": {"min": 0.5, "max": 1.5}, "depth": {"values": [1, 2, 3]}},
            f'sleep {pause}; echo "{{\\"loss\\": $SWEEP_RUN_NUMBER}}" > /dev/termination-log',
            method="random",
            seed=11,
            runCap=RUNS,
            parallelism=AT_A_TIME,
            metric={"name": "loss"},
        )

    made: Counter[str] = Counter()
    most_active = 0
    active: set[str] = set()

    def follow() -> None:
        nonlocal most_active
        with kube.watching("job", within=900) as states:
            for job in states:
                name = job["metadata"]["name"]
                made[f"{name}/{job['metadata']['uid']}"] += 1
                ended = job["status"].get("conditions")
                (active.discard if ended else active.add)(name)
                most_active = max(most_active, len(active))

    threading.Thread(target=follow, daemon=True).start()
    kube.apply(same("killed", pause=25))
    kill_leaders(20, cluster, kube, "killed", longest=3, seed=1)
    kube.until("sweep", "killed", finished, within=600)

    runs = {run["spec"]["number"]: run for run in kube.all("sweeprun")}
    assert sorted(runs) == list(range(1, RUNS + 1))
    assert {phase(run) for run in runs.values()} == {"Finished"}
    assert len(made) == RUNS
    assert most_active <= AT_A_TIME

    kube.apply(same("calm", pause=0))
    kube.until("sweep", "calm", finished, within=600)
    calm = {
        run["spec"]["number"]: run["spec"]["parameters"]
        for run in kube.all("sweeprun")
        if run["spec"]["sweep"] == "calm"
    }
    assert {number: run["spec"]["parameters"] for number, run in runs.items()} == calm
