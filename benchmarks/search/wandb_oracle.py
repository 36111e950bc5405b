"""What W&B's own search says of grids and quantiles. Runs in its own environment, as wandb_sweeps.

One JSON object in, one out: `grids` are spec.parameters each, `quantiles` a parameter and shares.
"""

import json
import sys
from typing import Any

import numpy as np
from sweeps import next_runs
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


def plain(value: Any) -> Any:
    """What numpy made of a number, as a number."""
    return value.item() if isinstance(value, np.generic | np.ndarray) else str(value)


def main() -> None:
    """Answer once."""
    asked = json.load(sys.stdin)
    answer = {
        "grids": [grid(each) for each in asked["grids"]],
        "quantiles": [quantiles(each, shares) for each, shares in asked["quantiles"]],
    }
    json.dump(answer, sys.stdout, default=plain)


if __name__ == "__main__":
    main()
