"""Train a small model to tell points in a ring from those around it: an ordinary script for W&B.

Its parameters are those in wandb.config, its metrics go to wandb.log, and nothing in it knows of
anything else.
"""

import math
import random

import wandb

DEFAULTS = {"features": 50, "learning_rate": 0.01, "momentum": 0.5, "epochs": 20}
POINTS = 200


def main() -> None:
    """Train, and log each epoch."""
    wandb.init(project="ring", config=DEFAULTS)
    config = wandb.config
    chance = random.Random(0)  # noqa: S311 (no secret)
    waves = [
        (chance.gauss(0, 2), chance.gauss(0, 2), chance.uniform(0, 6.28))
        for _ in range(config.features)
    ]
    train, test = points(chance, waves), points(chance, waves)
    weights, speeds = [0.0] * config.features, [0.0] * config.features
    for epoch in range(1, config.epochs + 1):
        for features, inside in train:
            error = probability(features, weights) - inside
            for i, feature in enumerate(features):
                speeds[i] = config.momentum * speeds[i] - config.learning_rate * error * feature
                weights[i] += speeds[i]
        found = [(probability(features, weights), inside) for features, inside in test]
        loss = -sum(math.log(p if inside else 1 - p) for p, inside in found) / POINTS
        accuracy = sum((p > 0.5) == inside for p, inside in found) / POINTS
        wandb.log({"epoch": epoch, "loss": loss, "accuracy": accuracy})
    wandb.finish()


def points(
    chance: random.Random, waves: list[tuple[float, float, float]]
) -> list[tuple[list[float], bool]]:
    """Points of a square, as the model sees them, and whether each is in the ring."""
    drawn = [(chance.uniform(-2, 2), chance.uniform(-2, 2)) for _ in range(POINTS)]
    return [
        ([math.cos(a * x + b * y + c) for a, b, c in waves], 0.8 < math.hypot(x, y) < 1.7)
        for x, y in drawn
    ]


def probability(features: list[float], weights: list[float]) -> float:
    """How likely the model holds it that a point is in the ring."""
    total = sum(weight * feature for weight, feature in zip(weights, features, strict=True))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


if __name__ == "__main__":
    main()
