"""What chaos tests need: namespaces of a real API server with KWOK nodes, and a place to report."""

import pytest
from tests.chaos.judge import Row, report
from tests.integration.conftest import places

__all__ = ["places"]

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
