"""How much each parameter matters, by Optuna's PED-ANOVA.

It takes a moment for 10,000 runs, and nothing more to install; fANOVA takes scikit-learn, and long.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
)
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import create_trial

from sweep_operator.report.axes import Axis
from sweep_operator.report.figure import BEST, Figure, Section
from sweep_operator.report.results import Results, Scored
from sweep_operator.report.words import label, several

FEWEST: Final = 10
"""PED-ANOVA compares the best tenth with all."""
ENOUGH: Final = 50

MOST_BARS: Final = 40

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Importances(NamedTuple):
    """What is known of them."""

    weights: Mapping[str, float]
    """By parameter, the greatest first; they sum to 1. Empty where there are none."""
    sentence: str
    """Why there are none, or how far they are to be trusted."""


def importances(results: Results, axes: Sequence[Axis]) -> Importances:
    """Rate parameters by what tells the best tenth of the points from all."""
    scored, thing = results.scored, results.thing
    if results.metric is None:
        return Importances({}, "There are none without a metric.")
    if len(scored) < FEWEST:
        have = f"at least {FEWEST} {thing}s with a value, and there {_is(len(scored))}"
        return Importances({}, f"There are none yet: it takes {have} {len(scored) or 'none'}.")
    if len(axes) < 2:
        return Importances(
            {}, "There are none: it takes two parameters that differ between runs to compare them."
        )
    if len({each.value for each in scored}) == 1:
        return Importances({}, f"There are none: all {thing}s have the same value.")
    weights = _weights(results, scored, axes)
    if not any(weights.values()):
        return Importances({}, f"There are none: the best {thing}s are like all others.")
    how = (
        f"How much the best tenth of {several(len(scored), thing)} differs from all of them in a "
        "parameter (PED-ANOVA, which looks at one parameter at a time); the shares sum to 1."
    )
    few = f" From fewer than {ENOUGH} {thing}s this is a rough guess."
    return Importances(weights, how + (few if len(scored) < ENOUGH else ""))


def _is(count: int) -> str:
    return "is" if count < 2 else "are"


class _Column(NamedTuple):
    """A parameter as Optuna has it."""

    places: Mapping[int, float]
    """By the number of the point; not all need have it."""
    distribution: BaseDistribution


def _weights(
    results: Results, scored: Sequence[Scored], axes: Sequence[Axis]
) -> Mapping[str, float]:
    columns = {axis.name: each for axis in axes if (each := _column(axis, scored)) is not None}
    study = optuna.create_study()
    study.add_trials(
        create_trial(
            params={
                n: c.places[each.number] for n, c in columns.items() if each.number in c.places
            },
            distributions={
                n: c.distribution for n, c in columns.items() if each.number in c.places
            },
            value=results.loss(each.value),
        )
        for each in scored
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parameters that few runs have
        return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())


def _column(axis: Axis, scored: Sequence[Scored]) -> _Column | None:
    """A parameter's places; None where all are the same."""
    places = {
        each.number: place
        for each in scored
        if axis.name in each.run.parameters
        and (place := axis.place(each.run.parameters[axis.name])) is not None
    }
    distinct = sorted(set(places.values()))
    if len(distinct) < 2:
        return None
    if axis.categories is not None:
        return _Column(places, CategoricalDistribution(range(len(axis.categories))))
    return _Column(places, FloatDistribution(distinct[0], distinct[-1], log=axis.log))


def section(found: Importances) -> Section:
    """A bar for each parameter."""
    shown = list(found.weights.items())[:MOST_BARS][::-1]
    if not shown:
        return Section("importances", "Parameter importances", [found.sentence])
    places = list(range(len(shown)))
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": places,
        "x": [weight for _, weight in shown],
        "marker": {"color": BEST},
        "text": [f"{weight:.2f}" for _, weight in shown],
        "textposition": "outside",
        "cliponaxis": False,
        "hoverinfo": "skip",
    }
    ticks = [label(name) for name, _ in shown]
    layout = {
        "xaxis": {"range": [0, 1.05 * max(found.weights.values())], "title": {"text": "share"}},
        "yaxis": {"tickvals": places, "ticktext": ticks, "showgrid": False},
        "bargap": 0.4,
    }
    name, weight = next(iter(found.weights.items()))
    told = f"Importances: {name} matters most, with a share of {weight:.2f}."
    figure = Figure(told, [bars], layout, height=90 + 30 * len(shown))
    return Section("importances", "Parameter importances", [found.sentence], [figure])
