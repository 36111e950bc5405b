"""Metrics in what a program prints."""

import pytest

from sweep_operator.planning.logs import read_log

PAIRS = r"(?P<name>\w+)=(?P<value>\S+)"


def test_the_last_number_of_each_name_counts() -> None:
    text = "epoch 1: loss=0.5 acc=0.1\nepoch 2: loss=0.25 acc=0.2\ndone\n"
    assert read_log(text, PAIRS, "loss").metrics == {"loss": 0.25, "acc": 0.2}


def test_without_a_name_it_is_the_sweeps_metric() -> None:
    assert read_log("final 3e-05", r"final (?P<value>\S+)", "loss").metrics == {"loss": 3e-05}


@pytest.mark.parametrize(("word", "kept"), [("nan", "nan"), ("NaN", "nan"), ("-inf", "-inf")])
def test_what_is_no_finite_number_is_kept_as_text(word: str, kept: str) -> None:
    found = read_log(f"loss={word}", PAIRS, "loss")
    assert (found.metrics, found.non_finite) == ({}, {"loss": kept})


def test_a_later_nan_takes_an_earlier_numbers_place() -> None:
    found = read_log("loss=1\nloss=nan", PAIRS, "loss")
    assert (found.metrics, found.non_finite) == ({}, {"loss": "nan"})


def test_what_is_no_number_is_passed_over() -> None:
    assert read_log("loss=1\nloss=low", PAIRS, "loss").metrics == {"loss": 1}


def test_a_log_without_any_says_so() -> None:
    assert "spec.logPattern found no number" in read_log("done", PAIRS, "loss").problem


def test_of_too_many_names_the_last_are_kept() -> None:
    text = "\n".join(f"m{n}={n}" for n in range(100))
    found = read_log(text, PAIRS, "loss")
    assert list(found.metrics) == [f"m{n}" for n in range(36, 100)]


def test_a_pattern_that_would_take_others_for_ever_takes_no_time() -> None:
    """RE2 never backtracks: `(a+)+b` on many a's ends, whoever wrote it."""
    assert read_log("a" * 100_000, r"(?P<value>(a+)+b)", "loss").metrics == {}
