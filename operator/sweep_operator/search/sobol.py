"""Sobol' search: points that fill the space evenly, so that few of them leave no large gaps.

Counter-based as random search is: point `number` is a function of seed and number, in any order.
Each block of 2**m points has one in each of 2**m equal slices of every parameter.

The sequence is that of I. M. Sobol' (1967) with Joe and Kuo's direction numbers, scrambled digit by
digit as A. B. Owen describes ("Randomly permuted (t,m,s)-nets and (t,s)-sequences", 1995): another
seed gives other points, just as even. No first point is dropped, or the blocks wouldn't be even
(Owen, "On dropping the first Sobol' point", 2020).

Where a point isn't valid, one is drawn in its place, as random search draws again: the sequence
goes on as it would.
"""

from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from itertools import count
from typing import Final

from pydantic import JsonValue

from sweep_operator.search.joe_kuo import TABLE
from sweep_operator.search.method import Observation, Parameters, Pending
from sweep_operator.search.random import valid_draws
from sweep_operator.search.seed import hash64, unit
from sweep_operator.search.space import Dimension, Path, Space

DIGITS: Final = 52
"""Binary digits of a coordinate, as many as a double has: the sequence has 2**52 points."""

_CELLS: Final = 2.0**DIGITS

MAX_DIMENSIONS: Final = len(TABLE.split("\n")) - 1
"""How many parameters the sequence covers. Those beyond are drawn each on its own, as random
search does: so many parameters are spread no more evenly by any sequence of few points."""


class Sobol:
    """Takes every space, and never ends by itself."""

    learns = False

    def size(self, space: Space) -> None:  # noqa: ARG002 - the same for each space
        return None

    def suggest(
        self,
        space: Space,
        seed: int,
        number: int,
        observations: Sequence[Observation],  # noqa: ARG002 - the sequence doesn't learn
        pending: Sequence[Pending],  # noqa: ARG002
    ) -> Parameters:
        if number < 1:
            raise ValueError(f"runs are numbered from 1, not {number}")
        free = count()
        values = [_value(dimension, seed, number, free) for dimension in space.dimensions]
        if not space.valid(values):
            values = next(valid_draws(space, seed, number, first=2))
        return space.nest(values)


def _value(dimension: Dimension, seed: int, number: int, free: "count[int]") -> JsonValue:
    """One parameter's value. A constant takes none of the sequence's coordinates."""
    if dimension.domain.size == 1:
        return dimension.domain.at(0)
    coordinate = next(free)
    if coordinate >= MAX_DIMENSIONS:
        return dimension.domain.quantile(unit(seed, number, *dimension.path))
    digits = sobol_digits(number - 1, coordinate)
    return dimension.domain.quantile(_scrambled(digits, seed, dimension.path))


def sobol_digits(index: int, coordinate: int) -> int:
    """The first DIGITS binary digits of a coordinate (from 0) of point `index` (from 0).

    The sum, without carry, of the direction numbers at which the index has a 1.
    """
    found = 0
    for direction in _directions(coordinate):
        if index & 1:
            found ^= direction
        index >>= 1
    return found


@cache
def _directions(coordinate: int) -> tuple[int, ...]:
    """The direction numbers v_1 ... v_DIGITS of a coordinate, each as DIGITS binary digits.

    Bratley and Fox, "Algorithm 659" (1988), equation 2: with the primitive polynomial
    x**s + a_1 x**(s-1) + ... + a_(s-1) x + 1 and m_k = v_k * 2**k,
    m_k = 2 a_1 m_(k-1) ^ ... ^ 2**(s-1) a_(s-1) m_(k-s+1) ^ 2**s m_(k-s) ^ m_(k-s).
    """
    if coordinate == 0:
        m = [1] * DIGITS
    else:
        degree, inner, *m = map(int, TABLE.strip().split("\n")[coordinate - 1].split())
        for k in range(degree, DIGITS):
            new = m[k - degree] ^ (m[k - degree] << degree)
            for step in range(1, degree):
                if inner >> (degree - 1 - step) & 1:
                    new ^= m[k - step] << step
            m.append(new)
    return tuple(number << (DIGITS - k) for k, number in enumerate(m, start=1))


def _scrambled(digits: int, seed: int, path: Path) -> float:
    """A number in (0, 1) whose binary digits are these, each turned over or not.

    Whether a digit is turned over depends on those before it, alike for all points that share them:
    a slice's points stay together, in a slice of the same size.
    """
    key = hash64("owen", seed, *path).to_bytes(8, "big")
    found = 0
    for place in range(DIGITS):
        before = digits >> (DIGITS - place)
        digit = digits >> (DIGITS - 1 - place) & 1
        toss = blake2b(bytes([place]) + before.to_bytes(8, "big"), digest_size=1, key=key)
        found = found << 1 | digit ^ (toss.digest()[0] & 1)
    return (found + 0.5) / _CELLS
