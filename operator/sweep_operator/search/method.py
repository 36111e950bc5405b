"""What a method of search is: a function of the space, the seed, the number and what is known.

It has no memory: called again with the same arguments, in another process or after a restart, it
suggests the same parameters. It knows nothing of Kubernetes, time or files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from sweep_operator.search.space import Space

Parameters = Mapping[str, JsonValue]
"""One run's parameters, nested as the program gets them. Shared with the space: never changed."""


@dataclass(frozen=True)
class Observation:
    """A run that ended: what it was given and how bad that was.

    `value` is the metric's, signed so that lower is better whatever the goal; None if the run
    reported none that is a number, and then it counts as the worst run that did, unless it is to be
    `ignored`: then it has been tried, and that is all. A number below 1 is that of another sweep's
    run: it teaches as any other does, but this sweep hasn't tried it.
    """

    number: int
    parameters: Parameters
    value: float | None
    ignored: bool = False

    @property
    def foreign(self) -> bool:
        """Of another sweep."""
        return self.number < 1


@dataclass(frozen=True)
class Pending:
    """A run that was suggested and hasn't ended."""

    number: int
    parameters: Parameters


class SearchMethod(Protocol):
    """One way to search a space."""

    @property
    def learns(self) -> bool:
        """Whether it looks at other runs. It may take its time then, and fail."""

    def size(self, space: Space) -> int | None:
        """How many runs there can be; None for no limit.

        SpaceError where this method can't search the space, so this is the check too.
        """

    def suggest(
        self,
        space: Space,
        seed: int,
        number: int,
        observations: Sequence[Observation],
        pending: Sequence[Pending],
    ) -> Parameters | None:
        """The parameters of run `number` (from 1), or None when the space is exhausted.

        SpaceError as for `size`.
        """
