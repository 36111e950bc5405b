"""What is told at once, what later, and that nothing is lost to what comes after it."""

from typing import Any

import pytest
from tests.fakes.apiserver import Clock

from sweep_operator.effects.pace import BURST, EVERY, MOST, Pace, Told
from sweep_operator.planning.story import Happening


def tally(count: int) -> Happening:
    return Happening("RunsFailed", f"{count} failed", warning=True, tally=True)


class Teller:
    """A pace, and what it lets through."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.pace = Pace(self.clock)
        self.notes: list[str] = []

    def tell(self, happening: Happening, uid: str = "u") -> None:
        sweep: dict[str, Any] = {"metadata": {"uid": uid}}
        self._write(self.pace.take(Told(sweep, happening, "")))

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds
        self._write(self.pace.due())

    def _write(self, told: list[Told]) -> None:
        self.notes += [each.happening.note for each in told]


@pytest.fixture
def teller() -> Teller:
    return Teller()


def test_the_first_of_a_tally_is_told_at_once_and_the_last_in_time(teller: Teller) -> None:
    for count in range(1, 1001):
        teller.tell(tally(count))
    assert teller.notes == ["1 failed"]
    teller.wait(EVERY)
    assert teller.notes == ["1 failed", "1000 failed"]


def test_a_tally_that_goes_on_is_told_once_in_five_minutes(teller: Teller) -> None:
    for count in range(3600):
        teller.tell(tally(count))
        teller.wait(1)
    assert len(teller.notes) == 3600 / EVERY + 1


def test_what_is_held_back_is_told_once(teller: Teller) -> None:
    teller.tell(tally(1))
    teller.tell(tally(2))
    teller.wait(EVERY)
    teller.wait(10 * EVERY)
    assert teller.notes == ["1 failed", "2 failed"]


def test_a_change_of_state_is_told_at_once_and_after_the_tallies_before_it(teller: Teller) -> None:
    for count in (1, 2, 3):
        teller.tell(tally(count))
    teller.tell(Happening("Finished", "all done"))
    assert teller.notes == ["1 failed", "3 failed", "all done"]
    teller.wait(10 * EVERY)
    assert len(teller.notes) == 3


def test_a_tally_let_go_early_does_not_make_the_next_one_come_early(teller: Teller) -> None:
    for count in (1, 2):
        teller.tell(tally(count))
    teller.wait(EVERY / 2)
    teller.tell(tally(3))
    teller.tell(Happening("Paused", "paused"))
    teller.wait(EVERY / 2 - 1)
    teller.tell(tally(4))
    assert teller.notes == ["1 failed", "3 failed", "paused"]
    teller.wait(1)
    assert teller.notes[3:] == ["4 failed"]
    teller.tell(tally(5))
    teller.wait(EVERY - 1)
    assert teller.notes[4:] == []
    teller.wait(1)
    assert teller.notes[4:] == ["5 failed"]


def test_a_state_that_flaps_is_told_a_few_times_and_then_by_its_newest(teller: Teller) -> None:
    for count in range(100):
        teller.tell(Happening("Paused", f"paused {count}"))
    assert teller.notes == [f"paused {count}" for count in range(BURST)]
    teller.wait(EVERY)
    assert teller.notes[BURST:] == ["paused 99"]


def test_other_reasons_and_other_sweeps_wait_for_nobody(teller: Teller) -> None:
    for count in (1, 2):
        teller.tell(tally(count))
    teller.tell(tally(7), uid="another")
    teller.tell(Happening("Stalled", "stalled"), uid="another")
    assert teller.notes == ["1 failed", "7 failed", "stalled"]


def test_what_was_quiet_for_long_may_be_told_at_once_again(teller: Teller) -> None:
    teller.tell(tally(1))
    teller.wait(EVERY)
    teller.tell(tally(2))
    assert teller.notes == ["1 failed", "2 failed"]


def test_it_remembers_so_many_sweeps_and_no_more(teller: Teller) -> None:
    for number in range(MOST + 10):
        teller.tell(tally(number), uid=f"u{number}")
    assert len(teller.pace._buckets) == MOST
    assert not teller.pace._held
