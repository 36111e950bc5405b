"""Metrics in what a program prints."""

from collections.abc import Iterator
from typing import Any

import pytest

from sweep_operator.api.sweep import log_pattern
from sweep_operator.planning import logs
from sweep_operator.planning.logs import MAX_LINE, MOST_STEPS, read_log

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


@pytest.mark.parametrize("line", ["a" * MAX_LINE, ("a" * 999 + "\n") * 1000, "a" * 1_000_000])
@pytest.mark.parametrize(
    "pattern",
    ["(?P<value>a.*b|a)", "(?P<value>a{0,900}.{0,900}b|a)", "(?P<value>((a?){30}){30}b|a|)"],
)
def test_a_pattern_looks_at_so_many_characters_and_no_more(
    line: str, pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of many matches may have looked at all of its line, and the next one does so again."""
    searches = Searches(log_pattern(pattern))
    monkeypatch.setattr(logs, "log_pattern", lambda _: searches)
    read_log(line, pattern, "loss")
    assert searches.steps <= MOST_STEPS + 2 * MAX_LINE * searches.programsize


class Searches:
    """A compiled pattern that counts its work."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self.programsize = compiled.programsize
        self.steps = 0

    def finditer(self, line: str) -> Iterator[Any]:
        self.steps += len(line) * self.programsize
        for match in self._compiled.finditer(line):
            yield match
            self.steps += (len(line) - match.end()) * self.programsize


def test_of_a_log_that_takes_too_much_work_the_end_counts() -> None:
    text = "loss=1\n" + "x=2 " * 2000 + "\nloss=3\n"
    assert read_log(text, PAIRS, "loss").metrics == {"loss": 3}


def test_a_line_that_is_longer_than_anybody_prints_is_passed_over() -> None:
    text = "loss=1\nloss=2" + " " * MAX_LINE
    assert read_log(text, PAIRS, "loss").metrics == {"loss": 1}


def test_a_name_that_comes_again_is_among_the_last() -> None:
    text = "\n".join(["m0=0", *(f"m{n}=0" for n in range(100)), "m0=1"])
    assert list(read_log(text, PAIRS, "loss").metrics) == [*(f"m{n}" for n in range(37, 100)), "m0"]
