"""Nothing twice, nothing lost, in a few hundred small disasters; `make simulate` runs thousands."""

import asyncio
import logging
from collections.abc import Iterator
from random import Random

import pytest
from tests.fakes.virtual import PROCESS, Process, run
from tests.simulation.__main__ import _be_quiet
from tests.simulation.scenario import Scenario
from tests.simulation.server import Server
from tests.simulation.simulation import Defects, shrunk, simulate
from tests.simulation.weather import Kind, Storm, Weather

from sweep_operator.api import paths
from sweep_operator.effects.api import NotSentError, sent_only_if
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


def test_what_allows_a_request_is_asked_once_more_when_there_is_a_connection_for_it() -> None:
    async def main() -> Server:
        server = Server(Weather(Random(0), [Storm(Kind.SLOW, 0.0, 60.0, 1.0)]))
        PROCESS.set(Process("operator"))
        began = asyncio.get_running_loop().time()
        with (
            sent_only_if(lambda: asyncio.get_running_loop().time() == began),
            pytest.raises(NotSentError),
        ):
            await server.get(paths.sweeps(None))
        return server

    assert run(main()).calls == []


def test_a_logged_error_is_a_defect_in_the_command_too() -> None:
    """It runs without pytest, whose fixture above sets the level."""
    logger = logging.getLogger()
    level = logger.level
    try:
        _be_quiet()
        with Defects() as defects:
            logging.getLogger("tests").error("a defect")
    finally:
        logger.setLevel(level)
    assert defects.found == ["a defect"]
