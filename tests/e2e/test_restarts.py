"""Restarting the operator at any time changes nothing."""

import random
import threading
import time
from collections import Counter

import pytest
from tests.e2e.kube import Json, Kube
from tests.e2e.sweeps import finished, phase, sweep

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

RUNS = 60
AT_A_TIME = 6
KILLS = 20


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
    moments = random.Random(1)
    kills = 0
    former = ""
    with cluster.watching("lease", "sweep-operator", within=900) as leases:
        for lease in leases:
            holder = lease["spec"].get("holderIdentity", "")
            if holder in ("", former):
                continue
            former = holder
            time.sleep(moments.uniform(0, 3))  # anywhere in what a new leader does first
            assert not finished(kube.get("sweep", "killed")), f"over after {kills} kills"
            kill_operator(cluster)
            kills += 1
            if kills == KILLS:
                break
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


def kill_operator(cluster: Kube) -> None:
    """Kill the operator's pod without a word of warning."""
    cluster.run(
        "delete",
        "pod",
        "-l",
        "app.kubernetes.io/name=sweep-operator",
        "--grace-period=0",
        "--force",
    )
