"""When a watch was last heard: its silence is told, and one that hangs is found out."""

from collections.abc import Callable


class Hearing:
    """What the API server says on one watch.

    Args:
        clock: monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heard: float | None = None
        self._refused = False

    def begin(self) -> None:
        """Take in that the server is asked, for the first time or again."""
        if self._heard is None:
            self._heard = self._clock()

    def word(self) -> None:
        """Take in that the server has said something."""
        self._heard = self._clock()
        self._refused = False

    def error(self, code: int) -> None:
        """Take in that it has answered with an error, or, code 0, not at all."""
        self._refused = code > 0

    @property
    def silent_for(self) -> float:
        """Seconds since the server last said anything but an error; 0 before the start."""
        return 0.0 if self._heard is None else self._clock() - self._heard

    def hangs(self, limit: float) -> bool:
        """Whether nothing at all has come for so many seconds.

        A refusal is an answer: to start anew mends no missing right and no broken server.
        """
        return self.silent_for > limit and not self._refused
