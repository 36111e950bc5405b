"""Log lines: what they are about, and that nobody's words make another of one."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from tests.fakes.world import Result, World, loss_is_number, sweep

from sweep_operator.effects.about import about, concerning
from sweep_operator.handlers.logs import FORMATS, LEVELS, set_up

HOSTILE = [
    'a"}\n{"time": "2026-01-31T12:00:00.000Z", "level": "error", "message": "forged"}',
    "a\n2026-01-31T12:00:00.000Z ERROR sweep_operator: forged",
    "a\r\nforged\x1b[2Jforged\x00",
    "a\u2028forged\u0085forged\u202eforged",
    "%s %d %(name)s {0}",
    "\ud800",
]


class Lines:
    """What is logged."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.logger = logging.getLogger("sweep_operator.test")

    def set_up(self, kind: str, level: str = "info") -> None:
        set_up(kind, level, self.stream)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    loggers = [logging.getLogger(name) for name in ("", "kopf", "asyncio")]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    yield Lines()
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


def test_a_json_line_has_its_time_level_logger_and_message(lines: Lines) -> None:
    lines.set_up("json")
    lines.logger.info("%s are %d", "these", 3)
    (found,) = lines.objects
    assert found.pop("time").endswith("Z")
    assert found == {"level": "info", "logger": "sweep_operator.test", "message": "these are 3"}


def test_a_json_line_says_what_it_is_about(lines: Lines) -> None:
    lines.set_up("json")
    with concerning("ml/digits"):
        lines.logger.info("of the sweep")
        with concerning(run=3, attempt=0):
            lines.logger.info("of a run")
        lines.logger.info("of the sweep again")
    lines.logger.info("of none")
    sweep, run = {"sweep": "ml/digits"}, {"sweep": "ml/digits", "run": 3, "attempt": 0}
    assert [about_of(each) for each in lines.objects] == [sweep, run, sweep, {}]


def about_of(line: dict[str, Any]) -> dict[str, Any]:
    return {name: line[name] for name in ("sweep", "run", "attempt") if name in line}


def test_a_text_line_says_what_it_is_about(lines: Lines) -> None:
    lines.set_up("text")
    with concerning("ml/digits", 3, 1):
        lines.logger.warning("so it is")
    assert lines.text.endswith(
        "Z WARNING sweep_operator.test: sweep=ml/digits run=3 attempt=1 so it is\n"
    )


def test_tasks_are_about_what_began_them_and_nothing_is_left_of_it() -> None:
    async def main() -> None:
        async def told() -> str:
            await asyncio.sleep(0)
            return about().sweep

        with concerning("a/a"):
            task = asyncio.create_task(told())
        with concerning("b/b"):
            other = asyncio.create_task(told())
        assert [await task, await other, about().sweep] == ["a/a", "b/b", ""]

    asyncio.run(main())


@pytest.mark.parametrize("words", HOSTILE)
def test_no_words_make_another_line_of_json(lines: Lines, words: str) -> None:
    lines.set_up("json")
    with concerning(words):
        lines.logger.info("message: %s", words)
    assert lines.text.count("\n") == 1
    assert lines.text.isascii()
    (found,) = lines.objects
    assert found["message"] == f"message: {words}"
    assert found["sweep"] == words


@pytest.mark.parametrize("words", HOSTILE)
def test_no_words_make_another_line_of_text(lines: Lines, words: str) -> None:
    lines.set_up("text")
    with concerning(words):
        lines.logger.info("message: %s", words)
    assert lines.text.count("\n") == 1
    assert lines.text.removesuffix("\n").isprintable()
    lines.text.encode()


def fail(words: str) -> None:
    raise ValueError(words)


@pytest.mark.parametrize("words", HOSTILE)
def test_a_traceback_of_hostile_words_is_taken_for_no_line(lines: Lines, words: str) -> None:
    lines.set_up("text")
    try:
        fail(words)
    except ValueError:
        lines.logger.exception("a defect")
    first, *others = lines.text.splitlines()
    assert first.endswith("a defect")
    assert others
    assert all(each.startswith("    | ") and each.isprintable() for each in others)


def test_a_traceback_is_a_field_of_its_line(lines: Lines) -> None:
    lines.set_up("json")
    try:
        fail("why")
    except ValueError:
        lines.logger.exception("a defect")
    (found,) = lines.objects
    assert found["exc_info"].endswith("ValueError: why")


def test_kopf_tells_of_its_sweep_in_the_same_lines(lines: Lines) -> None:
    lines.set_up("json")
    ref = {"kind": "Sweep", "namespace": "ml", "name": "digits"}
    logging.getLogger("kopf.objects").warning("slow", extra={"k8s_ref": ref, "settings": None})
    logging.getLogger("kopf.objects").info("its own business")
    (found,) = lines.objects
    assert found["sweep"] == "ml/digits"
    assert set(found) == {"time", "level", "logger", "message", "sweep"}


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_below_the_level_is_not_written(lines: Lines, level: str) -> None:
    lines.set_up("json", level)
    for each in LEVELS:
        lines.logger.log(logging.getLevelName(each.upper()), each)
    assert [each["level"] for each in lines.objects] == list(LEVELS[LEVELS.index(level) :])


class TestAWholeSweep:
    """Passes over a sweep with a failing run, each in the name of its sweep as by a worker."""

    def logged(self, lines: Lines, level: str) -> list[dict[str, Any]]:
        def program(number: int, attempt: int) -> Result:
            return Result(1) if number == 2 else loss_is_number(number, attempt)

        async def main() -> None:
            world = World(sweep(runCap=5), program)
            with concerning("lab/a"):
                await world.live(lambda: world.phase == "Finished")

        lines.set_up("json", level)
        asyncio.run(main())
        return lines.objects

    def test_at_info_there_is_a_line_for_each_change_of_its_state(self, lines: Lines) -> None:
        found = self.logged(lines, "info")
        assert [line["message"].partition(":")[0] for line in found] == ["Running", "Finished"]
        assert {line["sweep"] for line in found} == {"lab/a"}

    def test_at_debug_each_attempt_has_a_line_at_its_start_and_at_its_end(
        self, lines: Lines
    ) -> None:
        found = [line for line in self.logged(lines, "debug") if "attempt" in line]
        made = [line["run"] for line in found if line["message"].startswith("Made Job")]
        ended = {line["run"]: line["message"] for line in found if "Job" not in line["message"]}
        assert sorted(made) == [1, 2, 3, 4, 5]
        assert sorted(ended) == [1, 2, 3, 4, 5]
        assert ended[2].startswith("Failed, ProgramFailed")
        assert {line["attempt"] for line in found} == {1}


def test_there_is_a_formatter_for_each_format(lines: Lines) -> None:
    for kind in FORMATS:
        lines.set_up(kind)
        lines.logger.info("told")
    assert lines.text.count("told") == len(FORMATS)
