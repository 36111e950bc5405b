"""Random numbers that are a function of what they are for: no state, no order, the same everywhere.

A generator with state gives run 7 other numbers when run 6 is drawn twice, or on another node.
Here a number is the hash of its seed, its run and its purpose. Must know no method and no space.
"""

import json
from hashlib import blake2b
from typing import Final

_BITS: Final = 52
_CELLS: Final = 2.0**_BITS


def seed_of(uid: str) -> int:
    """The seed of a sweep that names none, from its metadata.uid: in [0, 2**31).

    So small that every library takes it, and that it may be written down as spec.seed.
    """
    return hash64("seed", uid) >> 33


def repeat_seed(seed: int, repeat: int) -> int:
    """The seed for programs that are a point's first repeat, or second: in [0, 2**31).

    The same for every point, so that points are compared by the same luck.
    """
    return hash64("repeat", seed, repeat) >> 33


def unit(seed: int, number: int, *purpose: str) -> float:
    """A number strictly between 0 and 1, uniform; independent for each seed, run and purpose.

    The middle of one of 2**52 cells: all of them doubles, and neither end is among them.
    """
    cell = hash64("unit", seed, number, *purpose) >> (64 - _BITS)
    return (cell + 0.5) / _CELLS


def hash64(*what: str | int) -> int:
    """64 bits, as good as random. JSON keeps ("ab", "c") and ("a", "bc") apart."""
    digest = blake2b(json.dumps(what).encode(), digest_size=8, person=b"sweep-operator")
    return int.from_bytes(digest.digest(), "big")
