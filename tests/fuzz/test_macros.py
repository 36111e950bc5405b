"""Any command, with any parameters, is expanded or refused in a sentence."""

import json
import re

from hypothesis import example, given
from hypothesis import strategies as st
from tests.fuzz.specs import words
from tests.fuzz.strategies import Json, texts, values
from tests.unit.test_hostile import kubelet

from sweep_operator.planning.environment import PARAMETERS_JSON, escape
from sweep_operator.planning.json_text import to_json
from sweep_operator.planning.macros import (
    MacroError,
    expand_args,
    expand_command,
    refuse_optional,
)

names = st.one_of(
    st.sampled_from(["a", "lr", "b-c"]), texts(5).filter(lambda name: "." not in name)
)
parameters = st.dictionaries(names, values(), max_size=3)
commands = st.lists(words(), max_size=4)


@given(commands, parameters)
def test_a_command_is_expanded_or_refused_in_words_that_name_the_macro(
    command: list[str], told: Json
) -> None:
    for expand in (expand_command, expand_args):
        try:
            found = expand(command, told)
        except MacroError as error:
            assert "${" in str(error) or "NUL" in str(error)
        else:
            assert all(isinstance(word, str) for word in found)


@given(commands, st.lists(texts(5), max_size=3))
def test_what_is_not_in_every_run_is_refused_or_not_spoken_of(
    command: list[str], optional: list[str]
) -> None:
    try:
        refuse_optional(command, optional)
    except MacroError as error:
        assert "is not there in every run" in str(error)


@given(texts(40), st.text("$(){}HOMEx", max_size=12))
@example("", "$$(HOME)")
@example("", "$(")
def test_whatever_a_value_is_the_kubelet_hands_it_over_unchanged(text: str, tricks: str) -> None:
    assert kubelet(escape(text + tricks)) == text + tricks


@given(st.dictionaries(names, st.one_of(texts(), st.text("$(){}HOME", max_size=9)), max_size=3))
def test_values_arrive_as_they_are_in_arguments_and_nothing_is_expanded_twice(
    told: dict[str, str],
) -> None:
    try:
        found = expand_command(["${args_no_hyphens}", "${args_json}"], told)
    except MacroError as error:
        assert "NUL" in str(error)
        return
    *words, whole = map(kubelet, found)
    assert words == [f"{name}={value}" for name, value in sorted(told.items())]
    assert json.loads(whole) == told


@given(commands)
def test_without_a_macro_a_templates_words_stay_as_they_are(command: list[str]) -> None:
    plain = [word for word in command if not re.search(r"\$\{", word)]
    assert expand_args(plain, {"a": 1}) == plain


@given(words())
def test_a_macro_after_two_dollars_is_left_to_the_kubelet(word: str) -> None:
    if "$" not in word:
        assert expand_args(["$${args}" + word], {"a": 1}) == ["$${args}" + word]
        assert expand_args(["$$${args_json_file}" + word], {}) == ["$$" + PARAMETERS_JSON + word]


@given(values())
def test_json_is_read_back_as_the_same_value(value: Json) -> None:
    text = to_json(value)
    assert json.loads(text) == value
    assert "\n" not in text
