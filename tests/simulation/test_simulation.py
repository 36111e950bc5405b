"""Nothing twice, nothing lost, in a few hundred small disasters; `make simulate` runs thousands."""

import logging
from collections.abc import Iterator

import pytest
from tests.simulation.scenario import Scenario
from tests.simulation.simulation import shrunk, simulate

from sweep_operator.reconcile.start import Starter

SEEDS, CHUNK = 300, 25


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What operators say of their troubles would be megabytes."""
    logger = logging.getLogger("sweep_operator")
    level = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(level)


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_no_rule_is_broken(first: int) -> None:
    for seed in range(first, first + CHUNK):
        outcome = simulate(Scenario.of(seed))
        assert not outcome.broken, f"seed {seed}: {outcome.broken}; python -m tests.simulation"


def test_a_seed_runs_the_same_way_each_time() -> None:
    for seed in range(20):
        assert simulate(Scenario.of(seed)) == simulate(Scenario.of(seed))


def test_a_broken_rule_is_found_and_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator that goes on making runs after a pause."""
    monkeypatch.setattr(Starter, "_may_start", lambda *_: True)
    monkeypatch.setattr("sweep_operator.planning.regime._may_begin", lambda _: True)
    found = (seed for seed in range(SEEDS) if simulate(Scenario.of(seed)).broken)
    seed = next(found)
    scenario = shrunk(Scenario.of(seed))
    assert simulate(scenario).broken
    assert len(scenario.blows) + len(scenario.storms) <= 3
