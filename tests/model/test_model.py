"""In every state that small worlds can come to, what is promised holds, and an end is in reach."""

import pytest
from tests.model.explore import Explorer
from tests.model.scopes import SCOPES

SMALLEST = ("a result", "lost answers", "crashes")
OTHERS = [name for name in SCOPES if name not in SMALLEST]


def explore(name: str) -> None:
    """Explore a scope to its last state."""
    result = Explorer(SCOPES[name]).explore()
    assert not result.broken, "\n".join([result.broken, *result.trace])
    assert result.ends > 0


@pytest.mark.parametrize("name", SMALLEST)
def test_every_state_of_a_small_world_keeps_what_is_promised(name: str) -> None:
    explore(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_every_state_of_a_larger_world_keeps_what_is_promised(name: str) -> None:
    explore(name)
