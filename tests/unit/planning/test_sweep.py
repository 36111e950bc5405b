"""A Sweep as it is meant to be run, and what is refused that the CRD let through."""

from typing import Any

import pytest
from tests.fakes.world import sweep
from tests.unit.planning.facts import intent

from sweep_operator.planning.sweep import Intent, InvalidSweepError, stall_of_invalid
from sweep_operator.search import seed_of

GRID = {"method": "grid", "parameters": {"x": {"values": [1, 2, 3]}}}


def refusal(**spec: Any) -> str:
    with pytest.raises(InvalidSweepError) as caught:
        intent(**spec)
    return str(caught.value)


class TestLimit:
    def test_it_is_the_cap_or_the_size_of_the_grid_whichever_is_less(self) -> None:
        assert intent(**GRID, runCap=2).limit == 2
        assert intent(**GRID, runCap=9).limit == 3

    def test_a_grid_has_as_many_runs_of_each_point_as_repeats_says(self) -> None:
        assert intent(**GRID, runCap=None, repeats=3).limit == 9
        assert intent(**GRID, runCap=7, repeats=3).limit == 7

    def test_without_a_cap_a_grid_ends_at_its_end_and_a_random_search_never(self) -> None:
        assert intent(**GRID, runCap=None).limit == 3
        assert intent(runCap=None).limit is None


class TestSuggestions:
    def test_they_depend_on_seed_and_number_alone(self) -> None:
        one, other = intent(seed=3), intent(seed=3, runCap=9, parallelism=4)
        assert [one.suggest(n) for n in (1, 2, 3)] == [other.suggest(n) for n in (1, 2, 3)]
        assert one.suggest(1) != one.suggest(2)
        assert one.suggest(1) != intent(seed=4).suggest(1)

    def test_without_a_seed_the_sweeps_uid_is_it(self) -> None:
        assert intent(seed=None).seed == seed_of("u")

    def test_seed_0_is_a_seed(self) -> None:
        assert intent(seed=0).seed == 0

    def test_a_grid_ends(self) -> None:
        assert intent(**GRID).suggest(3) == {"x": 3}
        assert intent(**GRID).suggest(4) is None


CONDITIONAL: dict[str, Any] = {
    "kind": {"values": ["a", "b"]},
    "x": {"min": 0.5, "max": 0.9, "when": {"kind": ["a"]}},
    "group": {"parameters": {"y": {"value": 1}, "z": {"value": 2, "when": {"kind": ["b"]}}}},
    "rare": {"parameters": {"y": {"value": 1}}, "when": {"kind": ["b"]}},
    "unsure": {"parameters": {"y": {"value": 1, "when": {"kind": ["b"]}}}},
}


class TestConditionalParameters:
    @pytest.mark.parametrize("name", ["x", "group.z", "rare", "rare.y", "unsure", "unsure.y"])
    @pytest.mark.parametrize("seed", range(4))
    def test_a_macro_for_one_is_refused_whatever_the_first_run_has(
        self, name: str, seed: int
    ) -> None:
        macro = f"${{param:{name}}}"
        said = f"{macro} is not there in every run (it has when): use ${{args}}"
        assert (
            refusal(parameters=CONDITIONAL, command=[macro], seed=seed) == f"spec.command: {said}"
        )
        container = {"name": "main", "image": "i", "args": [f"--x={macro}"]}
        template = {"spec": {"template": {"spec": {"containers": [container]}}}}
        assert refusal(parameters=CONDITIONAL, template=template, seed=seed).endswith(said)

    @pytest.mark.parametrize("seed", range(4))
    def test_a_macro_for_what_is_in_every_run_is_none_the_worse(self, seed: int) -> None:
        words = ["${param:kind}", "${param:group.y}", "${param:group}", "${args}", "$${param:x}"]
        assert intent(parameters=CONDITIONAL, command=words, seed=seed).limit == 5

    @pytest.mark.parametrize("seed", range(4))
    def test_what_no_argument_can_hold_is_told_whatever_the_first_run_has(self, seed: int) -> None:
        parameters = {**CONDITIONAL, "x": {"value": "\0", "when": {"kind": ["a"]}}}
        assert "NUL" in refusal(parameters=parameters, command=["${args}"], seed=seed)


class TestConstraints:
    def test_the_limit_of_a_finite_space_is_the_number_of_its_valid_points(self) -> None:
        parameters = {"x": {"values": [1, 2, 3]}, "y": {"values": [1, 2, 3]}}
        for method in ("grid", "bayes", "tpe"):
            found = intent(method=method, parameters=parameters, constraints=["x < y"], runCap=None)
            assert found.limit == 3

    def test_a_shuffled_grid_is_a_grid_in_another_order(self) -> None:
        plain, found = intent(**GRID), intent(**GRID, shuffle=True, seed=3)
        numbers = range(1, 4)
        assert sorted((found.suggest(n) or {})["x"] for n in numbers) == [1, 2, 3]
        assert plain.method is not found.method


class TestWhatIsRefused:
    def test_a_continuous_parameter_in_a_grid_is_named(self) -> None:
        assert "parameters.x" in refusal(method="grid")

    def test_a_field_that_is_not_known_is_named_with_its_path(self) -> None:
        assert "spec.runcap" in refusal(runcap=3)

    def test_an_unknown_macro_is_named(self) -> None:
        assert "${nonsense}" in refusal(command=["${nonsense}"])

    def test_a_parameter_that_a_macro_asks_for_in_vain_is_named(self) -> None:
        assert "lr" in refusal(command=["${param:lr}"])

    @pytest.mark.parametrize("field", ["command", "args"])
    @pytest.mark.parametrize("value", [["--n", 10], [None], [["x"]]])
    def test_an_element_of_a_command_that_is_no_string_is_named(
        self, field: str, value: Any
    ) -> None:
        container = {"name": "main", "image": "i", field: value}
        template = {"spec": {"template": {"spec": {"containers": [container]}}}}
        assert f"{field} has" in refusal(template=template)

    def test_parameters_that_do_not_fit_into_a_pod_are_refused_before_anything_runs(self) -> None:
        parameters = {f"p{n}": {"value": "x" * 20_000} for n in range(4)}
        assert "parameters" in refusal(parameters=parameters)

    def test_it_stalls_the_sweep_for_good_with_the_same_words(self) -> None:
        stall = stall_of_invalid(InvalidSweepError("spec.x: is wrong"))
        assert (stall.reason, stall.message, stall.for_good) == (
            "InvalidSpec",
            "spec.x: is wrong",
            True,
        )


class TestMainContainer:
    def test_it_is_the_one_named_or_the_first(self) -> None:
        assert intent().main_container["name"] == "main"
        assert intent(mainContainer="main").main_container["image"] == "i"

    def test_another_name_is_refused(self) -> None:
        assert "mainContainer" in refusal(mainContainer="other")


def test_a_sweep_of_an_api_server_without_a_generation_is_read_too() -> None:
    manifest = sweep()
    manifest["metadata"]["uid"] = "u"
    assert Intent.of(manifest).generation == 0
