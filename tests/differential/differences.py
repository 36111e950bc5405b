"""What W&B's library and this operator answer differently, each with its reason."""

import json
import subprocess
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks.search.wandb_python import wandb_python
from tests.differential.histories import histories, history_difference
from tests.differential.spaces import grid_difference, grids, quantile_difference, quantiles

SEED: Final = 20


def differences() -> Counter[str]:
    """How often there was which, and how often none; the same each time."""
    random = Random(SEED)
    spaces, parameters, sweeps = grids(random), quantiles(random), histories(random)
    wandb = _asked(
        {
            "grids": spaces,
            "quantiles": parameters,
            "histories": [history.asked() for history in sweeps],
        }
    )
    found: Counter[str] = Counter()
    for space, grid in zip(spaces, wandb["grids"], strict=True):
        found[f"grid: {grid_difference(space, grid)}"] += 1
    for (parameter, shares), values in zip(parameters, wandb["quantiles"], strict=True):
        for share, value in zip(shares, values, strict=True):
            found[f"quantile: {quantile_difference(parameter, share, value)}"] += 1
    for history, stopped in zip(sweeps, wandb["histories"], strict=True):
        found[f"history: {history_difference(history, stopped)}"] += 1
    return found


def _asked(question: dict[str, Any]) -> dict[str, Any]:
    script = Path(__file__).with_name("wandb_oracle.py")
    answer = subprocess.run(
        [wandb_python(), "-W", "ignore", script],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(answer.stdout)
    return found
