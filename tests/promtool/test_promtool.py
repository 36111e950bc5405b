"""Names, alerts and queries, looked at by promtool, which is built when it is missing."""

import asyncio
import subprocess
from pathlib import Path

import pytest
from tests.fakes.world import World
from tests.promtool.dashboard import Query, queries

from sweep_operator.effects.gauges import Gauges

ROOT = Path(__file__).parents[2]
RULES = ROOT / "helm/sweep-operator/files/rules.yaml"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def promtool() -> str:
    path = subprocess.check_output([ROOT / "dev/cluster", "path", "promtool"], text=True)
    return path.strip()


def check(*command: str | Path, text: bytes = b"") -> None:
    """It has nothing to say against it."""
    done = subprocess.run(command, input=text, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_names_and_types_are_as_prometheus_wants_them(promtool: str) -> None:
    async def main() -> World:
        world = World()
        await world.live(lambda: world.phase == "Finished")
        return world

    world = asyncio.run(main())
    metrics = world.metrics
    metrics.watch_process()
    metrics.registry.register(
        Gauges(world.cache, lambda: 0, lambda: True, lambda: {"sweeps": 1.0}, int)
    )
    metrics.answered("GET", "/api/v1/pods", 200, 0.1)
    metrics.watch_opened("pods")
    metrics.listed("pods")
    check(promtool, "check", "metrics", text=metrics.text("")[0])


def test_the_alert_rules_are_well_formed(promtool: str) -> None:
    check(promtool, "check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_each_alert_comes_when_it_should_and_not_when_it_should_not(promtool: str) -> None:
    check(promtool, "test", "rules", Path(__file__).with_name("alerts.yaml"))


@pytest.mark.parametrize("query", queries("1m"), ids=lambda query: query.panel)
def test_each_query_of_the_dashboard_is_well_formed(promtool: str, query: Query) -> None:
    check(promtool, "--experimental", "promql", "format", query.text)
