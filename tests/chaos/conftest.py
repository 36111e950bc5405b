"""A real API server with KWOK's nodes, and an operator behind a wire that tests can cut."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.chaos.account import account
from tests.chaos.judge import Row, report
from tests.chaos.process import Process, by_way_of, server_of
from tests.chaos.proxy import Proxy
from tests.integration.conftest import Place, Places, places

__all__ = ["behind", "kubeconfig", "places", "told"]


@dataclass(frozen=True)
class Scene:
    """A namespace, and an operator at work behind a wire."""

    place: Place
    proxy: Proxy
    operator: Process


Scenes = Callable[..., AbstractAsyncContextManager[Scene]]


@pytest.fixture(scope="module")
def kubeconfig(kind_cluster: Any) -> Path:
    """The administrator's."""
    return Path(kind_cluster.kubeconfig_path)


@pytest.fixture
def behind(places: Places, kubeconfig: Path, tmp_path: Path) -> Scenes:
    """Gives scenes: of an operator for all namespaces, or for that of the scene alone."""

    @asynccontextmanager
    async def scene(alone: bool = False) -> AsyncIterator[Scene]:
        async with (
            places() as place,
            Proxy(*server_of(kubeconfig)) as proxy,
            account(place.api, place.namespace) as token,
        ):
            through = by_way_of(kubeconfig, proxy.address, token, tmp_path / "kubeconfig")
            log = tmp_path / "operator.log"
            watched = (f"--watch-namespaces={place.namespace}",) if alone else ()
            async with Process(through, place.namespace, log, *watched) as operator:
                yield Scene(place, proxy, operator)

    return scene


@pytest.fixture
def told(record_property: Callable[[str, object], None]) -> Iterator[Callable[..., None]]:
    """Takes figures down: in the report's XML, and printed at the end of the test."""
    rows: list[str] = []

    def tell(row: str, **figures: object) -> None:
        words = [row, *(f"{key}={json.dumps(value)}" for key, value in figures.items())]
        rows.append(" ".join(words))
        record_property("figures", rows[-1])

    yield tell
    print(*(f"\n{row}" for row in rows))


ROWS = pytest.StashKey[list[Row]]()


@pytest.fixture
def rows(request: pytest.FixtureRequest) -> list[Row]:
    """Takes the lines of the report."""
    return request.config.stash.setdefault(ROWS, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the report at the end, whatever the tests said."""
    if found := config.stash.get(ROWS, []):
        terminalreporter.section("chaos")
        terminalreporter.write_line(report(found))
