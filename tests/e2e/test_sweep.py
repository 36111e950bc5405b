"""A sweep from its start to its end, on real containers."""

import json
from collections.abc import Callable

import pytest
from tests.e2e.kube import Json, Kube
from tests.e2e.sweeps import condition, finished, phase, runs, sweep

pytestmark = pytest.mark.e2e


def test_a_grid_makes_each_point_once_and_finishes(kube: Kube) -> None:
    kube.apply(
        sweep(
            "grid",
            {"depth": {"values": [1, 2]}, "rate": {"values": [0.1, 0.2, 0.3]}},
            parallelism=3,
            metric={"name": "score", "goal": "maximize"},
            command=["sh", "-c", 'echo "{\\"score\\": ${param:rate}}" > /dev/termination-log'],
        )
    )
    end = kube.until("sweep", "grid", finished)
    runs = sorted(kube.all("sweeprun"), key=lambda run: run["spec"]["number"])
    assert [run["spec"]["parameters"] for run in runs] == [
        {"depth": depth, "rate": rate} for depth in (1, 2) for rate in (0.1, 0.2, 0.3)
    ]
    assert [phase(run) for run in runs] == ["Finished"] * 6
    assert end["status"]["runs"]["finished"] == 6
    assert end["status"]["best"] == {
        "run": "grid-3",
        "number": 3,
        "value": 0.3,
        "parameters": {"depth": 1, "rate": 0.3},
    }
    assert condition(end, "Complete")["status"] == "True"
    kube.run("wait", "sweep/grid", "--for=condition=Complete", "--timeout=5s")


def test_a_random_sweep_makes_as_many_runs_as_its_cap_and_never_more_at_a_time(kube: Kube) -> None:
    kube.apply(
        sweep(
            "random",
            {"rate": {"distribution": "log_uniform_values", "min": 0.0001, "max": 0.1}},
            'sleep 1; echo "{\\"loss\\": 1}" > /dev/termination-log',
            method="random",
            runCap=8,
            parallelism=3,
            seed=7,
            metric={"name": "loss"},
        )
    )
    kube.until("sweep", "random", finished, seen=at_most_active(3))
    runs = kube.all("sweeprun")
    rates = {run["spec"]["parameters"]["rate"] for run in runs}
    assert len(runs) == len(rates) == 8
    assert all(0.0001 <= rate <= 0.1 for rate in rates)


def at_most_active(most: int) -> Callable[[Json], None]:
    """A check of a Sweep's every state: never more runs active than allowed."""

    def check(state: Json) -> None:
        counted = runs(state)
        active = counted.get("running", 0) + counted.get("pending", 0)
        assert active <= most, f"{active} runs active: {counted}"

    return check


def test_parameters_reach_the_program_by_environment_file_and_macros(kube: Kube) -> None:
    script = """
set -e
[ "$SWEEP_PARAMETERS" = "$(cat /etc/sweep/parameters.json)" ]
cmp /etc/sweep/parameters.json /etc/sweep/parameters.yaml
grep -q '"value"' /etc/sweep/wandb-parameters.yaml
[ "$SWEEP_NAME/$SWEEP_RUN_ID/$SWEEP_RUN_NUMBER/$SWEEP_ATTEMPT" = "ways/ways-1/1/1" ]
[ "$SWEEP_NAMESPACE" = "$0" ]
[ "$1" = "--flag=True" ]
[ "$2" = '--model.name=a "quoted" $(HOME) ${args}' ]
[ "$3" = "--rate=1e-05" ]
[ "$4" = "$SWEEP_PARAMETERS" ]
[ "$5" = "$SWEEP_RUN_ID" ]
echo '{"ok": 1}' > /dev/termination-log
"""
    tricky = 'a "quoted" $(HOME) ${args}'
    kube.apply(
        sweep(
            "ways",
            {
                "rate": {"value": 1e-05},
                "flag": {"value": True},
                "model": {"parameters": {"name": {"value": tricky}}},
            },
            command=[
                "sh",
                "-c",
                script.replace("${args}", "$${args}"),
                "${envvar:SWEEP_NAMESPACE}",
                "${args}",
                "${args_json}",
                "${envvar:SWEEP_RUN_ID}",
            ],
            metric={"name": "ok", "goal": "maximize"},
        )
    )
    kube.until("sweep", "ways", finished)
    run = kube.get("sweeprun", "ways-1")
    assert run["status"]["metrics"] == {"ok": 1}, run["status"]


def test_a_failing_run_is_failed_and_its_sweep_goes_on(kube: Kube) -> None:
    kube.apply(
        sweep(
            "mixed",
            {"code": {"values": [3, 0]}, "again": {"values": [1, 2]}},
            command=["sh", "-c", "exit ${param:code}"],
        )
    )
    phases: list[tuple[str, int]] = []

    def note(state: Json) -> None:
        phases.append((phase(state), runs(state).get("failed", 0)))

    end = kube.until("sweep", "mixed", finished, seen=note)
    assert ("Running", 1) in phases
    assert (end["status"]["runs"]["failed"], end["status"]["runs"]["finished"]) == (2, 2)
    failed = kube.get("sweeprun", "mixed-1")["status"]
    assert (failed["phase"], failed["attempts"][0]["exitCode"]) == ("Failed", 3)
    events = json.loads(kube.run("get", "events", "-o", "json"))["items"]
    assert any(event["reason"] == "RunsFailed" for event in events)


@pytest.mark.slow
def test_a_finished_job_goes_after_its_time_and_the_best_one_stays(kube: Kube) -> None:
    kube.apply(
        sweep(
            "tidy",
            {"x": {"values": [1, 2, 3]}},
            'echo "{\\"score\\": $SWEEP_RUN_NUMBER}" > /dev/termination-log',
            metric={"name": "score", "goal": "minimize"},
            parallelism=3,
            finishedJobTTL="30s",
        )
    )
    end = kube.until("sweep", "tidy", finished)
    assert end["status"]["best"]["run"] == "tidy-1"
    kube.run("wait", "job/tidy-2-1", "job/tidy-3-1", "--for=delete", "--timeout=60s")
    assert [phase(run) for run in kube.all("sweeprun")] == ["Finished"] * 3
