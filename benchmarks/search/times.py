"""How long a suggestion takes, by the runs that are known: `python -m benchmarks.search.times`.

Seconds of one processor's time, the median of a few suggestions, on Hartmann's function of six
numbers with 7 runs under way.
"""

import os

# Before numpy is imported: what is asked is the time on one core.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

from statistics import median
from time import process_time
from typing import Final

from benchmarks.search.problems import PROBLEMS
from benchmarks.search.searchers import Ours, space_of

from sweep_operator.search import METHODS

KNOWN: Final = (60, 300, 2_000, 5_000)
PENDING: Final = 7
ASKED: Final = 3


def main() -> None:
    """Print a table of seconds, methods across."""
    methods = ("random", "sobol", "tpe", "bayes")
    print("| runs known |", " | ".join(methods), "|")
    print("|---|" + "---|" * len(methods))
    for known in KNOWN:
        cells = [f"{seconds(method, known):.3g}" for method in methods]
        print(f"| {known:,} |", " | ".join(cells), "|", flush=True)


def seconds(method: str, known: int) -> float:
    """Of processor time for one suggestion."""
    problem = next(each for each in PROBLEMS if each.name == "hartmann6")
    space = space_of(problem)
    points = [
        METHODS["sobol"].suggest(space, 1, number, (), ()) or {}
        for number in range(1, known + PENDING + 1)
    ]
    ended = [(each, problem.function(each)) for each in points[:known]]
    taken = []
    for seed in range(1, ASKED + 1):
        searcher = Ours(method, problem, seed)
        begun = process_time()
        searcher.ask(ended, points[known:])
        taken.append(process_time() - begun)
    return median(taken)


if __name__ == "__main__":
    main()
