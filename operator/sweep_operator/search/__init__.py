"""Methods of search: from a space, a seed and a run's number to that run's parameters."""

from collections.abc import Mapping
from typing import Final

from sweep_operator.search.bayes import Bayes
from sweep_operator.search.grid import Grid, ShuffledGrid
from sweep_operator.search.method import SearchMethod
from sweep_operator.search.probe import check
from sweep_operator.search.random import Random
from sweep_operator.search.seed import repeat_seed, seed_of
from sweep_operator.search.sobol import Sobol
from sweep_operator.search.space import Space, SpaceError
from sweep_operator.search.tpe import Tpe

__all__ = ["METHODS", "SearchMethod", "Space", "SpaceError", "check", "repeat_seed", "seed_of"]

METHODS: Final[Mapping[str, SearchMethod]] = {
    "grid": Grid(),
    "shuffled-grid": ShuffledGrid(),
    "random": Random(),
    "sobol": Sobol(),
    "bayes": Bayes(),
    "tpe": Tpe(),
}
"""By the name that spec.method has for it; `shuffled-grid` is grid with spec.shuffle.

A new method is a file here and a line above.
"""
