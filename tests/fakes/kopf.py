"""kopf's part in an operator that runs without it: the watch of Sweeps, into the cache."""

from collections.abc import Mapping
from typing import Any

from sweep_operator.effects.cache import Cache, key_of


class SweepSink:
    """What kopf's event handler does."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache

    def put(self, thing: Mapping[str, Any]) -> None:
        """Take in a Sweep that is there."""
        self.cache.put_sweep(dict(thing))

    def drop(self, thing: Mapping[str, Any]) -> None:
        """Take in that one is gone."""
        self.cache.drop_sweep(key_of(thing))

    def keep_only(self, names: set[tuple[str, str]], version: int) -> None:
        """kopf tells of no deletion that it hasn't seen."""
