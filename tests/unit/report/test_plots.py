"""What each plot shows is what the records say."""

import random
from itertools import accumulate
from operator import itemgetter
from typing import Any

import pytest
from tests.unit.report.reading import NOW, Read, read, read_forty, results, run, runs, sweep

from sweep_operator.planning.times import timestamp
from sweep_operator.report.axes import axes
from sweep_operator.report.history import improvements
from sweep_operator.report.importances import importances
from sweep_operator.report.parallel import BEST_LINES, MOST_LINES, best_and_even

EARLY: dict[str, Any] = {"reason": "EarlyTerminated", "progress": {"best": 0.01}}


class TestHistory:
    def history(self, *args: Any) -> dict[str, dict[str, Any]]:
        return read(*args).traces("loss of")

    @pytest.mark.parametrize(("goal", "better"), [("minimize", min), ("maximize", max)])
    def test_the_line_is_the_best_of_all_runs_so_far(self, goal: str, better: Any) -> None:
        values = [0.5, 0.7, 0.4, 0.4, 0.9, 0.1]
        shown = self.history(sweep(metric={"name": "loss", "goal": goal}), runs(*values))
        line = shown["best so far"]
        steps = dict(zip(line["x"], line["y"], strict=True))
        so_far = [steps[max(step for step in steps if step <= number)] for number in range(1, 7)]
        assert so_far == list(accumulate(values, better))
        assert line["line"]["shape"] == "hv"

    def test_each_value_is_that_of_its_run(self) -> None:
        found, records = read_forty()
        shown = found.traces("accuracy of")["value"]
        told = {
            r["spec"]["number"]: r["status"]["value"] for r in records if "value" in r["status"]
        }
        assert dict(zip(shown["x"], shown["y"], strict=True)) == told

    def test_runs_without_a_value_are_marked_at_the_bottom_by_their_status(self) -> None:
        phases = ("Failed", "Crashed", "Killed", "Running", "Pending", "Finished")
        records = [run(n, None, phase) for n, phase in enumerate(phases, start=2)]
        shown = self.history(sweep(), [run(1, 0.5), *records])
        for number, phase in enumerate(phases, start=2):
            name = "Finished, no value" if phase == "Finished" else phase
            assert shown[name]["x"] == [number]
            assert shown[name]["yaxis"] == "y2"

    def test_a_failed_run_that_reported_a_value_has_none(self) -> None:
        shown = self.history(sweep(), [run(1, 0.5), run(2, 0.1, "Failed")])
        assert shown["Failed"]["x"] == [2]
        assert shown["value"]["x"] == [1]

    def test_a_run_that_was_stopped_early_counts_with_its_best_but_is_not_in_the_line(self) -> None:
        shown = self.history(sweep(), [run(1, 0.5), run(2, None, "Killed", **EARLY)])
        assert shown["stopped early: its best on the way"]["y"] == [0.01]
        assert set(shown["best so far"]["y"]) == {0.5}
        assert "Killed" not in shown

    def test_repeats_count_by_the_mean_of_their_point_once_all_have_ended(self) -> None:
        told = run(4, 0.9, "Failed")
        records = [*runs(0.2, 0.4, 0.1), told, run(5, 0.05), run(6, None, "Running")]
        shown = read(sweep(repeats=2), records).traces("loss of 2 points")
        mean = shown["mean of a point"]
        assert mean["x"] == [1, 2]
        assert mean["y"] == pytest.approx([0.3, 0.1])
        assert shown["best so far"]["y"] == pytest.approx([0.3, 0.1, 0.1])
        single = shown["a run"]
        assert sorted(zip(single["x"], single["y"], strict=True)) == [
            *((1, 0.2), (1, 0.4), (2, 0.1), (3, 0.05))
        ]
        assert shown["Failed"]["x"] == [2]
        assert shown["Running"]["x"] == [3]

    def test_the_line_is_of_all_runs_where_only_some_are_shown(self) -> None:
        values = [1.0 + number for number in range(5_000)]
        values[4_001] = 0.5
        shown = self.history(sweep(), runs(*values))
        assert len(shown["value"]["x"]) == 1_667
        assert 4_002 not in shown["value"]["x"]
        assert shown["best"]["x"] == [4_002]

    def test_a_tie_goes_to_the_first(self) -> None:
        assert [each.number for each in improvements(results(sweep(), runs(0.5, 0.5)))] == [1]


class TestParallel:
    def lines(self, found: Read) -> dict[str, dict[str, Any]]:
        return found.traces("The parameters of")

    def test_each_run_with_a_value_is_one_line_through_all_axes(self) -> None:
        found, records = read_forty()
        texts = [text for trace in self.lines(found).values() for text in trace["text"]]
        with_value = [
            r for r in records if "value" in r["status"] or r["status"]["phase"] == "Killed"
        ]
        assert len(set(texts)) == len(with_value)
        assert len(texts) == len(with_value) * (6 + 1 + 1)

    def test_the_best_run_has_a_line_of_its_own(self) -> None:
        found = read(sweep(), runs(0.5, 0.25, 0.75))
        best = self.lines(found)["best run"]
        assert set(best["text"]) == {"Run 2: 0.25"}
        assert best["y"][-2] == 0

    def test_a_parameter_that_is_not_there_is_below_its_axis(self) -> None:
        records = [run(1, 0.1, parameters={"x": 1}), run(2, 0.2, parameters={"x": 2, "y": 3})]
        best = self.lines(read(sweep(), records))["best run"]
        assert best["y"][1] < 0 <= min(best["y"][0], best["y"][2])

    def test_of_many_the_best_and_an_even_sample_are_shown(self) -> None:
        many = results(sweep(), runs(*(float(n * 7919 % 5_003) for n in range(5_000))))
        lines, sentence = best_and_even(many)
        values = [each.value for each in lines]
        every = sorted(each.value for each in many.scored)
        assert len(lines) <= MOST_LINES
        assert values[:BEST_LINES] == every[:BEST_LINES]
        assert values[BEST_LINES::1] == every[BEST_LINES::6]
        assert sentence.startswith("Shown are the best 100 and every 6th of the others, of 5,000")


class TestImportances:
    def of(self, count: int, value: Any, **spec: Any) -> Any:
        chance = random.Random(1)
        records = []
        for number in range(1, count + 1):
            parameters = {"x": chance.random(), "y": chance.random()}
            records.append(run(number, value(parameters), parameters=parameters))
        found = results(sweep(**spec), records)
        return importances(found, axes(found, found.runs))

    @pytest.mark.parametrize("goal", ["minimize", "maximize"])
    def test_what_decides_the_value_comes_first(self, goal: str) -> None:
        found = self.of(100, itemgetter("y"), metric={"name": "loss", "goal": goal})
        assert list(found.weights) == ["y", "x"]
        assert found.weights["y"] > 0.9
        assert sum(found.weights.values()) == pytest.approx(1)

    @pytest.mark.parametrize(("goal", "first"), [("minimize", "y"), ("maximize", "x")])
    def test_what_makes_runs_good_matters_and_not_what_makes_them_bad(
        self, goal: str, first: str
    ) -> None:
        def value(parameters: dict[str, float]) -> float:
            return (parameters["x"] > 0.9) - (parameters["y"] < 0.1) + parameters["x"] / 10

        found = self.of(200, value, metric={"name": "loss", "goal": goal})
        assert next(iter(found.weights)) == first

    def test_few_runs_are_a_rough_guess_and_fewer_none(self) -> None:
        assert "rough guess" in self.of(49, itemgetter("y")).sentence
        assert "rough guess" not in self.of(50, itemgetter("y")).sentence
        assert self.of(10, itemgetter("y")).weights
        none = self.of(9, itemgetter("y"))
        assert not none.weights
        assert "it takes at least 10 runs with a value, and there are 9." in none.sentence

    def test_one_parameter_has_none(self) -> None:
        records = [run(n, n / 7, parameters={"x": n}) for n in range(1, 20)]
        found = results(sweep(), records)
        told = importances(found, axes(found, found.runs))
        assert "it takes two parameters" in told.sentence
        assert not told.weights

    def test_runs_that_are_all_alike_have_none(self) -> None:
        assert "have the same value" in self.of(20, lambda _: 1.0).sentence

    def test_parameters_of_every_kind_that_are_not_in_every_run_can_be_compared(self) -> None:
        kinds = ["a", True, None, [1], 2]
        records = []
        for n in range(1, 61):
            parameters = {"kind": kinds[n % 5], "lr": 10.0 ** -(n % 4)}
            if n % 5 == 0:
                parameters["only"] = n
            records.append(run(n, n % 5 + n / 1000, parameters=parameters))
        spec = {
            "kind": {"values": kinds},
            "lr": {"distribution": "log_uniform_values", "min": 0.0001, "max": 1},
            "only": {"distribution": "int_uniform", "min": 1, "max": 60, "when": {"kind": ["a"]}},
        }
        found = results(sweep(parameters=spec), records)
        told = importances(found, axes(found, found.runs))
        assert set(told.weights) == {"kind", "lr", "only"}
        assert next(iter(told.weights)) in ("kind", "only")


class TestSlices:
    def test_each_point_is_a_run_at_its_own_value(self) -> None:
        found, records = read_forty()
        (dots, _) = found.figures[slice_of(found, "dropout")]["data"]
        told = {
            (r["spec"]["parameters"]["dropout"], r["status"]["value"])
            for r in records
            if "value" in r["status"]
        }
        assert told <= set(zip(dots["x"], dots["y"], strict=True))

    def test_categories_stand_side_by_side_in_order(self) -> None:
        found, _ = read_forty()
        layout = found.figures[slice_of(found, "batch_size")]["layout"]
        assert layout["xaxis"]["ticktext"] == ["16", "32", "64", "128"]

    def test_a_logarithmic_range_has_a_logarithmic_axis(self) -> None:
        found, _ = read_forty()
        assert found.figures[slice_of(found, "learning_rate")]["layout"]["xaxis"]["type"] == "log"

    def test_text_true_and_true_are_two_categories(self) -> None:
        records = [run(1, 0.1, parameters={"x": "true"}), run(2, 0.2, parameters={"x": True})]
        found = read(sweep(parameters={"x": {"values": ["true", True]}}), records)
        layout = found.figures[slice_of(found, "x")]["layout"]
        assert layout["xaxis"]["ticktext"] == ['"true"', "true"]

    def test_the_parameters_that_matter_most_are_shown_where_there_are_too_many(self) -> None:
        chance = random.Random(1)
        names = [f"p{place:02}" for place in range(30)]
        records = []
        for number in range(1, 98):
            parameters = {name: chance.random() for name in names}
            records.append(run(number, parameters["p29"], parameters=parameters))
        spec = {name: {"min": 0, "max": 1.5} for name in names}
        found = read(sweep(parameters=spec), records)
        assert "Shown are 24 of 30 parameters: those that matter most." in found.text
        shown = [
            (each["aria-label"] or "").split(" by ")[1]
            for _, each in found.tags
            if " by p" in (each.get("aria-label") or "")
        ]
        assert shown[0].startswith("p29, ")
        assert len(shown) == 24


class TestTimeline:
    ATTEMPTS = (
        {"number": 1, "job": "trial-1-1", "started": timestamp(NOW), "outcome": "Crashed",
         "reason": "Disrupted", "node": "spot-1", "finished": timestamp(NOW + 60)},
        {"number": 2, "job": "trial-1-2", "started": timestamp(NOW + 90)},
    )  # fmt: skip

    def test_each_attempt_is_a_bar_of_its_own_time_and_outcome(self) -> None:
        record = run(1, None, "Running", attempts=list(self.ATTEMPTS), preemptions=1)
        found = read(sweep(), [record], NOW + 120)
        shown = found.traces("2 attempts of 1 run over time")
        crashed, running = shown["Crashed (preempted, or the like)"], shown["Running"]
        assert (crashed["base"], crashed["x"]) == (["2027-01-15 08:00:00"], [60_000])
        assert "Disrupted" in crashed["text"][0]
        assert "on spot-1" in crashed["text"][0]
        assert (running["base"], running["x"]) == (["2027-01-15 08:01:30"], [30_000])
        assert shown["waits for its next attempt"]["x"][:2] == [
            *("2027-01-15 08:01:00", "2027-01-15 08:01:30")
        ]
        assert "1 attempt lost its node or pod" in found.text

    def test_an_attempt_that_never_started_has_no_bar(self) -> None:
        record = run(1, None, "Pending", attempts=[{"number": 1, "job": "trial-1-1"}])
        assert "No run has started yet." in read(sweep(), [record]).text


class TestCurves:
    def point(self, step: int, **metrics: float) -> dict[str, Any]:
        return {"step": step, "metrics": metrics}

    def test_each_run_is_a_line_by_step_and_the_best_one_stands_out(self) -> None:
        first = run(1, 0.5, history=[self.point(1, loss=0.9), self.point(3, loss=0.5)])
        second = run(2, 0.25, history=[self.point(1, loss=0.7), self.point(2, loss=0.25)])
        shown = read(sweep(), [first, second]).traces("loss by step")
        assert (shown["Finished"]["x"], shown["Finished"]["y"]) == ([1, 3, None], [0.9, 0.5, None])
        assert shown["best run"]["y"] == [0.7, 0.25, None]
        assert shown["best run"]["customdata"] == [2, 2, 2]

    def test_the_sweeps_own_metric_comes_first_and_others_follow(self) -> None:
        history = [self.point(1, accuracy=0.1, loss=0.9), self.point(2, accuracy=0.3)]
        found = read(sweep(), [run(1, 0.5, history=history)])
        labels = [a.get("aria-label") or "" for _, a in found.tags if "data-figure" in a]
        shown = [label.split(" by ")[0] for label in labels if "by step" in label]
        assert shown == ["loss", "accuracy"]

    def test_without_any_there_is_no_such_section(self) -> None:
        assert "Learning curves" not in read(sweep(), runs(0.5, 0.25)).text


def slice_of(found: Read, name: str) -> int:
    """The number of the plot of a parameter."""
    (number,) = (
        int(attributes["data-figure"] or 0)
        for _, attributes in found.tags
        if f" by {name}, of " in (attributes.get("aria-label") or "")
    )
    return number
