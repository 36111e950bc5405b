"""The page says what the records say, whatever has become of the sweep."""

import base64
import json
import re
from collections import Counter
from copy import deepcopy
from hashlib import sha256
from typing import Any

import plotly.graph_objects
import pytest
from tests.fakes.sweep_of_forty import now_of, sweep_of_forty
from tests.unit.report.reading import NOW, Read, read, read_forty, run, runs, sweep

from sweep_operator.api.run import RunPhase, SweepRun
from sweep_operator.api.sweep import Sweep
from sweep_operator.planning.times import timestamp
from sweep_operator.report.assets import plotly_js
from sweep_operator.report.page import page

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "' onmouseover='alert(1)",
    "<!--<script>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="https://attacker.example/">x</a>',
    "${alert(1)} %{x} {{1}}",
    "\u2028\u202e\x00\ud800",
)


class TestTable:
    def test_each_number_is_that_of_the_record(self) -> None:
        found, records = read_forty()
        assert len(found.rows) == len(records) == 40
        for name, path in {
            "learning_rate": ("spec", "parameters", "learning_rate"),
            "batch_size": ("spec", "parameters", "batch_size"),
            "dropout": ("spec", "parameters", "dropout"),
            "optimizer.momentum": ("spec", "parameters", "optimizer", "momentum"),
            "accuracy": ("status", "value"),
            "Run": ("spec", "number"),
        }.items():
            assert [cell.value for cell in found.column(name)] == [
                at(each, *path) for each in records
            ]
        for name, field in {"Attempts": "attemptsMade", "Preemptions": "preemptions"}.items():
            told = [each["status"].get(field, 0) for each in records]
            assert [cell.value for cell in found.column(name)] == told
            assert sum(told) > 0

    def test_status_reason_and_text_are_those_of_the_record(self) -> None:
        found, records = read_forty()
        phases = [each["status"]["phase"] for each in records]
        assert [cell.text for cell in found.column("Status")] == phases
        assert len(set(phases)) == 5
        names = [each["spec"]["parameters"]["optimizer"]["name"] for each in records]
        assert [cell.text for cell in found.column("optimizer.name")] == names
        for cell, record in zip(found.column("Reason"), records, strict=True):
            status = record["status"]
            assert cell.text == status.get("reason", "") + status.get("message", "")

    def test_runs_are_in_the_order_of_their_numbers(self) -> None:
        found = read(sweep(), [run(10, 0.1), run(2, 0.2), run(1, 0.3)])
        assert [cell.value for cell in found.column("Run")] == [1, 2, 10]

    def test_a_value_of_each_kind_is_shown_as_json_writes_it(self) -> None:
        values = ["text", "true", 3, 0.5, True, None, [1, "a"], {"deep": 1}]
        records = [run(n, 0.1, parameters={"x": v}) for n, v in enumerate(values, start=1)]
        found = read(sweep(parameters={"x": {"values": values}}), records)
        assert [cell.text for cell in found.column("x")] == [
            *("text", "true", "3", "0.5", "true", "null", '[1, "a"]', '{"deep": 1}')
        ]
        assert [cell.value for cell in found.column("x")] == [None, None, 3, 0.5, *[None] * 4]

    def test_nested_parameters_have_dotted_names_and_missing_ones_an_empty_cell(self) -> None:
        spec = {"a": {"parameters": {"b": {"values": [1, 2]}, "c": {"values": [3, 4]}}}}
        records = [run(1, 0.1, parameters={"a": {"b": 1}}), run(2, 0.2, parameters={})]
        found = read(sweep(parameters=spec), records)
        assert [cell.text for cell in found.column("a.b")] == ["1", ""]
        assert [cell.text for cell in found.column("a.c")] == ["", ""]

    def test_constants_are_told_once(self) -> None:
        found = read(sweep(parameters={"x": {"min": 0, "max": 1.5}, "k": {"value": 7}}), runs(0.1))
        assert "k" not in found.head
        assert "The same in all runs: k = 7." in found.text

    def test_a_run_that_goes_on_has_lasted_until_now(self) -> None:
        ended = run(1, 0.5, startTime=timestamp(NOW - 90), completionTime=timestamp(NOW - 60))
        going = run(2, None, "Running", startTime=timestamp(NOW - 90))
        found = read(sweep(), [ended, going, run(3, None, "Pending")])
        assert [cell.value for cell in found.column("Duration")] == [30, 90, None]

    @pytest.mark.parametrize("phase", list(RunPhase))
    def test_a_run_of_each_status_is_counted(self, phase: RunPhase) -> None:
        found = read(sweep(), [run(1, None, phase.value), run(2, None, phase.value)])
        assert f"2 {phase.value}" in found.text
        assert [cell.text for cell in found.column("Status")] == [phase.value] * 2


class TestHead:
    def test_it_says_what_the_sweep_is(self) -> None:
        found, _ = read_forty()
        for told in ("digits", "namespace lab", "bayes", "accuracy", "maximize", "Running"):
            assert told in found.text

    @pytest.mark.parametrize(("goal", "best"), [("minimize", 2), ("maximize", 3)])
    def test_the_best_is_that_by_the_goal(self, goal: str, best: int) -> None:
        found = read(sweep(metric={"name": "loss", "goal": goal}), runs(0.5, 0.25, 0.75))
        assert f"by trial-{best}" in found.text
        assert [
            attributes.get("id")
            for tag, attributes in found.tags
            if attributes.get("class") == "best"
        ] == [f"run-{best}"]

    def test_a_run_that_failed_or_was_stopped_early_is_never_best(self) -> None:
        stopped = run(3, None, "Killed", reason="EarlyTerminated", progress={"best": 0.01})
        found = read(sweep(), [run(1, 0.5), run(2, 0.1, "Failed"), stopped])
        assert "0.5 by trial-1" in found.text

    def test_a_paused_sweep_says_that_it_may_go_on_and_as_of_when(self) -> None:
        paused = sweep() | {"status": {"phase": "Paused", "runs": {"finished": 1, "running": 1}}}
        going = run(
            2, None, "Running", startTime=timestamp(NOW), attempts=[{"number": 1, "job": "j"}]
        )
        found = read(paused, [run(1, 0.5), going])
        assert "The sweep is paused: this is how it stood at 2027-01-15 08:00:00 UTC" in found.text
        assert "with 1 run running, 0 pending" in found.text
        assert "0.5 by trial-1" in found.text

    def test_a_sweep_that_goes_on_says_so_and_one_that_has_ended_does_not(self) -> None:
        going, _ = read_forty()
        assert "The sweep still runs" in going.text
        ended, _ = read_forty(ended=True)
        assert "still runs" not in ended.text
        assert "Ended" in ended.text
        assert not [1 for _, attributes in ended.tags if attributes.get("class") == "note"]

    def test_a_stopped_sweep_whose_runs_go_on_says_so(self) -> None:
        stopped = sweep() | {"status": {"phase": "Stopped", "runs": {"running": 1}}}
        attempts = [{"number": 1, "job": "trial-1-1"}]
        found = read(stopped, [run(1, None, "Running", attempts=attempts)])
        assert "The sweep is Stopped, and not all of its runs have ended" in found.text

    def test_a_sweep_that_the_operator_has_not_seen_has_a_page(self) -> None:
        assert "The operator hasn't seen this sweep yet" in read(sweep(), []).text

    def test_records_that_are_missing_are_told(self) -> None:
        counted = sweep() | {"status": {"phase": "Finished", "runs": {"finished": 3}}}
        found = read(counted, runs(0.5, 0.25))
        assert "The Sweep counts 3 runs, and the page was made from 2" in found.text

    def test_the_sentences_of_conditions_that_are_trouble_are_told_once(self) -> None:
        def condition(kind: str, status: str, message: str) -> dict[str, str]:
            return {"type": kind, "status": status, "reason": "Why", "message": message}

        troubled = sweep() | {
            "status": {
                "phase": "Crashed",
                "conditions": [
                    condition("Ready", "False", "The quota is used up."),
                    condition("Stalled", "True", "The quota is used up."),
                    condition("SystematicFailures", "True", "All have failed."),
                    condition("PodsNotStarting", "False", "The pods of active runs start."),
                ],
            }
        }
        found = read(troubled, [])
        assert found.text.count("Why: The quota is used up.") == 1
        assert "Why: All have failed." in found.text
        assert "The pods of active runs start." not in found.text

    def test_a_target_is_told(self) -> None:
        found = read(sweep(metric={"name": "loss", "target": 0.125}), [])
        assert "minimize, target 0.125" in found.text


class TestFew:
    def test_a_sweep_without_runs_has_a_page(self) -> None:
        found = read(sweep(), [])
        assert not found.figures
        assert "There are no runs yet." in found.text
        assert "none yet: no run has ended with a value" in found.text

    def test_a_sweep_of_one_run_has_a_page(self) -> None:
        found = read(sweep(), runs(0.5))
        assert "0.5 by trial-1" in found.text
        assert "It takes runs with a value, and parameters that differ between them." in found.text
        assert found.traces("loss of 1 run by number")["value"]["y"] == [0.5]

    def test_a_sweep_all_of_whose_runs_failed_has_a_page(self) -> None:
        found = read(sweep(), runs(None, None, None))
        assert found.traces("loss of 0 runs by number")["Failed"]["x"] == [1, 2, 3]
        assert "none yet: no run has ended with a value" in found.text

    def test_a_sweep_without_a_metric_has_a_page(self) -> None:
        found = read(sweep(metric=None), [run(1), run(2)])
        assert "The sweep has no metric, so no run is better than another." in found.text
        assert [cell.value for cell in found.column("x")] == [0.1, 0.2]

    def test_a_spec_that_can_not_be_run_has_a_page(self) -> None:
        found = read(sweep(parameters={"x": {"distribution": "normal", "min": 3}}), runs(0.5, 0.25))
        assert [cell.value for cell in found.column("x")] == [0.1, 0.2]


@pytest.fixture(scope="module")
def long_page() -> str:
    """The page of a sweep of 10,000 runs."""
    made, records = sweep_of_forty(10_000)
    return page(made, records, now_of(records))


@pytest.fixture(scope="module")
def ten_thousand(long_page: str) -> Read:
    """It, read."""
    return Read.of(long_page)


@pytest.mark.slow
class TestMany:
    def test_what_is_left_out_of_a_plot_is_told(self, ten_thousand: Read) -> None:
        assert re.search(r"Shown is every 5th of [89],\d{3} runs with a value\.", ten_thousand.text)
        assert re.search(r"Shown are the best 100 and every 10th of the others", ten_thousand.text)
        assert "Shown is every 20th of 9,999 runs that have started." in ten_thousand.text

    def test_the_table_has_all_runs(self, ten_thousand: Read) -> None:
        assert len(ten_thousand.rows) == 10_000

    def test_a_plot_has_no_more_than_a_browser_can_draw(self, ten_thousand: Read) -> None:
        for figure in ten_thousand.figures:
            assert sum(len(trace["y"]) for trace in figure["data"]) < 12_000

    def test_the_page_has_a_reasonable_size(self, long_page: str) -> None:
        assert len(long_page) < 15_000_000


class TestSafe:
    def hostile(self, text: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """A sweep with this text wherever somebody can write one."""
        attempt = {
            "number": 1, "job": text, "node": text, "reason": text,
            "started": timestamp(NOW), "finished": timestamp(NOW + 60), "outcome": "Crashed",
        }  # fmt: skip
        records = []
        for number in range(1, 13):
            history = [{"step": 1, "metrics": {text: 0.5, "loss": 0.5}}]
            parameters = {text: text if number % 2 else "other", "x": number, "g": {text: number}}
            record = run(
                number, number / 100, parameters=parameters, reason=text, message=text,
                attempts=[attempt], history=history, nonFinite={text: text}, metrics={text: 1},
            )  # fmt: skip
            record["metadata"] |= {"name": text, "namespace": text, "labels": {text: text}}
            records.append(record)
        records.append(run(13, None, "Failed", reason=text, message=text))
        made = sweep(
            metric={"name": text, "goal": "minimize"},
            method=text,
            parameters={
                text: {"values": [text, "other"]},
                "x": {"min": 0.5, "max": 100},
                "k": {"value": text},
                "g": {"parameters": {text: {"min": 0.5, "max": 100}}},
            },
        )
        made["metadata"] |= {"name": text, "namespace": text}
        condition = {"type": "Stalled", "status": "True", "reason": text, "message": text}
        made["status"] = {"phase": text, "conditions": [condition], "runs": {}}
        return made, records

    @pytest.mark.parametrize("text", HOSTILE)
    def test_nothing_that_people_write_becomes_html_or_script(self, text: str) -> None:
        plain = Read.of(page(*self.hostile("plain"), NOW))
        found = Read.of(page(*self.hostile(text), NOW))
        assert shape(found) == shape(plain)
        assert found.scripts[1:] == plain.scripts[1:]
        for tag, attributes in found.tags:
            assert not [name for name in attributes if name.startswith("on")]
            assert "src" not in attributes
            if tag == "a":
                assert re.fullmatch(r"#[\w-]+", attributes["href"] or "")

    @pytest.mark.parametrize("text", HOSTILE)
    def test_no_text_is_html_to_the_plots(self, text: str) -> None:
        """Plotly takes some elements in texts for its own, links to anywhere among them."""
        found = Read.of(page(*self.hostile(text), NOW))
        assert found.figures
        for told in strings(found.figures):
            assert "<" not in told.replace("<br>", "").replace("<extra></extra>", "")

    def test_no_template_of_a_plot_has_what_people_write(self) -> None:
        found = Read.of(page(*self.hostile("%{x} %{customdata}"), NOW))
        templates = {
            trace["hovertemplate"]
            for figure in found.figures
            for trace in figure["data"]
            if "hovertemplate" in trace
        }
        assert templates == {"Run %{customdata}, step %{x}: %{y}<extra></extra>"}

    def test_only_the_pages_own_scripts_may_run_and_nothing_is_fetched(self) -> None:
        found, _ = read_forty()
        (policy,) = (
            attributes["content"] or ""
            for tag, attributes in found.tags
            if attributes.get("http-equiv") == "Content-Security-Policy"
        )
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["default-src"] == "'none'"
        assert "connect-src" not in rules
        hashes = [sha256(script.encode()).digest() for script in found.scripts[1:]]
        allowed = [f"'sha256-{base64.b64encode(each).decode()}'" for each in hashes]
        assert rules["script-src"].split() == allowed
        assert len(allowed) == 2

    def test_no_host_is_named_outside_of_plotlys_own_script(self) -> None:
        sweep, records = sweep_of_forty()
        html = page(sweep, records, now_of(records))
        assert html.count(plotly_js()) == 1
        rest = html.replace(plotly_js(), "")
        assert not re.search(r"https?:|url\(|@import|\ssrc=", rest)


def test_a_plot_is_what_plotly_takes() -> None:
    found, _ = read_forty()
    assert len(found.figures) == 12
    for figure in found.figures:
        plotly.graph_objects.Figure(figure)


def test_a_page_depends_on_nothing_else_and_changes_nothing() -> None:
    sweep, records = sweep_of_forty(12)
    before = deepcopy((sweep, records))
    assert page(sweep, records, NOW) == page(sweep, records[::-1], NOW)
    assert (sweep, records) == before


def test_the_made_up_sweep_is_one_that_the_crds_take() -> None:
    sweep, records = sweep_of_forty()
    Sweep.model_validate(sweep)
    for record in records:
        SweepRun.model_validate(json.loads(json.dumps(record)))


def shape(found: Read) -> Counter[tuple[str, ...]]:
    """How many elements there are of each name, with which attributes."""
    return Counter((tag, *sorted(attributes)) for tag, attributes in found.tags)


def at(thing: Any, *path: str) -> Any:
    """What stands at a path, None for nothing."""
    for name in path:
        thing = thing.get(name) if isinstance(thing, dict) else None
    return thing


def strings(thing: Any) -> list[str]:
    """All texts in some JSON."""
    if isinstance(thing, str):
        return [thing]
    if isinstance(thing, dict):
        return [text for each in thing.items() for text in strings(list(each))]
    return [text for each in thing for text in strings(each)] if isinstance(thing, list) else []
