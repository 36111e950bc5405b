"""Which runs a model learns from when there are too many."""

import numpy as np

from sweep_operator.search.surrogate import _thinned


def test_few_are_all_kept() -> None:
    assert _thinned(np.arange(7.0), 10).tolist() == list(range(7))


def test_of_many_the_best_are_kept_and_the_others_evenly() -> None:
    losses = np.random.default_rng(4).permutation(2_000).astype(float)

    kept = _thinned(losses, 300)

    assert len(set(kept.tolist())) == 300
    assert sorted(losses[kept])[:150] == list(range(150))
    others = kept[losses[kept] >= 150]
    assert np.diff(others).max() < 40
