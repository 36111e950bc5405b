"""What counts as a metric."""

import math
from decimal import Decimal
from typing import Any

import pytest

from sweep_run.metrics import numbers, whole
from sweep_run.report import Report


class Scalar:
    """As a numpy scalar or a tensor that holds one number."""

    def item(self) -> float:
        return 0.5


class Many:
    """As a tensor that holds several."""

    def item(self) -> float:
        raise RuntimeError("a Tensor with 2 elements cannot be converted to Scalar")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3.0),
        (0.5, 0.5),
        (True, 1.0),
        (Decimal("0.5"), 0.5),
        (Scalar(), 0.5),
        (math.inf, math.inf),
        (10**400, math.inf),
        (-(10**400), -math.inf),
    ],
)
def test_numbers_of_all_kinds_are_metrics(value: object, number: float) -> None:
    assert numbers({"x": value}) == ({"x": number}, {})


@pytest.mark.parametrize("value", ["0.5", b"1", None, [1], {}, 1j, Many()])
def test_what_is_no_number_is_left_out_and_named(value: object) -> None:
    good, bad = numbers({"loss": 1, "note": value})
    assert good == {"loss": 1.0}
    assert bad == {"note": f"not a number but {type(value).__name__}"}


@pytest.mark.parametrize("name", ["", "x" * 254, 3])
def test_names_have_1_to_253_characters(name: Any) -> None:
    good, bad = numbers({name: 1})
    assert not good
    assert "1 to 253 characters" in bad[str(name)[:40]]


@pytest.mark.parametrize("metrics", [None, 0.5, "loss", [("loss", 1)]])
def test_what_is_no_mapping_is_no_metrics(metrics: object) -> None:
    good, bad = numbers(metrics)
    assert not good
    assert list(bad.values()) == ["not numbers by name"]


@pytest.mark.parametrize(("step", "number"), [(0, 0), (3.0, 3), (2**53, 2**53)])
def test_steps_are_whole_numbers(step: Any, number: int) -> None:
    assert whole(step) == number


@pytest.mark.parametrize("step", [-1, 0.5, "3", None, math.nan, math.inf, 2**53 + 2])
def test_other_steps_are_none(step: Any) -> None:
    assert whole(step) is None


def test_nan_and_infinities_are_sent_as_text() -> None:
    report = Report(0, {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 1.5}, step=4)
    assert report.to_json("a1", 9) == (
        '{"stream":"a1","sequence":9,"metrics":{"a":"NaN","b":"Infinity","c":"-Infinity","d":1.5},"step":4}'
    )
