"""A real browser shows the report: all is drawn, and nothing is asked of any host."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browser.chromium import Tab, opened
from tests.fakes.hostile import hostile
from tests.fakes.sweep_of_forty import now_of, sweep_of_forty
from tests.unit.report.reading import NOW, run, sweep
from tests.unit.test_hostile import swept

from sweep_operator.report.page import page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HOSTILE = '</script><img src=x onerror="alert(1)"><a href="https://attacker.example/">%{x}</a>'


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with opened(tmp_path_factory.mktemp("chromium")) as found:
        found.looks(1280, 900, "light")
        yield found


@pytest.fixture(scope="module")
def forty(tab: Tab, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tab, list[dict[str, Any]]]:
    """The page of the made-up sweep, open."""
    made, records = sweep_of_forty()
    file = tmp_path_factory.mktemp("page") / "digits.html"
    file.write_text(page(made, records, now_of(records)), encoding="utf-8")
    tab.open(file)
    return tab, records


PLOTS = "document.querySelectorAll('[data-figure]')"
Forty = tuple[Tab, list[dict[str, Any]]]


def column(tab: Tab, name: str) -> list[float | str | None]:
    """The cells below a name, top to bottom: exact numbers, or texts."""
    return json.loads(
        tab.run(f"""
        (() => {{
          const table = document.getElementById("runs");
          const heads = Array.from(table.tHead.rows[0].cells, (cell) => cell.textContent);
          const place = heads.indexOf({json.dumps(name)});
          return JSON.stringify(Array.from(table.tBodies[0].rows, (row) => {{
            const data = row.cells[place].querySelector("data");
            return data ? Number(data.value) : row.cells[place].textContent || null;
          }}));
        }})()
        """)
    )


def click(tab: Tab, name: str) -> None:
    """Click on a column's name."""
    tab.run(f"""
        Array.from(document.querySelectorAll("#runs thead button"))
          .find((button) => button.textContent === {json.dumps(name)}).click()
    """)


def test_every_plot_is_drawn(forty: Forty) -> None:
    tab, _ = forty
    plots = tab.run(f"{PLOTS}.length")
    assert plots == 12
    marks = "'.scatterlayer path, .barlayer path'"
    drawn = f"Array.from({PLOTS}).filter((plot) => plot.querySelector({marks})).length"
    assert tab.run(drawn) == plots


def test_nothing_goes_wrong_and_nothing_is_fetched(forty: Forty) -> None:
    tab, _ = forty
    assert tab.errors == []
    assert {address.partition(":")[0] for address in tab.requests} == {"file"}
    assert all(address.endswith(".html") for address in tab.requests)


def test_the_page_can_not_send_anything_to_a_host(forty: Forty) -> None:
    tab, _ = forty
    assert tab.run("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')") == "refused"
    assert tab.errors
    assert all("Content Security Policy" in error for error in tab.errors)
    tab.errors.clear()


def test_no_button_of_a_plot_sends_it_away(forty: Forty) -> None:
    tab, _ = forty
    names = "Array.from(document.querySelectorAll('.modebar-btn'), (each) => each.dataset.title)"
    titles = set(json.loads(tab.run(f"JSON.stringify({names})")))
    assert titles == {"Download plot as a PNG", "Zoom", "Pan", "Reset axes"}


def test_the_numbers_in_the_table_are_those_of_the_records(forty: Forty) -> None:
    tab, records = forty
    assert column(tab, "Run") == [record["spec"]["number"] for record in records]
    assert column(tab, "accuracy") == [record["status"].get("value") for record in records]
    rates = [record["spec"]["parameters"]["learning_rate"] for record in records]
    assert column(tab, "learning_rate") == rates


def test_a_click_on_a_name_sorts_and_another_turns_it_round(forty: Forty) -> None:
    tab, records = forty
    values = sorted(r["status"]["value"] for r in records if "value" in r["status"])
    missing = [None] * (len(records) - len(values))
    click(tab, "accuracy")
    assert column(tab, "accuracy") == values + missing
    click(tab, "accuracy")
    assert column(tab, "accuracy") == values[::-1] + missing
    sorted_by = "document.querySelector('#runs [aria-sort]')"
    assert tab.run(f"{sorted_by}.textContent") == "accuracy"
    assert tab.run(f"{sorted_by}.getAttribute('aria-sort')") == "descending"
    click(tab, "Status")
    assert column(tab, "Status") == sorted(record["status"]["phase"] for record in records)
    click(tab, "Run")
    assert column(tab, "Run") == sorted(range(1, 41))


def test_the_plots_take_the_colours_of_the_page(forty: Forty) -> None:
    tab, _ = forty
    background = "document.querySelector('.plot')._fullLayout.paper_bgcolor"
    body = "getComputedStyle(document.body).backgroundColor"
    colors = set()
    for scheme in ("dark", "light"):
        tab.looks(1280, 900, scheme)
        tab.until(
            f"{background} === getComputedStyle(document.documentElement)"
            ".getPropertyValue('--paper').trim()"
        )
        colors.add(tab.run(body))
    assert colors == {"rgb(20, 24, 28)", "rgb(255, 255, 255)"}


def test_a_page_that_is_printed_is_light_and_fits(forty: Forty, tmp_path: Path) -> None:
    tab, _ = forty
    tab.looks(1280, 900, "dark")
    sizes = f"Array.from({PLOTS}, (plot) => plot._fullLayout)"
    printed = json.loads(
        tab.run(f"""
        dispatchEvent(new Event("beforeprint"));
        JSON.stringify({sizes}.map((layout) => [layout.paper_bgcolor, layout.width]));
        """)
    )
    assert {color for color, _ in printed} == {"#ffffff"}
    assert max(width for _, width in printed) <= 700
    tab.run("dispatchEvent(new Event('afterprint'))")
    tab.print_to(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    tab.looks(1280, 900, "light")


def test_text_that_people_write_is_shown_as_it_is_and_does_nothing(
    tab: Tab, tmp_path: Path
) -> None:
    records = [
        run(
            number, number / 10, parameters={HOSTILE: f"{HOSTILE}{number % 2}", "x": number},
            reason=HOSTILE, message=HOSTILE, history=[{"step": 1, "metrics": {HOSTILE: 1.5}}],
        )
        for number in range(1, 12)
    ]  # fmt: skip
    parameters = {
        HOSTILE: {"values": [f"{HOSTILE}0", f"{HOSTILE}1"]},
        "x": {"min": 0.5, "max": 99},
    }
    made = sweep(metric={"name": HOSTILE}, parameters=parameters)
    made["metadata"]["name"] = HOSTILE
    file = tmp_path / "hostile.html"
    file.write_text(page(made, records, NOW), encoding="utf-8")
    before = len(tab.requests)
    tab.run("window.alerted = 0")
    tab.open(file)
    assert tab.errors == []
    assert len(tab.requests) == before + 1
    assert tab.run("document.querySelector('h1').textContent") == HOSTILE
    assert tab.run("document.querySelectorAll('.plot a, img, main script').length") == 0
    assert HOSTILE[:20] in tab.run("document.querySelector('.ytitle').textContent")


@pytest.mark.parametrize("start", range(0, 1000, 250))
def test_a_thousand_hostile_texts_do_nothing(tab: Tab, tmp_path: Path, start: int) -> None:
    made, records = swept(hostile()[start : start + 250])
    file = tmp_path / "hostile.html"
    file.write_bytes(page(made, records, NOW).encode(errors="replace"))
    before = len(tab.requests)
    tab.open(file)
    assert tab.errors == []
    assert len(tab.requests) == before + 1
    assert tab.run("document.querySelectorAll('.plot a, img, iframe, main script').length") == 0
    assert len(column(tab, "Run")) == 250


def test_ten_thousand_runs_are_drawn(tab: Tab, tmp_path: Path) -> None:
    made, records = sweep_of_forty(10_000)
    file = tmp_path / "long.html"
    file.write_text(page(made, records, now_of(records)), encoding="utf-8")
    tab.open(file)
    assert tab.errors == []
    assert len(column(tab, "Run")) == 10_000
    assert "Shown is every 5th of" in tab.run("document.body.innerText")
