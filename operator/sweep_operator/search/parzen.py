"""From a search's history to points worth trying, by Optuna.

`tpe.py` imports it only when it is asked something: an operator without such sweeps does without.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from sweep_operator.search.cube import Axis, Coordinates
from sweep_operator.search.learner import History

MOST_LESSONS: Final = 1_000
"""The last ones: Optuna itself weighs older ones down, and each costs time."""

_PROPOSALS: Final = 20
_RESTRICTED_PROPOSALS: Final = 100
"""Where some may not be valid: each that isn't keeps the next one away from there."""

_EVEN: Final = 1e-9

optuna.logging.set_verbosity(optuna.logging.WARNING)

Scale = Sequence[float] | None
"""Coordinates by the numbers that Optuna has for them; None where it has the coordinates."""


def proposals(history: History) -> Iterator[Coordinates]:
    """Points by Optuna's liking. Each is under way, as far as the next one knows."""
    axes = history.cube.axes
    scales = [_scale(axis) for axis in axes]
    distributions = {
        f"{number}": _distribution(axis, scale)
        for number, (axis, scale) in enumerate(zip(axes, scales, strict=True))
    }

    def trial(point: Coordinates, state: TrialState, loss: float | None) -> FrozenTrial:
        values = (
            coordinate if scale is None else scale.index(coordinate)
            for coordinate, scale in zip(point, scales, strict=True)
        )
        parameters = dict(zip(distributions, values, strict=True))
        return create_trial(state=state, params=parameters, distributions=distributions, value=loss)

    sampler = optuna.samplers.TPESampler(
        seed=history.entropy % 2**32, n_startup_trials=1, multivariate=True, constant_liar=True
    )
    study = optuna.create_study(sampler=sampler)
    for lesson in history.lessons[-MOST_LESSONS:]:
        study.add_trial(trial(lesson.point, TrialState.COMPLETE, lesson.loss))
    for point in history.pending[-MOST_LESSONS:]:
        study.add_trial(trial(point, TrialState.RUNNING, None))
    for _ in range(_RESTRICTED_PROPOSALS if history.cube.space.restricted else _PROPOSALS):
        asked = study.ask(distributions).params.values()
        yield tuple(
            value if scale is None else scale[value]
            for value, scale in zip(asked, scales, strict=True)
        )


def _scale(axis: Axis) -> Scale:
    """Steps of one size are whole numbers to Optuna, others are on a line as long as it goes."""
    if axis.levels is None:
        return None
    gaps = [right - left for left, right in zip(axis.levels, axis.levels[1:], strict=False)]
    return axis.levels if max(gaps) - min(gaps) < _EVEN else None


def _distribution(axis: Axis, scale: Scale) -> BaseDistribution:
    if scale is None:
        return FloatDistribution(0, 1)
    if axis.ordered:
        return IntDistribution(0, len(scale) - 1)
    return CategoricalDistribution(range(len(scale)))
