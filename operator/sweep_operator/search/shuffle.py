"""A random order of the numbers below any size, which need not be written down.

A Feistel network turns the numbers below a power of 4 into each other, whatever its rounds are; one
that lands outside is turned again until it is inside (Black and Rogaway, "Ciphers with Arbitrary
Finite Domains", 2002). So each number comes once, and a grid of 10**12 points costs no memory.
"""

from typing import Final

from sweep_operator.search.seed import hash64

_ROUNDS: Final = 8
_WORD: Final = 64


def shuffled(index: int, size: int, seed: int) -> int:
    """Which of `size` numbers stands at place `index` in the seed's order, both from 0."""
    half = ((size - 1).bit_length() + 1) // 2
    while True:
        index = _turned(index, half, seed)
        if index < size:
            return index


def _turned(number: int, half: int, seed: int) -> int:
    """Another number of 2 * half bits; different for different ones."""
    mask = (1 << half) - 1
    left, right = number >> half, number & mask
    for turn in range(_ROUNDS):
        left, right = right, left ^ (_bits(half, seed, turn, right) & mask)
    return left << half | right


def _bits(count: int, seed: int, turn: int, number: int) -> int:
    """At least `count` bits, as good as random."""
    found = 0
    for word in range(-(-count // _WORD)):
        found = found << _WORD | hash64("shuffle", seed, turn, word, number)
    return found
