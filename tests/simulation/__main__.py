"""Simulate as many seeds as asked, or for as long: `python -m tests.simulation --help`."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import count, islice

from tests.simulation.scenario import Scenario
from tests.simulation.simulation import Outcome, shrunk, simulate

AT_ONCE = 50
"""Seeds that a process takes at a time."""


def main() -> None:
    """Run seeds on all cores; the first that breaks a rule is made small and told."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=main.__doc__)
    parser.add_argument("--first", type=int, default=0, help="seed (default: 0)")
    parser.add_argument("--seeds", type=int, default=3000, help="how many (default: 3000)")
    parser.add_argument("--minutes", type=float, help="for how long, instead of how many")
    parser.add_argument("--keep-going", action="store_true", help="after a seed broke a rule")
    parser.add_argument("--as-found", action="store_true", help="don't make that seed smaller")
    options = parser.parse_args()
    last = None if options.minutes else options.first + options.seeds
    minutes = options.minutes or float("inf")
    broken = run_many(_chunks(options.first, last), 60.0 * minutes, keep_going=options.keep_going)
    if broken:
        scenario = Scenario.of(min(broken))
        if not options.as_found:
            scenario = shrunk(scenario)
        print(f"\n{simulate(scenario).broken}\n{scenario}")
        sys.exit(1)


def run_many(chunks: Iterator[range], seconds: float, *, keep_going: bool) -> list[int]:
    """Simulate chunks of seeds until they, or the seconds, are used up.

    Returns:
        The seeds that broke a rule.
    """
    began = time.monotonic()
    outcomes: dict[int, Outcome] = {}
    broken: list[int] = []
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores, initializer=_be_quiet) as pool:
        waiting = {pool.submit(_run, chunk) for chunk in islice(chunks, 2 * cores)}
        while waiting:
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                outcomes |= future.result()
                failures = [seed for seed, each in future.result().items() if each.broken]
                for seed in failures:
                    print(f"seed {seed}: {outcomes[seed].broken}", flush=True)
                broken += failures
            if time.monotonic() < began + seconds and (keep_going or not broken):
                waiting |= {pool.submit(_run, chunk) for chunk in islice(chunks, len(finished))}
    took = time.monotonic() - began
    print(
        f"{len(outcomes)} seeds, {sum(each.requests for each in outcomes.values())} requests, "
        f"{sum(each.attempts for each in outcomes.values())} attempts in {took:.0f} s "
        f"({60.0 * len(outcomes) / took:.0f} seeds a minute): {len(broken)} broke a rule"
    )
    return broken


def _run(seeds: range) -> dict[int, Outcome]:
    return {seed: simulate(Scenario.of(seed)) for seed in seeds}


def _be_quiet() -> None:
    logging.getLogger().setLevel(logging.ERROR)  # what the simulation takes for a broken rule


def _chunks(first: int, last: int | None) -> Iterator[range]:
    for start in count(first, AT_ONCE):
        if last is not None and start >= last:
            return
        yield range(start, start + AT_ONCE if last is None else min(start + AT_ONCE, last))


if __name__ == "__main__":
    main()
