"""What a log line is about: said once for all that is done for a sweep, a run or an attempt.

Tasks inherit it from the one that starts them, so it is right in everything that a pass begins.
"""

from contextvars import ContextVar
from types import TracebackType
from typing import NamedTuple


class About(NamedTuple):
    """The sweep, the run and the attempt that is worked on; empty for none."""

    sweep: str = ""
    """namespace/name"""
    run: int | None = None
    attempt: int | None = None


_about: ContextVar[About] = ContextVar("about", default=About())  # noqa: B039 (it is immutable)


def about() -> About:
    """What is worked on at the moment."""
    return _about.get()


class concerning:  # noqa: N801 (used like contextlib's)
    """Say what the code inside the `with` is about; what isn't given stays as it was."""

    def __init__(
        self, sweep: str | None = None, run: int | None = None, attempt: int | None = None
    ) -> None:
        now = _about.get()
        self._about = About(
            now.sweep if sweep is None else sweep,
            now.run if run is None else run,
            now.attempt if attempt is None else attempt,
        )

    def __enter__(self) -> None:
        self._token = _about.set(self._about)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _about.reset(self._token)
