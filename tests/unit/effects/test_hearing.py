"""When a watch is silent, and when that is one that hangs."""

from tests.fakes.apiserver import Clock

from sweep_operator.effects.hearing import Hearing

LIMIT = 400.0


def begun() -> tuple[Hearing, Clock]:
    clock = Clock()
    hearing = Hearing(clock)
    hearing.begin()
    return hearing, clock


def test_one_that_was_never_asked_is_not_silent() -> None:
    clock = Clock()
    hearing = Hearing(clock)
    clock.now += 3600
    assert hearing.silent_for == 0.0
    assert not hearing.hangs(LIMIT)


def test_it_hangs_when_no_word_comes_however_often_it_is_asked() -> None:
    hearing, clock = begun()
    for _ in range(41):
        clock.now += 10
        hearing.begin()
        hearing.error(0)
    assert hearing.silent_for == 410
    assert hearing.hangs(LIMIT)


def test_a_refusal_is_silence_but_hangs_not() -> None:
    hearing, clock = begun()
    clock.now += 1000
    hearing.error(403)
    assert hearing.silent_for == 1000
    assert not hearing.hangs(LIMIT)


def test_one_that_was_refused_once_and_then_says_nothing_hangs() -> None:
    hearing, clock = begun()
    hearing.error(500)
    clock.now += 401
    hearing.error(0)
    assert hearing.hangs(LIMIT)


def test_a_word_ends_the_silence() -> None:
    hearing, clock = begun()
    clock.now += 401
    hearing.error(0)
    hearing.word()
    assert hearing.silent_for == 0.0
    assert not hearing.hangs(LIMIT)
