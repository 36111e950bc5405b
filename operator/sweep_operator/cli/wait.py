"""`wait`: until a sweep has come to its end or to a phase, with an exit code for a pipeline."""

import argparse
import math
from typing import Final

from sweep_operator.cli.target import sweep

BAD_ENDS: Final = ("Failed", "Crashed")


def run(options: argparse.Namespace) -> int:
    """Wait, and print the phase; 1 for a bad end, unless it is what was waited for."""
    timeout = math.inf if options.timeout is None else options.timeout
    phase = sweep(options).wait(options.phase, timeout).phase
    print(phase)
    return int(options.phase is None and phase in BAD_ENDS)
