"""What W&B's own library says of the same questions. Runs in an environment of its own.

One JSON object in, one out: `grids` are spec.parameters each, `quantiles` a parameter and shares,
`histories` a sweep's runs with all that they have reported.
"""

import json
import sys
from typing import Any

import numpy as np
from sweeps import RunState, SweepRun, next_runs, stop_runs
from sweeps.params import HyperParameter

MOST_POINTS = 1_000


def grid(parameters: dict[str, Any]) -> list[Any]:
    """Each run's parameters, in W&B's order."""
    runs = next_runs({"method": "grid", "parameters": parameters}, [], n=MOST_POINTS + 1)
    found = [run.config for run in runs if run is not None]
    return [{name: each["value"] for name, each in config.items()} for config in found]


def quantiles(parameter: dict[str, Any], shares: list[float]) -> list[Any]:
    """The value below which each share of all draws lies."""
    return [HyperParameter("x", parameter).ppf(share) for share in shares]


def stopped(history: dict[str, Any]) -> list[str]:
    """The names of the runs that are to be stopped early."""
    runs = [
        SweepRun(name=run["name"], state=RunState(run["state"]), history=run["history"])
        for run in history["runs"]
    ]
    return [run.name for run in stop_runs(history["config"], runs)]


def plain(value: Any) -> Any:
    """What numpy made of a number, as a number."""
    return value.item() if isinstance(value, np.generic | np.ndarray) else str(value)


def main() -> None:
    """Answer once."""
    asked = json.load(sys.stdin)
    answer = {
        "grids": [grid(each) for each in asked["grids"]],
        "quantiles": [quantiles(each, shares) for each, shares in asked["quantiles"]],
        "histories": [stopped(each) for each in asked["histories"]],
    }
    json.dump(answer, sys.stdout, default=plain)


if __name__ == "__main__":
    main()
