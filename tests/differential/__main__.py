"""Where this operator differs from W&B's own library: `make differences`.

Each difference must have a reason, which docs/search.md has too; one without ends this with 1.
"""

import sys

from tests.differential.differences import differences
from tests.differential.spaces import UNEXPLAINED


def main() -> int:
    """Compare, and say how often there was which difference."""
    found = differences()
    for what, count in sorted(found.items()):
        print(f"{count:6d} {what}")
    unexplained = sum(count for what, count in found.items() if UNEXPLAINED in what)
    print(f"{unexplained:6d} {UNEXPLAINED} of {found.total()}")
    return int(unexplained > 0)


if __name__ == "__main__":
    sys.exit(main())
