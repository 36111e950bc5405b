"""Random numbers as a function of seed, run and purpose."""

from statistics import correlation, mean

from sweep_operator.search.seed import repeat_seed, seed_of, unit


def test_a_uid_always_has_the_same_seed_and_each_uid_its_own() -> None:
    uids = [f"0b8a6f5e-4f58-4a4e-9a5d-{number:012d}" for number in range(1_000)]

    assert len({seed_of(uid) for uid in uids}) == len(uids)
    assert all(0 <= seed_of(uid) < 2**31 for uid in uids)
    assert seed_of(uids[0]) == 1_705_693_225


def test_each_repeat_has_a_seed_that_every_library_takes_and_no_upgrade_changes() -> None:
    seeds = [repeat_seed(seed, repeat) for seed in range(20) for repeat in range(1, 101)]

    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert repeat_seed(42, 1) == 653_151_165


def test_a_draw_is_the_same_in_each_version_of_the_operator() -> None:
    # An upgrade in the middle of a sweep must not change the runs that are still to come.
    assert unit(42, 7, "optimizer", "lr") == 0.9285505147387833


def test_seed_number_and_purpose_each_give_another_draw() -> None:
    first = unit(1, 1, "lr")

    assert first == unit(1, 1, "lr")
    assert len({first, unit(2, 1, "lr"), unit(1, 2, "lr"), unit(1, 1, "wd"), unit(1, 1)}) == 5
    assert unit(1, 1, "ab", "c") != unit(1, 1, "a", "bc")
    assert unit(1, 11, "x") != unit(11, 1, "x")


def test_draws_are_spread_evenly_and_independent_of_each_other() -> None:
    lr = [unit(3, number, "lr") for number in range(1, 5_001)]
    wd = [unit(3, number, "wd") for number in range(1, 5_001)]

    assert all(0 < draw < 1 for draw in lr)
    for tenth in range(10):
        assert 400 < sum(tenth <= 10 * draw < tenth + 1 for draw in lr) < 600
    assert abs(mean(lr) - 0.5) < 0.02
    assert abs(correlation(lr, wd)) < 0.05
    assert abs(correlation(lr[1:], lr[:-1])) < 0.05
