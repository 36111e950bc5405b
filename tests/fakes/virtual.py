"""An event loop whose time goes by only when nothing is left to do, and then at once."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from typing_extensions import override

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Sleeping costs nothing, and is over in the order of its ends."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        select = self._selector.select  # type: ignore[attr-defined]

        def skip(timeout: float | None) -> Any:
            if timeout is None:
                raise AssertionError("everybody waits, and nothing will ever happen")
            self._now += max(timeout, 0.0)
            return select(0)

        self._selector.select = skip  # type: ignore[attr-defined]

    @override
    def time(self) -> float:
        return self._now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
