"""What a run without a value counts as reaches the search, from reports to the next question."""

import asyncio
import json

import pytest
from tests.fakes.asked import Asked
from tests.fakes.world import Result, World, sweep

from sweep_operator.effects.children import Children
from sweep_operator.effects.suggester import Question, answer
from sweep_operator.effects.tokens import PodIdentity
from sweep_operator.planning.reports import read_reports
from sweep_operator.reconcile.report import Reporter
from sweep_operator.search.method import Observation, Parameters


def by_chance(question: Question) -> Parameters | None:
    """Answers as random search does."""
    return answer(question._replace(method="random"))


async def lesson(**metric: str) -> Observation:
    """What the second run's question says of the first, which reports 4, 2 and 3 and fails."""
    listening = Asked(by_chance)
    written = sweep(runCap=2, parallelism=1, method="tpe", metric={"name": "loss", **metric})
    world = World(written, suggester=listening)
    await world.settle()
    world.step()
    await world.settle()
    world.start_pod("a-1-1")
    await world.settle()
    pod = world.server.named("pods", "a-1-1-pod")
    identity = PodIdentity("lab", pod["metadata"]["name"], pod["metadata"]["uid"])
    reports = [{"metrics": {"loss": loss}, "step": step} for step, loss in enumerate((4, 2))]
    last = {"metrics": {"loss": 3}, "step": 2, "final": True}
    reporter = Reporter(Children(world.server, world.cache), world.cache)
    await reporter.take(identity, read_reports(json.dumps([*reports, last]).encode()))
    await world.settle()
    world.end("a-1-1", Result(3))
    await world.live(lambda: len(listening.questions) == 2)
    (found,) = listening.questions[-1].observations
    return found


@pytest.mark.parametrize(
    ("impute", "value"), [("worst", None), ("latest", 3), ("best", 2), ("ignore", None)]
)
def test_a_failed_run_counts_as_the_sweep_says(impute: str, value: float | None) -> None:
    found = asyncio.run(lesson(impute=impute))
    assert (found.number, found.value) == (1, value)
    assert found.ignored is (impute == "ignore")


def test_as_the_worst_where_it_says_nothing() -> None:
    assert asyncio.run(lesson()) == asyncio.run(lesson(impute="worst"))
