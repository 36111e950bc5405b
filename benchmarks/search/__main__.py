"""How good each method's best run is after 60: `python -m benchmarks.search`.

It writes results.csv beside this file, a line for each search, and the table in docs/search.md.
All but the seconds comes out the same each time. `--table` only writes the table anew.
"""

import argparse
import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean, median, quantiles
from time import perf_counter
from typing import Final, NamedTuple

from benchmarks.search.problems import PROBLEMS, Parameters, Problem
from benchmarks.search.searchers import SEARCHERS, Searcher

RUNS: Final = 60
PARALLEL: Final = (1, 8)
SEEDS: Final = 10

RESULTS: Final = Path(__file__).with_name("results.csv")
PAGE: Final = Path(__file__).parents[2] / "docs" / "search.md"
BEGIN: Final = "<!-- python -m benchmarks.search: begin -->\n"
END: Final = "<!-- python -m benchmarks.search: end -->\n"


class Result(NamedTuple):
    """What one search came to."""

    searcher: str
    problem: str
    parallel: int
    seed: int
    regret: float
    """How far the best run's loss is above the least there is."""
    seconds: float
    """Wall time for each suggestion."""


def main() -> None:
    """Search everything with everyone, or with those that are named, and write down what came."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--only", nargs="*", choices=SEARCHERS, default=list(SEARCHERS))
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    kept = [
        result for result in _read() if arguments.table or result.searcher not in arguments.only
    ]
    if not arguments.table:
        for result in measured(arguments.only, range(1, arguments.seeds + 1)):
            print(*result, flush=True)
            kept.append(result)
            _write(kept)
    page = PAGE.read_text()
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(before + BEGIN + table(kept) + END + after)


def measured(names: Iterable[str], seeds: Sequence[int]) -> Iterator[Result]:
    """Each search in turn."""
    for name in names:
        for problem in PROBLEMS:
            for parallel in PARALLEL:
                for seed in seeds:
                    searcher = SEARCHERS[name](problem, seed)
                    try:
                        regret, seconds = search(searcher, problem, parallel)
                    finally:
                        searcher.close()
                    yield Result(name, problem.name, parallel, seed, regret, seconds)


def search(searcher: Searcher, problem: Problem, parallel: int) -> tuple[float, float]:
    """Regret after RUNS runs, and seconds for each suggestion.

    As soon as one run ends, the longest under way, the next one starts: from the first `parallel`
    on, each suggestion is made while all but one of them are under way.
    """
    started: list[Parameters] = []
    losses: list[float] = []
    seconds = 0.0
    for _ in range(RUNS):
        if len(started) - len(losses) == parallel:
            losses.append(problem.function(started[len(losses)]))
        ended = list(zip(started, losses, strict=False))
        before = perf_counter()
        started.append(searcher.ask(ended, started[len(losses) :]))
        seconds += perf_counter() - before
    return min(map(problem.function, started)) - problem.least, seconds / RUNS


def table(results: Sequence[Result]) -> str:
    """The table of docs/search.md."""
    names = list(dict.fromkeys(result.searcher for result in results))
    lines = [
        f"| function | at once | {' | '.join(names)} |",
        f"|---|---|{'---|' * len(names)}",
    ]
    for problem in PROBLEMS:
        for parallel in PARALLEL:
            cells = [
                _cell([r.regret for r in results if r[:3] == (name, problem.name, parallel)])
                for name in names
            ]
            lines.append(f"| {problem.name} | {parallel} | {' | '.join(cells)} |")
    seconds = [fmean(r.seconds for r in results if r.searcher == name) for name in names]
    lines.append(f"| seconds a suggestion | | {' | '.join(f'{each:.3f}' for each in seconds)} |")
    return "\n".join(lines) + "\n"


def _cell(regrets: Sequence[float]) -> str:
    """Median and quartiles."""
    first, _, third = quantiles(regrets, method="inclusive")
    return f"{median(regrets):.2g} ({first:.2g} to {third:.2g})"


def _read() -> list[Result]:
    if not RESULTS.exists():
        return []
    with RESULTS.open(newline="") as file:
        _, *rows = csv.reader(file)
    return [
        Result(name, problem, int(parallel), int(seed), float(regret), float(seconds))
        for name, problem, parallel, seed, regret, seconds in rows
    ]


def _write(results: Iterable[Result]) -> None:
    with RESULTS.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Result._fields)
        for result in results:
            writer.writerow([*result[:4], f"{result.regret:.6g}", f"{result.seconds:.4f}"])


if __name__ == "__main__":
    main()
