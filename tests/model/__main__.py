"""Explore the model's scopes: `python -m tests.model [--scope NAME] [--list]`."""

import argparse
import sys

from tests.model.explore import Explorer
from tests.model.scopes import SCOPES


def main() -> int:
    """Explore, print what was found, and tell whether something was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--scope", action="append", choices=SCOPES, help="only this one")
    parser.add_argument("--small", action="store_true", help="only those of some seconds")
    parser.add_argument("--list", action="store_true", help="print the scopes' names")
    parser.add_argument("--most", type=int, default=10_000_000, help="states to visit of each")
    options = parser.parse_args()
    if options.list:
        print(*SCOPES, sep="\n")
        return 0
    wrong = 0
    small = [name for name, scope in SCOPES.items() if not scope.slow]
    for name in options.scope or (small if options.small else SCOPES):
        result = Explorer(SCOPES[name]).explore(options.most)
        print(
            f"{result.states:9d} states {result.transitions:10d} transitions "
            f"{result.seconds:7.1f} s  {name}",
            flush=True,
        )
        if result.broken:
            wrong += 1
            print(f"BROKEN after {len(result.trace)} moves: {result.broken}")
            for number, words in enumerate(result.trace, 1):
                print(f"  {number:3d}. {words}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
