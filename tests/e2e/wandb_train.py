"""A stand-in for train.py of W&B's examples: takes what `${args}` passes, and reports each epoch.

The tests give it to containers as a file, and reckon by it what its runs must have reported.
"""

import os
import sys
import time
from collections.abc import Mapping

import sweep_run

EPOCH_SECONDS = 0.5
"""Long enough for a run that falls behind to be stopped on its way."""

EPOCH_GAIN = 0.001


def loss(arguments: Mapping[str, str], epoch: int) -> float:
    """A number that is another for each set of arguments, and with each epoch a little better.

    So little that none overtakes another, or who is stopped would hang on the moment.
    """
    weighed = [place * weight(arguments[name]) for place, name in enumerate(sorted(arguments), 1)]
    return sum(weighed) + EPOCH_GAIN / epoch


def weight(text: str) -> float:
    """An argument's value, or another number for each word."""
    try:
        return float(text)
    except ValueError:
        return sum(place * ord(letter) for place, letter in enumerate(text, 1)) / 1000


def main() -> None:
    """Train for as many epochs as are asked for."""
    arguments = dict(argument.removeprefix("--").split("=", 1) for argument in sys.argv[1:])
    metric = os.environ.get("SWEEP_METRIC", "loss")
    with sweep_run.init() as run:
        for epoch in range(1, int(arguments.get("epochs", "1")) + 1):
            time.sleep(EPOCH_SECONDS)
            run.log({metric: loss(arguments, epoch)}, step=epoch)


if __name__ == "__main__":
    main()
