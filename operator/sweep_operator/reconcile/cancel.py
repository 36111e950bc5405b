"""Cancelling: all pods told to go at once, in one request, and asked about until they are gone."""

from collections.abc import Callable
from dataclasses import dataclass

from sweep_operator.effects.children import Children
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.sweep import Intent

TELL_AGAIN = 2.0
"""Seconds after which pods that came to be meanwhile are told too, and absent ones asked about."""


@dataclass(slots=True)
class Killing:
    """How far the cancelling of a sweep has come."""

    told_at: float | None = None
    pods_left: int = 0
    confirmed: bool = False


class Canceller:
    """Kills what a cancelled sweep has running."""

    def __init__(self, children: Children, clock: Callable[[], float]) -> None:
        self._children = children
        self._clock = clock

    async def kill(self, intent: Intent, ledger: Ledger, killing: Killing) -> None:
        """Tell pods to go that haven't been told. The runs' records and Jobs follow by settling."""
        now = self._clock()
        if killing.told_at is not None and now < killing.told_at + TELL_AGAIN:
            return
        if killing.told_at is None or ledger.active:
            killing.told_at = now
            killing.confirmed = False
            await self._children.kill_pods(intent)

    async def confirm(self, intent: Intent, ledger: Ledger, killing: Killing) -> float | None:
        """Once no run is active, ask the API server itself whether any pod is left.

        Returns when to look again, None once that is settled.
        """
        if killing.confirmed:
            return None
        if not ledger.active:
            killing.pods_left = await self._children.count_pods(intent)
            if not killing.pods_left:
                killing.confirmed = True
                return None
        return self._clock() + TELL_AGAIN
