"""What chaos tests need: namespaces of a real API server with KWOK nodes, and a place to report."""

from collections.abc import Iterator

import pytest
from tests.chaos.judge import Row, report
from tests.integration.conftest import places

__all__ = ["places"]


@pytest.fixture(scope="session")
def rows(request: pytest.FixtureRequest) -> Iterator[list[Row]]:
    """Takes the lines of a report that is printed at the end."""
    found: list[Row] = []
    yield found
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")
    if found and terminal is not None:
        terminal.write(f"\n\n{report(found)}\n")
