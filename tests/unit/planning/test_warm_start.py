"""What one sweep may learn from another."""

import pytest

from sweep_operator.api.objective import Metric
from sweep_operator.planning.warm_start import foreign, why_no_teacher
from sweep_operator.search.method import Observation

LOSS = Metric(name="loss")


def test_observations_come_before_all_of_ones_own_and_keep_their_order() -> None:
    known = [Observation(1, {"x": 1}, 0.5), Observation(7, {"x": 2}, None)]
    assert foreign(known) == [
        Observation(-1, {"x": 1}, 0.5),
        Observation(0, {"x": 2}, None),
    ]
    assert all(each.foreign for each in foreign(known))
    assert not any(each.foreign for each in known)


@pytest.mark.parametrize("metric", [{"name": "loss"}, {"name": "loss", "target": 0.1}])
def test_one_with_the_same_metric_teaches(metric: dict[str, object]) -> None:
    assert why_no_teacher(LOSS, {"metric": metric}) == ""


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({}, "it has no metric"),
        ({"metric": {"name": "accuracy"}}, "its metric is accuracy, not loss"),
        ({"metric": {"name": "loss", "goal": "maximize"}}, "its goal is to maximize the metric"),
    ],
)
def test_others_do_not(spec: dict[str, object], why: str) -> None:
    assert why_no_teacher(LOSS, spec) == why
