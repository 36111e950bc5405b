"""Sweeps and runs as an operator leaves them behind, of any size: the same ones each time."""

import math
import random
from collections.abc import Iterator
from typing import Any, Final

from sweep_operator.api.names import (
    API_VERSION,
    LABEL_RUN_NUMBER,
    LABEL_SWEEP,
    LABEL_SWEEP_UID,
    run_name,
)
from sweep_operator.planning.times import timestamp

Json = dict[str, Any]

START: Final = 1_800_000_000.0
PARALLELISM: Final = 100
SECONDS: Final = 600.0
"""What a run takes."""


def sweep(name: str, runs: int) -> Json:
    """Make the manifest of a sweep that has ended: no operator makes runs of it."""
    container = {"name": "train", "image": "registry.example.com/train:1", "args": ["${args}"]}
    return {
        "apiVersion": API_VERSION,
        "kind": "Sweep",
        "metadata": {"name": name},
        "spec": {
            "state": "Cancelled",
            "method": "bayes",
            "metric": {"name": "accuracy", "goal": "maximize"},
            "parallelism": PARALLELISM,
            "runCap": runs,
            "parameters": {
                "learning_rate": {"distribution": "log_uniform_values", "min": 1e-4, "max": 0.32},
                "batch_size": {"values": [16, 32, 64, 128]},
                "dropout": {"distribution": "uniform", "min": 0, "max": 0.6},
                "augment": {"values": [True, False]},
                "layers": {"distribution": "int_uniform", "min": 2, "max": 12},
                "optimizer": {
                    "parameters": {
                        "name": {"values": ["adam", "sgd", "rmsprop"]},
                        "weight_decay": {
                            "distribution": "log_uniform_values",
                            "min": 1e-6,
                            "max": 0.1,
                        },
                        "momentum": {
                            "distribution": "uniform",
                            "min": 0,
                            "max": 0.99,
                            "when": {"optimizer.name": ["sgd"]},
                        },
                    }
                },
            },
            "template": {"spec": {"template": {"spec": {"containers": [container]}}}},
        },
    }


def sweep_status(runs: int) -> Json:
    """Make its status."""
    last = timestamp(START + runs / PARALLELISM * SECONDS)
    said = "The sweep is Cancelled and no run is active."
    kinds = {"Ready": "True", "Reconciling": "False", "Stalled": "False", "Complete": "True"}
    return {
        "phase": "Cancelled",
        "observedGeneration": 1,
        "runs": {"finished": runs},
        "active": 0,
        "lastNumber": runs,
        "startTime": timestamp(START),
        "completionTime": last,
        "conditions": [
            {
                "type": kind,
                "status": status,
                "reason": "Cancelled",
                "message": said,
                "lastTransitionTime": last,
                "observedGeneration": 1,
            }
            for kind, status in kinds.items()
        ],
    }


def records(owner: Json, runs: int, points: int) -> Iterator[Json]:
    """Make the SweepRuns of a sweep as stored, each with its status.

    Args:
        owner: the Sweep as the API server has it.
        runs: how many.
        points: how many points the history has of a run that comes to its end.
    """
    chance = random.Random(7)  # noqa: S311
    for number in range(1, runs + 1):
        yield _record(owner, number, points, chance)


def _record(owner: Json, number: int, points: int, chance: random.Random) -> Json:
    name, uid = owner["metadata"]["name"], owner["metadata"]["uid"]
    parameters = _parameters(chance)
    reference = {"apiVersion": API_VERSION, "kind": "Sweep", "name": name, "uid": uid}
    return {
        "apiVersion": API_VERSION,
        "kind": "SweepRun",
        "metadata": {
            "name": run_name(name, number),
            "labels": {
                LABEL_SWEEP: name,
                LABEL_SWEEP_UID: uid,
                LABEL_RUN_NUMBER: str(number),
            },
            "ownerReferences": [{**reference, "controller": True, "blockOwnerDeletion": True}],
        },
        "spec": {"sweep": name, "number": number, "parameters": parameters},
        "status": _status(run_name(name, number), number, parameters, points, chance),
    }


def _parameters(chance: random.Random) -> Json:
    optimizer: Json = {
        "name": chance.choice(["adam", "sgd", "rmsprop"]),
        "weight_decay": 10 ** chance.uniform(-6, -1),
    }
    if optimizer["name"] == "sgd":
        optimizer["momentum"] = chance.uniform(0, 0.99)
    return {
        "learning_rate": 10 ** chance.uniform(-4, -0.5),
        "batch_size": chance.choice([16, 32, 64, 128]),
        "dropout": chance.uniform(0, 0.6),
        "augment": chance.random() < 0.5,
        "layers": chance.randint(2, 12),
        "optimizer": optimizer,
    }


def _status(name: str, number: int, parameters: Json, points: int, chance: random.Random) -> Json:
    """One run in ten fails at its beginning, one in four is stopped half way."""
    begin = START + (number // PARALLELISM) * SECONDS
    kind = chance.random()
    if kind < 0.1:
        phase, reason, code, made = "Failed", "ProgramFailed", 1, 0
    elif kind < 0.35:
        phase, reason, code, made = "Killed", "EarlyTerminated", 143, points // 2
    else:
        phase, reason, code, made = "Finished", "Completed", 0, points
    end = timestamp(begin + SECONDS * max(made, 1) / max(points, 1))
    history = _history(parameters, made, chance)
    found: Json = {
        "phase": phase,
        "reason": reason,
        "attempts": [
            {
                "number": 1,
                "job": f"{name}-1",
                "pod": f"{name}-1-x7k2p",
                "podUID": f"00000000-0000-4000-8000-{number:012d}",
                "node": f"gpu-{number % PARALLELISM}",
                "started": timestamp(begin),
                "finished": end,
                "outcome": phase,
                "reason": reason,
                "exitCode": code,
                "reports": {"": made},
            }
        ],
        "attemptsMade": 1,
        "startTime": timestamp(begin),
        "completionTime": end,
    }
    if history:
        values = [point["metrics"]["accuracy"] for point in history]
        found["history"] = history
        found["progress"] = {
            "iterations": made,
            "lastStep": made,
            "best": max(values),
            "latest": values[-1],
        }
    if phase == "Finished" and history:
        found |= {"metrics": history[-1]["metrics"], "value": history[-1]["metrics"]["accuracy"]}
    if phase == "Failed":
        found |= {"failures": 1, "message": "The program exited with code 1."}
    return found


def _history(parameters: Json, points: int, chance: random.Random) -> list[Json]:
    """A learning curve: best near a learning rate of 0.003, with some dropout."""
    off = math.log10(parameters["learning_rate"]) + 2.5
    best = max(0.97 - 0.09 * off**2 - 0.25 * (parameters["dropout"] - 0.2) ** 2, 0.1)
    found = []
    for step in range(1, points + 1):
        value = best * (1 - math.exp(-4 * step / points)) + chance.gauss(0, 0.006)
        metrics = {"accuracy": value, "loss": 2.3 * (1 - value)}
        found.append({"step": step, "metrics": metrics})
    return found
