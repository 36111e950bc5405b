"""A sweep as it comes from the API server: some forty runs, with all that happens to runs.

Preempted ones, failed ones, those stopped early, one that runs and one that waits; learning curves.
"""

import math
import random
from typing import Any

from sweep_operator.api.names import API_VERSION, LABEL_SWEEP, LABEL_SWEEP_UID
from sweep_operator.planning.times import seconds, timestamp

Json = dict[str, Any]

START = 1_800_000_000.0
"""2027-01-15 08:00 UTC."""

EPOCHS = 20
PARALLELISM = 4


def sweep_of_forty(
    count: int = 40, seed: int = 7, *, ended: bool = False
) -> tuple[Json, list[Json]]:
    """Make up a sweep of a few parameters, and its runs.

    Args:
        count: how many runs.
        seed: the same seed, the same sweep.
        ended: whether all of its runs have ended.
    """
    chance = random.Random(seed)
    free = [START + 5.0 * slot for slot in range(PARALLELISM)]
    records = []
    for number in range(1, count + 1):
        slot = min(range(PARALLELISM), key=free.__getitem__)
        left = count - number if not ended else count
        record, free[slot] = _record(number, free[slot], chance, left)
        records.append(record)
    return _sweep(records, ended=ended), records


def now_of(records: list[Json]) -> float:
    """A while after the last of what is on record."""
    attempts = [each for record in records for each in record["status"].get("attempts", ())]
    times = [each.get("finished", each["started"]) for each in attempts]
    return max(map(seconds, times), default=START) + 240


def _record(number: int, begin: float, chance: random.Random, left: int) -> tuple[Json, float]:
    parameters: Json = {
        "learning_rate": 10 ** chance.uniform(-4, -0.5),
        "batch_size": chance.choice([16, 32, 64, 128]),
        "optimizer": {"name": chance.choice(["adam", "sgd", "rmsprop"])},
        "dropout": round(chance.uniform(0, 0.6), 3),
        "augment": chance.random() < 0.5,
        "epochs": EPOCHS,
    }
    if parameters["optimizer"]["name"] == "sgd":
        parameters["optimizer"]["momentum"] = round(chance.uniform(0, 0.99), 3)
    status = _Status(number, begin)
    if left == 0:
        return _object(number, parameters, {"phase": "Pending"}), begin
    while chance.random() < 0.18:
        status.preempted(chance.uniform(60, 500))
    best = _quality(parameters)
    if left <= 2:
        status.history(best, chance, 1 + int(chance.random() * 12))
        status.runs()
    elif chance.random() < 0.1:
        status.fails(chance.uniform(15, 90))
    elif best < 0.62 and chance.random() < 0.8:
        status.history(best, chance, 4)
        status.stopped_early(chance.uniform(100, 200))
    else:
        value = status.history(best, chance, EPOCHS)
        status.finishes(chance.uniform(400, 900), value)
    return _object(number, parameters, status.written), status.now + 8


def _quality(parameters: Json) -> float:
    """How good it gets: best near a learning rate of 0.003, with some dropout."""
    off = math.log10(parameters["learning_rate"]) + 2.5
    good = 0.97 - 0.09 * off**2 - 0.25 * (parameters["dropout"] - 0.2) ** 2
    return max(good - (0.03 if parameters["optimizer"]["name"] == "sgd" else 0.0), 0.1)


class _Status:
    """A run's status, as it goes on."""

    def __init__(self, number: int, begin: float) -> None:
        self.number = number
        self.now = begin
        self.written: Json = {"phase": "Pending", "attempts": [], "attemptsMade": 0}

    def _attempt(self, lasts: float, **told: Any) -> None:
        attempts = self.written["attempts"]
        made = len(attempts) + 1
        start = self.now + (6 if made == 1 else 25)
        name = f"digits-{self.number}-{made}"
        attempt = {
            "number": made,
            "job": name,
            "pod": f"{name}-x7k2p",
            "node": f"spot-{(self.number + made) % 5 + 1}",
            "started": timestamp(start),
        }
        if told:
            attempt |= {"finished": timestamp(start + lasts), **told}
        attempts.append(attempt)
        self.written |= {"attemptsMade": made}
        self.written.setdefault("startTime", timestamp(start))
        self.now = start + lasts

    def _ends(self, phase: str, reason: str, message: str | None = None) -> None:
        self.written |= {"phase": phase, "reason": reason, "completionTime": timestamp(self.now)}
        if message:
            self.written["message"] = message

    def preempted(self, lasts: float) -> None:
        self._attempt(lasts, outcome="Crashed", reason="Disrupted")
        self.written["preemptions"] = self.written.get("preemptions", 0) + 1

    def fails(self, lasts: float) -> None:
        self._attempt(lasts, outcome="Failed", reason="ProgramFailed", exitCode=1)
        self.written["failures"] = 1
        self._ends("Failed", "ProgramFailed", "The program exited with code 1.")

    def stopped_early(self, lasts: float) -> None:
        self._attempt(lasts, outcome="Killed", reason="EarlyTerminated", exitCode=143)
        best = self.written["progress"]["best"]
        told = f"Its accuracy of {best:.4f} at iteration 3 isn't among the best third."
        self._ends("Killed", "EarlyTerminated", told)

    def finishes(self, lasts: float, value: float) -> None:
        self._attempt(lasts, outcome="Finished", reason="Completed", exitCode=0)
        self._ends("Finished", "Completed")
        metrics = {"accuracy": value, "loss": round(2.3 * (1 - value), 4)}
        self.written |= {"metrics": metrics, "value": value}

    def runs(self) -> None:
        self._attempt(0)
        self.written["phase"] = "Running"

    def history(self, best: float, chance: random.Random, epochs: int) -> float:
        points = []
        for step in range(1, epochs + 1):
            grown = best * (1 - math.exp(-step / 4)) + chance.gauss(0, 0.006)
            value = round(min(max(grown, 0.05), 0.999), 4)
            loss = round(2.3 * (1 - value), 4)
            points.append({"step": step, "metrics": {"accuracy": value, "loss": loss}})
        values = [point["metrics"]["accuracy"] for point in points]
        self.written["history"] = points
        self.written["progress"] = {
            "iterations": epochs,
            "lastStep": epochs,
            "best": max(values),
            "latest": values[-1],
        }
        return float(values[-1])


def _object(number: int, parameters: Json, status: Json) -> Json:
    return {
        "apiVersion": API_VERSION,
        "kind": "SweepRun",
        "metadata": {
            "name": f"digits-{number}",
            "namespace": "lab",
            "uid": f"run-{number}",
            "resourceVersion": str(1000 + number),
            "labels": {LABEL_SWEEP: "digits", LABEL_SWEEP_UID: "u-1"},
        },
        "spec": {"sweep": "digits", "number": number, "parameters": parameters},
        "status": {key: value for key, value in status.items() if value not in ([], None)},
    }


def _sweep(records: list[Json], *, ended: bool) -> Json:
    phases = [record["status"]["phase"] for record in records]
    names = ("Pending", "Running", "Finished", "Failed", "Crashed", "Killed")
    last = max((record["status"].get("completionTime", "") for record in records), default="")
    cap = len(records) + (0 if ended else 20)
    sentence = f"{len(records)} of {cap} runs made, at most {PARALLELISM} at a time."
    if ended:
        sentence = f"The cap of {len(records)} runs is reached and none is active."
    status: Json = {
        "phase": "Finished" if ended else "Running",
        "observedGeneration": 1,
        "runs": {name.lower(): phases.count(name) for name in names},
        "active": phases.count("Running"),
        "lastNumber": len(records),
        "startTime": timestamp(START),
        "conditions": [
            _condition("Ready", "True", "Finished" if ended else "Running", sentence),
            _condition("Complete", str(ended), "Finished" if ended else "Running", sentence),
            _condition("Stalled", "False", "NotStalled", "Nothing keeps the sweep from going on."),
        ],
    }
    if ended:
        status["completionTime"] = last
    container = {"name": "train", "image": "registry.example.com/train:1", "args": ["${args}"]}
    return {
        "apiVersion": API_VERSION,
        "kind": "Sweep",
        "metadata": {"name": "digits", "namespace": "lab", "uid": "u-1", "generation": 1},
        "spec": {
            "method": "bayes",
            "state": "Running",
            "metric": {"name": "accuracy", "goal": "maximize"},
            "parallelism": PARALLELISM,
            "runCap": cap,
            "earlyTerminate": {"type": "hyperband", "minIter": 3},
            "parameters": {
                "learning_rate": {
                    "distribution": "log_uniform_values",
                    "min": 0.0001,
                    "max": 0.32,
                },
                "batch_size": {"values": [16, 32, 64, 128]},
                "optimizer": {
                    "parameters": {
                        "name": {"values": ["adam", "sgd", "rmsprop"]},
                        "momentum": {
                            "distribution": "uniform",
                            "min": 0,
                            "max": 0.99,
                            "when": {"optimizer.name": ["sgd"]},
                        },
                    }
                },
                "dropout": {"min": 0, "max": 0.6},
                "augment": {"values": [True, False]},
                "epochs": {"value": EPOCHS},
            },
            "template": {"spec": {"template": {"spec": {"containers": [container]}}}},
        },
        "status": status,
    }


def _condition(kind: str, status: str, reason: str, message: str) -> Json:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": timestamp(START),
    }
