"""This operator does as W&B's own library, but for what docs/search.md gives reasons for.

The first time the library is installed, into an environment of its own (`make differences`).
"""

from collections import Counter

import pytest
from tests.differential.differences import differences
from tests.differential.histories import HISTORIES
from tests.differential.spaces import PARAMETERS, SHARES, SPACES, UNEXPLAINED

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found() -> Counter[str]:
    return differences()


@pytest.mark.parametrize(
    ("what", "count"),
    [("grid", SPACES), ("quantile", PARAMETERS * SHARES), ("history", HISTORIES)],
)
def test_no_difference_is_without_a_reason(found: Counter[str], what: str, count: int) -> None:
    of_this = {how: times for how, times in found.items() if how.startswith(f"{what}: ")}
    assert not [how for how in of_this if UNEXPLAINED in how]
    assert sum(of_this.values()) == count


def test_many_of_the_histories_have_runs_to_stop(found: Counter[str]) -> None:
    assert found["history: equal, some are stopped"] > HISTORIES / 4
