"""A real browser shows a sweep in optuna-dashboard: its numbers, live, and no host else."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.browser.chromium import Tab, opened
from tests.fakes.sweep_of_forty import sweep_of_forty
from tests.unit.cli.dashboard_page import counted
from tests.unit.report.reading import run, sweep

from sweep_operator.cli.serving import Server
from sweep_operator.report.study import READ_ONLY, SweepStudy

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Json = dict[str, Any]

HOSTILE = '</script><img src=x onerror="alert(1)"><a href="https://attacker.example/">%{x}</a>'
START, END = "2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z"

HISTORY = "document.getElementById('plot-history')?.data?.at(-1)?.x.length"
LISTED = "/\\bTrial 1\\n/.test(document.body?.innerText)"
ROWS = "document.querySelectorAll('tbody tr').length"
DRAWN = "document.querySelector('.js-plotly-plot .main-svg')"


class Shown:
    """A study in a browser."""

    def __init__(self, tab: Tab, server: Server, study: SweepStudy) -> None:
        self.tab = tab
        self.study = study
        self.origin = server.url.partition("/dashboard/")[0]
        self.url = server.url
        tab.errors.clear()
        tab.requests.clear()

    def open(self, page: str, until: str) -> None:
        self.tab.visit(self.url + page, until)

    @property
    def errors(self) -> list[str]:
        """What went wrong; that a machine without a graphics card draws slowly is no news."""
        return [each for each in self.tab.errors if json.loads(each).get("source") != "rendering"]

    def history(self) -> dict[int, float]:
        """The values that are drawn, by number; the last line is the best so far."""
        lines = "document.getElementById('plot-history').data"
        told = f"{lines}.filter((line) => line.mode === 'markers')"
        points = f"{told}.map((line) => [Array.from(line.x), Array.from(line.y)])"
        found = json.loads(self.tab.run(f"JSON.stringify({points})"))
        return {number: value for x, y in found for number, value in zip(x, y, strict=True)}

    def table(self) -> list[dict[str, str]]:
        """The table of trials."""
        cells = "Array.from(row.cells, (cell) => cell.innerText.split('\\n')[0].trim())"
        rows = f"Array.from(document.querySelectorAll('tr'), (row) => {cells})"
        head, *found = json.loads(self.tab.run(f"JSON.stringify({rows})"))
        return [dict(zip(head, row, strict=False)) for row in found]

    def state(self, number: int) -> str:
        """Of a trial, as the list has it."""
        text = "document.body.innerText"
        lines = [line.strip() for line in self.tab.run(text).splitlines() if line.strip()]
        return str(lines[lines.index(f"Trial {number}") + 1])


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with opened(tmp_path_factory.mktemp("chromium")) as found:
        found.looks(1280, 2400, "light")
        yield found


def shown(tab: Tab, made: Json, records: list[Json]) -> Iterator[Shown]:
    study = SweepStudy(made)
    study.replace(records)
    with Server(0, study) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield Shown(tab, server, study)
        tab.send("Page.navigate", url="about:blank")
        server.shutdown()


@pytest.fixture
def twelve(tab: Tab) -> Iterator[Shown]:
    yield from shown(tab, *sweep_of_forty(12))


def test_the_numbers_are_those_of_the_records_and_no_host_is_asked(twelve: Shown) -> None:
    _, records = sweep_of_forty(12)
    values = {each["spec"]["number"]: counted(each) for each in records}
    twelve.open("", HISTORY)
    assert twelve.history() == {n: value for n, value in values.items() if value is not None}
    best = max(each["status"].get("value", 0) for each in records)
    assert f"\n{best}\n" in twelve.tab.run("document.body.innerText")

    twelve.open("/smartSelection", f"{ROWS} >= 12")
    table = twelve.table()
    assert [row["Number"] for row in table] == [str(number) for number in range(1, 13)]
    assert [row["Value"] for row in table] == [
        "" if value is None else str(value) for value in values.values()
    ]
    for row, record in zip(table, records, strict=True):
        given, status = record["spec"]["parameters"], record["status"]
        assert row["Param learning_rate"] == str(given["learning_rate"])
        assert row["Param batch_size"] == str(given["batch_size"])
        assert row["Param augment"] == str(given["augment"])
        assert row["Param optimizer.name"] == given["optimizer"]["name"]
        assert row["Param optimizer.momentum"] == str(given["optimizer"].get("momentum", ""))
        assert row["UserAttribute status"] == status["phase"]
        assert row["UserAttribute preemptions"] == str(status.get("preemptions", 0))

    assert twelve.errors == []
    asked = {address for address in twelve.tab.requests if not address.startswith("data:")}
    assert asked
    assert all(address.startswith(f"{twelve.origin}/") for address in asked)


def test_a_change_of_a_record_appears_in_the_open_page(twelve: Shown) -> None:
    _, records = sweep_of_forty(12)
    twelve.open("", HISTORY)
    assert 12 not in twelve.history()
    twelve.tab.run("window.opened = 1")
    twelve.study.put(
        records[11]
        | {
            "status": {
                "phase": "Finished",
                "value": 0.875,
                "startTime": START,
                "completionTime": END,
            }
        }
    )
    twelve.study.put(run(13, None, "Pending"))
    twelve.tab.until(
        f"{HISTORY} && document.getElementById('plot-history').data.at(-2).x.includes(12)"
    )
    assert twelve.history()[12] == 0.875
    assert twelve.tab.run("window.opened") == 1
    assert twelve.errors == []


def test_a_page_begins_anew_where_a_failed_run_is_run_again(twelve: Shown) -> None:
    _, records = sweep_of_forty(12)
    failed = next(each for each in records if each["status"]["phase"] == "Failed")
    number = failed["spec"]["number"]
    twelve.open("/trials", LISTED)
    assert twelve.state(number) == "Fail"
    twelve.tab.run("window.opened = 1")
    twelve.study.put(failed | {"status": {"phase": "Pending"}})
    twelve.tab.until(f"window.opened !== 1 && {LISTED}")
    assert twelve.state(number) == "Waiting"
    assert twelve.errors == []


def test_what_the_page_offers_to_write_is_refused_and_it_says_why(twelve: Shown) -> None:
    running = next(
        each["spec"]["number"]
        for each in sweep_of_forty(12)[1]
        if each["status"]["phase"] == "Running"
    )
    twelve.open(f"/trials?numbers={running}", LISTED)
    buttons = "Array.from(document.querySelectorAll('button'))"
    button = f"{buttons}.find((each) => /fail trial/i.test(each.innerText))"
    twelve.tab.until(button)
    twelve.tab.run(f"{button}.click()")
    twelve.tab.until(f"document.body?.innerText.includes({json.dumps(READ_ONLY)})")
    assert twelve.state(running) == "Running"


def forty(change: Callable[[Json, list[Json]], object]) -> tuple[Json, list[Json]]:
    """The made-up sweep, changed."""
    made, records = sweep_of_forty(20)
    change(made, records)
    return made, records


def without(*names: str) -> tuple[Json, list[Json]]:
    """It, without these fields of its runs' status."""
    made, records = sweep_of_forty(20)
    for each in records:
        each["status"] = {name: it for name, it in each["status"].items() if name not in names}
    return made, records


def never_started(_: Json, records: list[Json]) -> None:
    killed = {"phase": "Killed", "reason": "NotStarted", "completionTime": END}
    records[5]["status"] = killed
    records[6]["status"] = {"phase": "Crashed", "startTime": START, "attemptsMade": 3}


def other_space(_: Json, records: list[Json]) -> None:
    for each in records[::3]:
        each["spec"]["parameters"] = {"new": each["spec"]["number"], "dropout": "high"}


def _mixed() -> tuple[Json, list[Json]]:
    lists = {"values": [[64, 32], [64], [], None]}
    mixed = {"values": [1, True, "1", 0.5]}
    many = {"values": [f"v{n}" for n in range(100)]}
    bell = {"distribution": "log_normal", "mu": 1, "sigma": 0.5}
    made = sweep(parameters={"lists": lists, "mixed": mixed, "many": many, "bell": bell}, repeats=2)
    given = [
        {"lists": lists["values"][n % 4], "mixed": mixed["values"][n % 4], "many": f"v{n}"}
        for n in range(20)
    ]
    times = {"startTime": START, "completionTime": END}
    return made, [
        run(n, n / 10, parameters=each | {"bell": 0.1 + n}, **times)
        for n, each in enumerate(given, 1)
    ]


def _hostile() -> tuple[Json, list[Json]]:
    made = sweep(metric={"name": HOSTILE}, parameters={HOSTILE: {"values": [HOSTILE, "b"]}})
    return made, [
        run(
            n, n / 10, parameters={HOSTILE: [HOSTILE, "b"][n % 2]}, reason=HOSTILE, message=HOSTILE,
            startTime=START, completionTime=END, metrics={f"{HOSTILE}2": n},
            history=[{"step": 1, "metrics": {HOSTILE: 1.5}}],
        )
        for n in range(1, 12)
    ]  # fmt: skip


ODD: dict[str, Callable[[], tuple[Json, list[Json]]]] = {
    "without a metric": lambda: forty(lambda made, _: made["spec"].pop("metric")),
    "without runs": lambda: forty(lambda _, records: records.clear()),
    "without values": lambda: without("value", "progress"),
    "without a history": lambda: without("history"),
    "of one run": lambda: forty(lambda _, records: records.__delitem__(slice(1, None))),
    "with gaps": lambda: forty(lambda _, records: records.__delitem__(slice(0, None, 3))),
    "with runs that never started": lambda: forty(never_started),
    "of another space": lambda: forty(other_space),
    "of lists and mixtures": _mixed,
    "of hostile text": _hostile,
}


@pytest.mark.parametrize("name", ODD)
def test_every_page_of_every_sweep_is_there(tab: Tab, name: str) -> None:
    made, records = ODD[name]()
    for page in shown(tab, made, records):
        page.open("", "document.body?.innerText.includes('History')")
        page.open("/trials", "document.body?.innerText.includes(' Trial')")
        for other in ("/analytics", "/smartSelection", "/note"):
            if other == "/smartSelection" and not records:
                continue  # without a trial it is blank
            page.open(other, "document.body?.innerText.includes('(id=1)')")
            tab.run("new Promise((done) => setTimeout(done, 1500))")  # what is drawn late
        assert page.errors == []
        assert tab.run("document.querySelectorAll('img[src=\"x\"]').length") == 0
        asked = {address for address in tab.requests if not address.startswith("data:")}
        assert all(address.startswith(f"{page.origin}/") for address in asked)


def test_ten_thousand_runs_are_shown(tab: Tab, tmp_path: Path) -> None:
    made, records = sweep_of_forty(10_000)
    for page in shown(tab, made, records):
        page.open("", HISTORY)
        values = [counted(each) for each in records]
        assert len(page.history()) == sum(value is not None for value in values)
        assert page.errors == []
