"""Failed runs that a person asks for again, on a real cluster."""

import json

import pytest
from tests.e2e.kube import Json, Kube
from tests.e2e.sweeps import complete, finished, phase, runs, sweep

pytestmark = pytest.mark.e2e

FAIL_FIRST = (2, 4)
SCRIPT = """
case $SWEEP_RUN_NUMBER-$SWEEP_ATTEMPT in
  2-1|4-1) exit 3 ;;
esac
echo "{\\"loss\\": -$SWEEP_RUN_NUMBER}" > /dev/termination-log
"""


def with_two_failed(kube: Kube) -> dict[int, Json]:
    """A sweep that has Finished with two Failed runs: its records by their numbers."""
    choices = {"x": {"values": list(range(5))}}
    kube.apply(sweep("s", choices, SCRIPT, parallelism=5, metric={"name": "loss"}))
    end = kube.until("sweep", "s", finished)
    assert (runs(end)["failed"], runs(end)["finished"]) == (2, 3)
    return records(kube)


def records(kube: Kube) -> dict[int, Json]:
    return {record["spec"]["number"]: record for record in kube.all("sweeprun")}


def outcomes(record: Json) -> list[str]:
    return [attempt["outcome"] for attempt in record["status"]["attempts"]]


def test_failed_runs_run_again_with_their_parameters_and_no_other_run_is_touched(
    kube: Kube,
) -> None:
    before = with_two_failed(kube)
    kube.edit("s", rerunFailed=1)
    end = kube.until("sweep", "s", lambda state: runs(state)["finished"] == 5 and complete(state))
    assert phase(end) == "Finished"
    assert end["status"]["best"]["number"] == 5
    after = records(kube)
    assert after.keys() == before.keys()
    for number, record in after.items():
        assert record["spec"] == before[number]["spec"]
        if number in FAIL_FIRST:
            assert outcomes(record) == ["Failed", "Finished"]
            assert record["status"]["value"] == -number
        else:
            assert record == before[number]
    jobs = {job["metadata"]["name"] for job in kube.all("job")}
    assert jobs == {f"s-{number}-1" for number in before} | {"s-2-2", "s-4-2"}


def test_one_failed_run_is_run_again_and_then_the_others_of_them(kube: Kube) -> None:
    with_two_failed(kube)
    request = json.dumps({"spec": {"attemptsRequested": 1}})
    kube.run("patch", "sweeprun", "s-4", "--type=merge", "-p", request)
    kube.until("sweep", "s", lambda state: runs(state)["finished"] == 4 and complete(state))
    assert outcomes(kube.get("sweeprun", "s-2")) == ["Failed"]
    kube.edit("s", rerunFailed=1)
    kube.until("sweep", "s", lambda state: runs(state)["finished"] == 5 and complete(state))
    assert outcomes(kube.get("sweeprun", "s-2")) == ["Failed", "Finished"]
    assert outcomes(kube.get("sweeprun", "s-4")) == ["Failed", "Finished"]
