"""Train a small neural network on handwritten digits, on a node that may go at any moment.

One run of a sweep, or what is left of it: it goes on from the checkpoint of the attempt before.
All that learning depends on is in the checkpoint, the optimizer's moments too, so that a run that
was interrupted ends with the same numbers as one that wasn't.
"""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
from checkpoint import Checkpoints
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

FOLDER = Path(os.environ.get("CHECKPOINTS", "/checkpoints"))
TERMINATION_MESSAGE = Path(os.environ.get("TERMINATION_MESSAGE", "/dev/termination-log"))


def main() -> None:
    """Train from where the run is to its end, and leave the final metrics."""
    # As process 1 of a container the program gets no SIGTERM that it doesn't ask for. All there is
    # to save is saved after each epoch; where one takes long, save here too. Not with exit code 0:
    # the run isn't done.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parameters = json.loads(os.environ["SWEEP_PARAMETERS"])
    attempt = int(os.environ["SWEEP_ATTEMPT"])
    digits = load_digits()
    train_x, test_x, train_y, test_y = train_test_split(
        digits.data / 16, digits.target, test_size=0.25, random_state=0, stratify=digits.target
    )

    checkpoints = Checkpoints(FOLDER, attempt)
    model, start = checkpoints.load() or (new_model(parameters), 0)
    checkpoints.save((model, start))  # first of all: from now on, earlier attempts are shut out
    print(f"attempt {attempt} goes on from epoch {start}", flush=True)

    for epoch in range(start + 1, parameters["epochs"] + 1):
        model.partial_fit(train_x, train_y, classes=np.unique(digits.target))
        checkpoints.save((model, epoch))
        print(f"epoch {epoch:3}  loss {model.loss_:.6f}", flush=True)

    probabilities = model.predict_proba(test_x)
    metrics = {
        "accuracy": round(float(np.mean(probabilities.argmax(axis=1) == test_y)), 4),
        "loss": round(float(log_loss(test_y, probabilities)), 6),
        "epochs": parameters["epochs"],
        "resumed_from_epoch": start,
    }
    TERMINATION_MESSAGE.write_text(json.dumps(metrics))


def new_model(parameters: dict[str, float]) -> MLPClassifier:
    """The model of a run that begins."""
    return MLPClassifier(
        hidden_layer_sizes=(int(parameters["hidden"]),),
        learning_rate_init=parameters["learning_rate"],
        batch_size=32,
        random_state=0,
    )


if __name__ == "__main__":
    main()
