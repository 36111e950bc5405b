"""Which runs are the best, and how they are handed on."""

import json
from typing import Any

import pytest
import yaml
from tests.unit.report.reading import run as record
from tests.unit.report.reading import sweep as manifest

from sweep_operator.cli.best import Ranked, environment, ranked, shown
from sweep_operator.client import ClientError, Connection, Run, Sweep


def order(values: list[float | None], **spec: Any) -> list[tuple[int, float]]:
    """The numbers and values of runs 1, 2, ..., the best first."""
    runs = [Run(record(number, value)) for number, value in enumerate(values, start=1)]
    found = ranked(Sweep(manifest(**spec), Connection()), runs)
    return [(each.run.number, each.value) for each in found]


def test_the_best_come_first_and_the_earlier_of_equals() -> None:
    assert order([0.5, 0.25, None, 0.25]) == [(2, 0.25), (4, 0.25), (1, 0.5)]


def test_for_a_metric_to_maximize_the_highest_come_first_and_the_earlier_of_equals() -> None:
    metric = {"name": "accuracy", "goal": "maximize"}
    assert order([0.5, 0.75, 0.75], metric=metric) == [(2, 0.75), (3, 0.75), (1, 0.5)]


def test_with_repeats_points_are_compared_by_their_means() -> None:
    # The lowest value is of the point with the highest mean.
    assert order([1.0, 1.5, 0.0, 4.0, 3.0], repeats=2) == [(1, 1.25), (3, 2.0)]


def test_a_point_all_of_whose_repeats_were_stopped_early_is_no_best() -> None:
    stopped = {"phase": "Killed", "reason": "EarlyTerminated", "progress": {"best": 0.0}}
    records = [record(1, **stopped), record(2, **stopped), record(3, 0.5), record(4, 0.5)]
    found = ranked(Sweep(manifest(repeats=2), Connection()), list(map(Run, records)))
    assert [each.run.number for each in found] == [3]


def test_a_run_that_has_not_finished_is_no_best() -> None:
    stopped = Run(record(1, 0.5, phase="Killed"))
    with pytest.raises(ClientError, match="no finished run with a value"):
        ranked(Sweep(manifest(), Connection()), [stopped])


def one(**parameters: Any) -> Ranked:
    metadata, spec = {"name": "s-1"}, {"number": 1, "parameters": parameters}
    return Ranked(Run({"metadata": metadata, "spec": spec}), 0.5)


def test_the_parameters_of_a_run_are_a_pods_environment() -> None:
    (variable,) = environment(one(text="$(HOME)").run)
    assert variable == {"name": "SWEEP_PARAMETERS", "value": '{"text": "$$(HOME)"}'}


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_programs_get_the_parameters_as_they_are(output: str) -> None:
    read = json.loads if output == "json" else yaml.safe_load
    assert read(shown([one(optimizer={"lr": 0.1})], output)) == [
        {"number": 1, "value": 0.5, "parameters": {"optimizer": {"lr": 0.1}}}
    ]


def test_a_template_picks_one_of_them() -> None:
    assert shown([one(optimizer={"lr": 0.1})], "jsonpath={[0].parameters.optimizer.lr}") == "0.1"


def test_people_get_a_column_for_each() -> None:
    assert shown([one(optimizer={"lr": 0.1})], None) == (
        "NUMBER   VALUE   optimizer.lr\n1        0.5     0.1\n"
    )
