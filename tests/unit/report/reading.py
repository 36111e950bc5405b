"""A report as a reader has it: its text, its table, its plots and what could do harm."""

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from tests.fakes.sweep_of_forty import now_of, sweep_of_forty

from sweep_operator.report.page import page
from sweep_operator.report.results import Results

Json = dict[str, Any]

NOW = 1_800_000_000.0
"""2027-01-15 08:00 UTC."""


@dataclass
class Cell:
    """A cell of the table."""

    text: str = ""
    value: float | None = None
    """What its data element says: the exact number."""


@dataclass
class Read(HTMLParser):
    """A page, taken apart as a browser would."""

    text: str = ""
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    head: list[str] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    figures: list[Json] = field(default_factory=list)
    _inside: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    @classmethod
    def of(cls, html: str) -> "Read":
        found = cls()
        found.feed(html)
        found.close()
        found.figures = json.loads(found.scripts[0])
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag != "meta":
            self._inside.append(tag)
        if tag == "tr" and "tbody" in self._inside:
            self.rows.append([])
        elif tag in ("td", "th") and "tbody" in self._inside:
            self.rows[-1].append(Cell())
        elif tag == "th":
            self.head.append("")
        elif tag == "data" and "tbody" in self._inside:
            self.rows[-1][-1].value = float(attributes["value"] or "nan")
        elif tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._inside.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" in self._inside:
            self.scripts[-1] += data
        elif "style" not in self._inside:
            self.text += data
            if "tbody" in self._inside:
                self.rows[-1][-1].text += data
            elif "thead" in self._inside:
                self.head[-1] += data

    def column(self, name: str) -> list[Cell]:
        """The cells below a name."""
        return [row[self.head.index(name)] for row in self.rows]

    def traces(self, label: str) -> dict[str, Json]:
        """The traces of the plot whose label begins so, by name."""
        plots = [attributes for _, attributes in self.tags if "data-figure" in attributes]
        (number,) = (
            int(each["data-figure"] or 0)
            for each in plots
            if (each["aria-label"] or "").startswith(label)
        )
        return {trace.get("name", ""): trace for trace in self.figures[number]["data"]}


def read(sweep: Json, records: list[Json], now: float = NOW) -> Read:
    """The page of a sweep, read."""
    return Read.of(page(sweep, records, now))


def read_forty(count: int = 40, *, ended: bool = False) -> tuple[Read, list[Json]]:
    """The page of the made-up sweep, and its records."""
    sweep, records = sweep_of_forty(count, ended=ended)
    return read(sweep, records, now_of(records)), records


def sweep(**spec: Any) -> Json:
    """A Sweep of x and y, with these fields of spec changed; a field that is None is left out."""
    given = {
        "method": "random",
        "metric": {"name": "loss"},
        "parameters": {"x": {"min": 0, "max": 1.5}, "y": {"min": 0, "max": 1.5}},
    }
    whole = {key: value for key, value in (given | spec).items() if value is not None}
    return {
        "kind": "Sweep",
        "metadata": {"name": "trial", "namespace": "lab", "uid": "u"},
        "spec": whole,
    }


ENDED = "2026-10-01T10:00:00Z"


def run(number: int, value: float | None = None, phase: str = "Finished", **more: Any) -> Json:
    """A SweepRun that has come to that; `parameters` are its own, the rest is of its status."""
    parameters = more.pop("parameters", {"x": number / 10, "y": 1 / number})
    over = {} if phase in ("Pending", "Running", "Crashed") else {"completionTime": ENDED}
    status = {"phase": phase, **over, **({} if value is None else {"value": value}), **more}
    return {
        "kind": "SweepRun",
        "metadata": {"name": f"trial-{number}", "namespace": "lab", "uid": f"r-{number}"},
        "spec": {"sweep": "trial", "number": number, "parameters": parameters},
        "status": status,
    }


def runs(*values: float | None) -> list[Json]:
    """Finished runs with these values; failed ones for None."""
    return [
        run(number, value, "Failed" if value is None else "Finished")
        for number, value in enumerate(values, start=1)
    ]


def results(of: Json, records: list[Json], now: float = NOW) -> Results:
    """What there is to report."""
    return Results.of(of, records, now)
