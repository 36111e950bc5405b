"""A real API server with KWOK's nodes, and an operator behind a wire that tests can cut."""

import itertools
from collections.abc import AsyncIterator, Callable, Container, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.chaos.account import account, server_of, with_token
from tests.chaos.operators import Kept, Operators, User
from tests.chaos.proxy import Proxy
from tests.chaos.report import Row, Wrong, report, words
from tests.integration.conftest import Place, Places, places

__all__ = ["behind", "kubeconfig", "operators", "places", "tell"]


@dataclass(frozen=True)
class Scene:
    """A namespace, and an operator at work behind a wire."""

    place: Place
    proxy: Proxy
    operator: Kept


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
            file = with_token(kubeconfig, token, tmp_path / "kubeconfig", proxy.address)
            with Operators(itertools.repeat(User(str(file))), tmp_path) as operators:
                async with Kept(operators, place.namespace, alone) as operator:
                    yield Scene(place, proxy, operator)

    return scene


@pytest.fixture
def operators(kubeconfig: Path, tmp_path: Path) -> Iterator[Operators]:
    """Starts operators that may do everything."""
    with Operators(itertools.repeat(User(str(kubeconfig))), tmp_path) as made:
        yield made


ROWS = pytest.StashKey[list[Row]]()
Tell = Callable[..., None]


@pytest.fixture
def tell(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Tell:
    """Takes a line of the report, and fails where something is wrong."""

    def told(row: Row, beyond: Container[Wrong] = ()) -> None:
        request.config.stash.setdefault(ROWS, []).append(row)
        record_property("figures", " ".join(row.cells))
        wrong = [each for each in row.findings if each.wrong not in beyond]
        assert not wrong, f"{row.notes}\n{words(wrong)}"

    return told


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the report at the end, whatever the tests said."""
    if found := config.stash.get(ROWS, []):
        terminalreporter.section("chaos")
        terminalreporter.write_line(report(found))
