"""What is printed of runs: in which order, and under which names."""

from typing import Any

import pytest

from sweep_operator.cli.look import pairs, sorted_by
from sweep_operator.client import ClientError, Run


def run(number: int, value: float | None = None, **parameters: Any) -> Run:
    status: dict[str, Any] = {"phase": "Finished", "metrics": {"acc": number}}
    if value is not None:
        status["value"] = value
    return Run(
        {
            "metadata": {"name": f"s-{number}"},
            "spec": {"number": number, "parameters": parameters},
            "status": status,
        }
    )


RUNS = [run(1, 0.5, x=10), run(2, None, x=9), run(3, 0.25, opt={"name": "sgd"})]


@pytest.mark.parametrize(
    ("by", "order"),
    [("number", [1, 2, 3]), ("value", [3, 1, 2]), ("x", [2, 1, 3]), ("opt.name", [3, 1, 2])],
)
def test_runs_are_sorted_by_any_column_and_those_without_it_come_last(
    by: str, order: list[int]
) -> None:
    assert [each.number for each in sorted_by(RUNS, by, reverse=False)] == order


def test_they_come_last_from_the_other_end_too() -> None:
    assert [each.number for each in sorted_by(RUNS, "value", reverse=True)] == [1, 3, 2]


def test_a_column_that_no_run_has_is_told() -> None:
    with pytest.raises(ClientError) as caught:
        sorted_by(RUNS, "lr", reverse=False)
    assert str(caught.value) == (
        "--sort lr: no run has it; there are number, value, acc, x, opt.name"
    )


def test_parameters_in_a_line_have_six_digits() -> None:
    given = {"lr": 0.0018560435236456088, "opt": {"name": "sgd"}, "layers": 3}
    assert pairs({"parameters": given}) == "lr=0.00185604 opt.name=sgd layers=3"
