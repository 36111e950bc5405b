"""What constraints see of a point, and when they hold."""

from typing import Any

import pytest

from sweep_operator.api.parameters import Parameter
from sweep_operator.search import Space, SpaceError, check
from sweep_operator.search.validity import MOST_LOOKS, too_many


def space(*constraints: str, **parameters: Any) -> Space:
    return Space.of(
        {name: Parameter.model_validate(each) for name, each in parameters.items()}, constraints
    )


def holds(constraint: str, values: list[Any], **parameters: Any) -> bool:
    """Whether it holds for the values of these parameters, in alphabetical order."""
    return space(constraint, **parameters).valid(values)


KIND = {"values": ["a", "b"]}
IF_B = {"values": [1, 2], "when": {"kind": ["b"]}}


class TestTypes:
    @pytest.mark.parametrize(
        ("parameter", "value", "called"),
        [
            ({"values": [16, 32]}, 16, "int"),
            ({"values": [16.0, 32]}, 16.0, "int"),
            ({"values": [1, 2.5]}, 1, "double"),
            ({"value": 3}, 3, "int"),
            ({"value": 0.5}, 0.5, "double"),
            ({"distribution": "int_uniform", "min": 1, "max": 9}, 3, "int"),
            ({"distribution": "uniform", "min": 0, "max": 9}, 3, "double"),
            ({"distribution": "q_uniform", "min": 0, "max": 9, "q": 3}, 3, "int"),
            ({"distribution": "q_uniform", "min": 0, "max": 9, "q": 0.5}, 3, "double"),
            ({"distribution": "normal"}, 3, "double"),
            ({"values": [True, False]}, True, "bool"),
            ({"values": ["x"]}, "x", "string"),
            ({"values": [[1], [2]]}, [1], "list"),
            ({"values": [{"a": 1}]}, {"a": 1}, "map"),
        ],
    )
    def test_they_are_the_parameters_not_those_of_one_value(
        self, parameter: dict[str, Any], value: Any, called: str
    ) -> None:
        assert holds(f"type(x) == {called}", [value], x=parameter)

    def test_what_an_api_server_makes_of_1_0_is_still_a_double(self) -> None:
        assert holds("x * 0.5 < 1.0", [1], x={"values": [1.0, 1.5]})

    def test_whole_numbers_that_no_double_has_are_left_as_they_are(self) -> None:
        assert not holds("x < 1.0", [10**400], x={"values": [10**400, 0.5]})


class TestWhatIsNotThere:
    def test_a_parameter_is_null(self) -> None:
        for kind, there in (("a", False), ("b", True)):
            assert holds("x == null", [kind, 1], kind=KIND, x=IF_B) is not there
            assert holds("x != null && x < 2", [kind, 1], kind=KIND, x=IF_B) is there

    def test_a_group_is_null_and_so_is_a_field_of_one_that_is_there(self) -> None:
        inside = {"parameters": {"x": {"value": 1}, "y": IF_B}}
        assert holds("g.x == 1 && g.y == null", [1, 2, "a"], g=inside, kind=KIND)
        assert holds("g.x == 1 && g.y == 2", [1, 2, "b"], g=inside, kind=KIND)

        conditional = {**inside, "when": {"kind": ["b"]}}
        assert holds("g == null", [1, 2, "a"], g=conditional, kind=KIND)
        assert holds("g.y == 2", [1, 2, "b"], g=conditional, kind=KIND)

    @pytest.mark.parametrize("text", ["x < 1", "!(x < 1)", "kind == 'b' || x < 1", "x + 1 == 0"])
    def test_what_cannot_be_evaluated_because_of_it_is_no_restriction(self, text: str) -> None:
        assert holds(text, ["a", 1], kind=KIND, x=IF_B)

    def test_but_where_all_that_it_looks_at_is_there_it_does_not_hold(self) -> None:
        words = {"values": ["a", 1.5]}
        assert not holds("w < 3.0", ["a", "b", 1], w=words, kind=KIND, x=IF_B)
        assert not holds("!(w < 3.0)", ["a", "b", 1], w=words, kind=KIND, x=IF_B)


def test_names_that_are_no_identifiers_are_looked_up() -> None:
    parameters = {"batch-size": {"values": [16, 32]}, "in": {"values": [1, 2]}}
    assert holds('parameters["batch-size"] < 32', [16, 1], **parameters)
    assert holds(
        "parameters['in'] == 1 && parameters [ \"batch-size\" ] > 8", [16, 1], **parameters
    )
    assert not holds('parameters["batch-size"] < 32', [32, 1], **parameters)


def test_all_constraints_hold_for_a_valid_point() -> None:
    both = space("x > 1", "x < 3", x={"values": [1, 2, 3]})

    assert [both.valid([value]) for value in (1, 2, 3)] == [False, True, False]


class TestProbing:
    def test_one_that_errs_for_some_draws_only_is_a_constraint(self) -> None:
        check(space("x < 3", kind=KIND, x=IF_B))

    def test_numbers_of_two_types_are_told_though_a_branch_hides_them(self) -> None:
        found = space("n < 4 || n * x < 1", n={"values": [1, 2, 3, 4]}, x={"min": 0.1, "max": 0.9})
        with pytest.raises(SpaceError, match=r"write double\(x\)") as told:
            check(found)
        assert told.value.path == "spec.constraints[0]"

    def test_of_several_the_one_at_fault_is_named(self) -> None:
        with pytest.raises(SpaceError) as told:
            check(space("x > 0", "x", x={"values": [1, 2]}))
        assert told.value.path == "spec.constraints[1]"

    @pytest.mark.parametrize(
        "text",
        [
            "x.exists(i, i < 3)",
            "[1].map // by a comment\n (x, x) == [1]",
            "[1].filter\n(x, true) == [1]",
            "x.matches('(a*)*')",
            "parameters[string(x)] == 1",
            "(parameters).x == 1",
            "has(parameters.x)",
            "timestamp('2020-01-01T00:00:00Z') < timestamp('2021-01-01T00:00:00Z')",
            "(" * 500 + "x" + ")" * 500,
        ],
    )
    def test_what_could_take_long_is_refused(self, text: str) -> None:
        with pytest.raises(SpaceError):
            check(space(text, x={"values": [1, 2]}))

    def test_a_text_that_looks_like_the_map_of_all_is_text(self) -> None:
        check(space("x != 'a' && model.parameters < 3", x=KIND, model=MODEL))


MODEL = {"parameters": {"parameters": {"values": [1, 2]}}}


def test_points_are_listed_once_in_the_order_of_a_grid() -> None:
    found = space("x == null || x > 1", kind={"values": ["a", "b"]}, x=IF_B, z={"values": [1, 2]})
    listing = found.listing
    assert listing is not None

    points = [found.nest(listing.values(index)) for index in range(len(listing))]

    assert points == [
        {"kind": "a", "z": 1},
        {"kind": "a", "z": 2},
        {"kind": "b", "x": 2, "z": 1},
        {"kind": "b", "x": 2, "z": 2},
    ]


def test_a_value_of_probability_zero_is_not_listed() -> None:
    weighted = {"values": [1, 2, 3], "probabilities": [0.5, 0, 0.5]}
    listing = space("x > 1", x=weighted).listing

    assert listing is not None
    assert [listing.values(index) for index in range(len(listing))] == [[3]]


def test_a_space_without_restrictions_is_never_listed() -> None:
    assert space(x={"values": [1, 2]}).listing is None


def test_constraints_that_look_at_too_much_are_not_gone_through() -> None:
    digits = {f"p{n}": {"values": list(range(10))} for n in range(5)}
    total = " + ".join(digits)
    assert too_many(space(*[f"{total} < {n}" for n in range(4)], **digits)) is None

    sentence = too_many(space(*[f"{total} < {n}" for n in range(5)], **digits))

    assert sentence is not None
    assert f"2,500,000 values, and at most {MOST_LOOKS:,}" in sentence
