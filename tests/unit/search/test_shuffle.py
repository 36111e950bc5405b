"""A random order that isn't written down: each number once, another for each seed."""

from itertools import permutations

import pytest

from sweep_operator.search.shuffle import shuffled


@pytest.mark.parametrize("size", range(1, 51))
def test_every_number_comes_once(size: int) -> None:
    for seed in range(5):
        assert sorted(shuffled(place, size, seed) for place in range(size)) == list(range(size))


def test_a_size_far_too_large_to_list_is_no_burden() -> None:
    size = 10**12
    found = [shuffled(place, size, 7) for place in range(2_000)]

    assert len(set(found)) == 2_000
    assert all(0 <= number < size for number in found)
    assert 0.45 < sum(number < size // 2 for number in found) / 2_000 < 0.55


def test_one_beyond_64_bits_is_none_either() -> None:
    size = (10**9 + 1) ** 9
    found = [shuffled(place, size, 7) for place in range(200)]

    assert len(set(found)) == 200
    assert max(found) > size // 2
    # The lowest digits are as good as random too.
    assert len({number % 2**64 for number in found}) == 200


def test_seeds_give_every_order_there_is_about_as_often() -> None:
    orders = [tuple(shuffled(place, 3, seed) for place in range(3)) for seed in range(600)]

    assert set(orders) == set(permutations(range(3)))
    assert all(50 < orders.count(order) < 150 for order in set(orders))


def test_the_same_seed_gives_the_same_order_for_ever() -> None:
    assert [shuffled(place, 10, 1) for place in range(10)] == GOLDEN


GOLDEN = [4, 1, 2, 9, 3, 6, 5, 7, 8, 0]
"""A sweep that is under way must not change its order with a newer operator."""
