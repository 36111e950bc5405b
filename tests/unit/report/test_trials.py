"""Runs as Optuna's trials: the numbers of the records, in terms that Optuna itself accepts."""

import json
from datetime import datetime, timedelta
from math import exp
from typing import Any

import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState
from tests.fakes.sweep_of_forty import sweep_of_forty
from tests.unit.report.reading import Json, run, sweep

from sweep_operator.api.parameters import Distribution, Parameter
from sweep_operator.effects.observe import run_facts
from sweep_operator.report.trials import MOST_CHOICES, SECONDS, Trials
from sweep_operator.search.distributions import GREATEST_U
from sweep_operator.search.space import Space

START, END = "2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z"


def trial(record: Json, **spec: Any) -> FrozenTrial:
    """A run of that spec's, as a trial."""
    return Trials.of(sweep(**spec)["spec"]).trial(record, run_facts(record))


def placed(entry: Json, value: Any) -> tuple[Any, BaseDistribution]:
    """A value of the one parameter there is, and what it is among."""
    found = trial(run(1, 0.5, parameters={"p": value}), parameters={"p": entry})
    return found.params["p"], found.distributions["p"]


@pytest.mark.parametrize(
    ("entry", "distribution"),
    [
        ({"min": 0, "max": 1.5}, FloatDistribution(0, 1.5)),
        ({"distribution": "int_uniform", "min": 1, "max": 9}, IntDistribution(1, 9)),
        (
            {"distribution": "log_uniform_values", "min": 0.001, "max": 1},
            FloatDistribution(0.001, 1, log=True),
        ),
        ({"distribution": "log_uniform", "min": 0, "max": 2}, FloatDistribution(1, exp(2), True)),
        (
            {"distribution": "q_uniform", "min": 0.05, "max": 1, "q": 0.25},
            FloatDistribution(0.25, 1, step=0.25),
        ),
        (
            {"distribution": "q_uniform", "min": 3, "max": 20, "q": 4},
            IntDistribution(4, 20, step=4),
        ),
        (
            {"distribution": "q_log_uniform_values", "min": 1, "max": 64, "q": 1},
            IntDistribution(1, 64, log=True),
        ),
        ({"distribution": "beta", "a": 2, "b": 3}, FloatDistribution(0, 1)),
        ({"values": [16, 32, 64]}, CategoricalDistribution([16, 32, 64])),
        ({"values": ["adam", None, True, 0.5]}, CategoricalDistribution(["adam", None, True, 0.5])),
    ],
)
def test_a_parameter_is_among_what_the_spec_says(
    entry: Json, distribution: BaseDistribution
) -> None:
    of = Space.of({"p": Parameter.model_validate(entry)}).dimensions[0].domain
    value, found = placed(entry, of.quantile(0.4))
    assert found == distribution
    assert value == of.quantile(0.4)


ENTRIES: list[Json] = [
    *(
        {"distribution": name, "min": low, "max": high, **({"q": 2} if "q_" in name else {})}
        for name, low, high in [
            ("uniform", -1, 1),
            ("int_uniform", -3, 3),
            ("q_uniform", 0, 7.5),
            ("log_uniform", -2, 2),
            ("inv_log_uniform", -2, 2),
            ("q_log_uniform", 0, 5),
            ("log_uniform_values", 1e-5, 1),
            ("inv_log_uniform_values", 1e-5, 1),
            ("q_log_uniform_values", 1, 100),
        ]
    ),
    {"distribution": "normal", "mu": 3, "sigma": 2},
    {"distribution": "q_normal", "mu": 3, "sigma": 2, "q": 0.1},
    {"distribution": "log_normal", "mu": 1, "sigma": 0.5},
    {"distribution": "q_log_normal", "mu": 1, "sigma": 0.5, "q": 1},
    {"distribution": "beta", "a": 0.5, "b": 2},
    {"distribution": "q_beta", "a": 0.5, "b": 2, "q": 0.1},
    {"values": [[1, 2], [3], "[3]", {"a": 1}, None]},
    {"values": [1, True, 0, False]},
    {"values": [1, "1", 0.5]},
    {"values": ["a", "b"], "probabilities": [0.1, 0.9]},
    {"values": list(range(MOST_CHOICES + 1))},
    {"values": [f"v{n}" for n in range(MOST_CHOICES + 1)]},
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.get("distribution", "values"))
def test_optuna_takes_all_that_a_search_may_draw_even_as_the_api_server_leaves_it(
    entry: Json,
) -> None:
    domain = Space.of({"p": Parameter.model_validate(entry)}).dimensions[0].domain
    seen = set()
    for u in (0.0, 1e-9, 0.1, 0.3, 0.5, 0.7, 0.9, 1 - 1e-9, GREATEST_U):
        drawn = domain.quantile(u)
        whole = isinstance(drawn, float) and drawn.is_integer()
        record = run(
            1, 0.5, startTime=START, completionTime=END,
            parameters={"p": int(drawn) if whole else drawn},
        )  # fmt: skip
        found = trial(record, parameters={"p": entry})
        found._validate()
        if isinstance(drawn, int | float):
            assert found.params["p"] == drawn or isinstance(found.params["p"], str)
        if isinstance(found.distributions["p"], FloatDistribution):
            assert isinstance(found.params["p"], float)
        seen.add((str(found.params["p"]), json.dumps(drawn)))
    assert len({place for place, _ in seen}) == len({drawn for _, drawn in seen})


def test_every_distribution_is_tried_above() -> None:
    inferred = {"constant", "categorical", "categorical_w_probabilities"}
    tried = {entry["distribution"] for entry in ENTRIES if "distribution" in entry}
    assert tried | inferred == {each.value for each in Distribution}


@pytest.mark.parametrize("value", [7, -2.5, "text", True, None, [1, "a"], {"deep": 1}])
def test_a_value_that_the_spec_knows_nothing_of_is_shown_all_the_same(value: Any) -> None:
    record = run(1, 0.5, startTime=START, completionTime=END, parameters={"x": value, "new": value})
    found = trial(record)
    found._validate()
    assert set(found.params) == {"x", "new"}
    assert found.params["new"] == value or found.params["new"] == json.dumps(value)


def test_nested_parameters_have_dotted_names_and_constants_none() -> None:
    made, records = sweep_of_forty(40)
    reader = Trials.of(made["spec"])
    assert dict(reader.constants) == {"epochs": 20}
    for record in records:
        found = reader.trial(record, run_facts(record)).params
        given = record["spec"]["parameters"]
        names = {f"optimizer.{name}" for name in given["optimizer"]}  # momentum with sgd alone
        assert set(found) == {"learning_rate", "batch_size", "dropout", "augment"} | names
        assert found["learning_rate"] == given["learning_rate"]
        assert found["optimizer.name"] == given["optimizer"]["name"]


@pytest.mark.parametrize(
    ("record", "state", "value"),
    [
        (run(1, None, "Pending"), TrialState.WAITING, None),
        (run(1, None, "Running", startTime=START), TrialState.RUNNING, None),
        (run(1, 0.25, startTime=START, completionTime=END), TrialState.COMPLETE, 0.25),
        (run(1, None, startTime=START, completionTime=END), TrialState.FAIL, None),
        (run(1, None, "Failed", startTime=START, completionTime=END), TrialState.FAIL, None),
        (run(1, 0.25, "Failed", startTime=START, completionTime=END), TrialState.FAIL, None),
        (run(1, None, "Crashed", startTime=START), TrialState.WAITING, None),
        (run(1, None, "Crashed", startTime=START, completionTime=END), TrialState.FAIL, None),
        (run(1, None, "Killed", reason="NotStarted", completionTime=END), TrialState.FAIL, None),
        (
            run(1, None, "Killed", reason="EarlyTerminated", progress={"best": 0.5}),
            TrialState.PRUNED,
            0.5,
        ),
        (run(1, None, "Killed", reason="EarlyTerminated"), TrialState.PRUNED, None),
    ],
)
def test_a_run_stands_as_what_optuna_makes_of_such_a_one(
    record: Json, state: TrialState, value: float | None
) -> None:
    found = trial(record)
    assert found.state is state
    assert found.value == value
    assert found.number == record["spec"]["number"]


def test_times_are_those_of_the_record_on_this_machines_clock() -> None:
    found = trial(run(1, 0.5, startTime=START, completionTime=END))
    assert found.datetime_start is not None
    assert found.datetime_start.tzinfo is None
    assert found.datetime_start.timestamp() == datetime.fromisoformat(START).timestamp()
    assert found.datetime_complete == found.datetime_start + timedelta(seconds=90)
    assert trial(run(1, None, "Running", startTime=START)).datetime_complete is None


def test_what_was_reported_on_the_way_is_there_by_step() -> None:
    points = [{"step": 3 * n, "metrics": {"loss": 1 / n, "other": 1}} for n in range(1, 101)]
    history = [*points, {"step": 400, "metrics": {"other": 1}}]
    record = run(1, None, "Running", history=history)
    whole = {point["step"]: point["metrics"]["loss"] for point in points}
    assert trial(record).intermediate_values == whole


def test_the_rest_of_a_record_stands_in_attributes_under_the_names_of_the_table_in_csv() -> None:
    record = run(
        5, 0.5, reason="Completed", attemptsMade=3, preemptions=2,
        metrics={"loss": 0.5, "accuracy": 0.9}, nonFinite={"gradient": "nan"},
    )  # fmt: skip
    assert trial(record, repeats=2).user_attrs == {
        "status": "Finished",
        "reason": "Completed",
        "attempts": 3,
        "preemptions": 2,
        "metrics_accuracy": 0.9,
        "metrics_gradient": "nan",
        "point": 3,
    }


def test_without_a_metric_runs_are_compared_by_how_long_they_took() -> None:
    reader = Trials.of(sweep(metric=None)["spec"])
    assert reader.objective == SECONDS
    record = run(1, startTime=START, completionTime=END)
    found = reader.trial(record, run_facts(record))
    assert (found.state, found.value) == (TrialState.COMPLETE, 90.0)
    assert found.intermediate_values == {}


def test_a_spec_that_can_not_be_run_is_no_hindrance() -> None:
    found = trial(run(1, 0.5), parameters={"x": {"min": "none"}, "y": {"parameters": {}}})
    assert found.params == {"x": 0.1, "y": 1.0}
