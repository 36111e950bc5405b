"""Early termination on real containers: bad runs are stopped, and the best is the same."""

import pytest
from tests.e2e.kube import Json, Kube
from tests.e2e.sweeps import complete, phase, sweep

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ITERATIONS = 12
RUNS = 6

# The runs are in order from the first report on, and none overtakes another.
TRAIN = f"""
trap 'exit 143' TERM
x=$(sed 's/[^0-9]//g' /etc/sweep/parameters.json)
for i in $(seq 1 {ITERATIONS}); do
  body="{{\\"metrics\\": {{\\"loss\\": $((100 * x - i))}}, \\"step\\": $i, \\"final\\": true}}"
  wget -q -O - --header "Authorization: Bearer $(cat $SWEEP_TOKEN_FILE)" \\
    --post-data "$body" $SWEEP_REPORT_URL
  sleep 2 & wait
done
"""


def searched(name: str, **spec: object) -> Json:
    return sweep(
        name,
        {"x": {"values": list(range(1, RUNS + 1))}},
        TRAIN,
        metric={"name": "loss"},
        parallelism=RUNS,
        **spec,
    )


@pytest.mark.parametrize(
    "rule",
    [{"type": "hyperband", "minIter": 2, "eta": 2}, {"type": "median", "minIter": 2, "minRuns": 3}],
    ids=lambda rule: rule["type"],
)
def test_bad_runs_are_stopped_and_the_best_is_the_same(kube: Kube, rule: Json) -> None:
    kube.apply(searched("whole"))
    whole = kube.until("sweep", "whole", complete, within=240)
    kube.apply(searched("early", earlyTerminate=rule))
    early = kube.until("sweep", "early", complete, within=240)

    assert phase(early) == "Finished"
    assert early["status"]["best"]["parameters"] == whole["status"]["best"]["parameters"]
    runs = {run["metadata"]["name"]: run["status"] for run in kube.all("sweeprun")}
    stopped = {name: run for name, run in runs.items() if run["phase"] == "Killed"}
    assert stopped, "nothing was stopped"
    assert all(run["reason"] == "EarlyTerminated" for run in stopped.values())
    assert all("worse than" in run["message"] for run in stopped.values())
    assert early["status"]["runs"]["killed"] == len(stopped)

    def work(prefix: str) -> int:
        return sum(
            run["progress"]["iterations"] for name, run in runs.items() if name.startswith(prefix)
        )

    assert work("whole") == RUNS * ITERATIONS
    assert work("early") < work("whole")
