"""What keeps a run from being made."""

from sweep_operator.planning.refusal import Stall


class RefusedError(Exception):
    """A creation was refused, or can't be made yet, and so the sweep is stalled."""

    def __init__(self, stall: Stall) -> None:
        super().__init__(stall.message)
        self.stall = stall
