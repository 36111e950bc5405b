"""Train a small neural network on scikit-learn's handwritten digits: one run of a sweep.

Parameters come as JSON in SWEEP_PARAMETERS. The last line of the result, its metrics as JSON, goes
to the container's termination message, where the operator reads it. Nothing here knows of sweeps
otherwise; without SWEEP_PARAMETERS it trains with the defaults below.
"""

import json
import os
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

DEFAULTS = {"hidden": 32, "learning_rate": 0.001, "alpha": 0.0001, "activation": "relu"}
EPOCHS = 25
BATCH = 64
TERMINATION_MESSAGE = Path(os.environ.get("TERMINATION_MESSAGE", "/dev/termination-log"))


def main() -> None:
    """Train, report as it goes, and leave the final metrics."""
    parameters = DEFAULTS | json.loads(os.environ.get("SWEEP_PARAMETERS", "{}"))
    print(f"parameters: {json.dumps(parameters)}")
    digits = load_digits()
    train_x, test_x, train_y, test_y = train_test_split(
        digits.data / 16, digits.target, test_size=0.25, random_state=0, stratify=digits.target
    )
    model = MLPClassifier(
        hidden_layer_sizes=(parameters["hidden"],),
        learning_rate_init=parameters["learning_rate"],
        alpha=parameters["alpha"],
        activation=parameters["activation"],
        batch_size=BATCH,
        random_state=0,
    )
    metrics: dict[str, float] = {}
    for epoch in range(1, EPOCHS + 1):
        model.partial_fit(train_x, train_y, classes=np.unique(digits.target))
        probabilities = model.predict_proba(test_x)
        metrics = {
            "epoch": epoch,
            "accuracy": round(float(np.mean(probabilities.argmax(axis=1) == test_y)), 4),
            "loss": round(float(log_loss(test_y, probabilities)), 4),
        }
        print("epoch {epoch:2}  accuracy {accuracy:.4f}  loss {loss:.4f}".format(**metrics))
    TERMINATION_MESSAGE.write_text(json.dumps(metrics))


if __name__ == "__main__":
    main()
