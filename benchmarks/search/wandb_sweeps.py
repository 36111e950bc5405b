"""W&B's own search, for the benchmark: one line of JSON in, one out. Runs in its own environment.

`sweeps` 0.3.0 needs numpy below 2, so this file imports nothing of the operator.
"""

import json
import sys
from typing import Any

import numpy as np
from sweeps import RunState, SweepRun, next_run


def suggest(asked: dict[str, Any]) -> dict[str, Any]:
    """The next run's parameters; `asked` has the config, the runs so far and those under way."""
    runs = [
        SweepRun(
            config={name: {"value": value} for name, value in parameters.items()},
            state=RunState.running if loss is None else RunState.finished,
            summary_metrics={} if loss is None else {"loss": loss},
        )
        for parameters, loss in asked["runs"]
    ]
    found = next_run(asked["config"], runs)
    return {name: each["value"] for name, each in found.config.items()}


def main() -> None:
    """Answer until the input ends. The first argument is the seed: W&B draws from numpy's state."""
    np.random.seed(int(sys.argv[1]))
    for line in sys.stdin:
        print(
            json.dumps(suggest(json.loads(line)), default=lambda number: number.item()), flush=True
        )


if __name__ == "__main__":
    main()
