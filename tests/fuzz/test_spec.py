"""Any spec is run or refused in a sentence: what the CRD's schema admits, and any JSON at all."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.fuzz.specs import expressions, parameters, specs
from tests.fuzz.strategies import Json, broken_texts, texts, values

from sweep_operator.api.duration import PATTERN, Duration
from sweep_operator.api.model import problems
from sweep_operator.api.sweep import Sweep
from sweep_operator.planning.sweep import Intent, InvalidSweepError
from sweep_operator.search import METHODS

MOST = 10_000
"""Characters of a refusal: it is put into a condition."""


def sweep(spec: Json) -> dict[str, Any]:
    metadata = {"name": "a", "namespace": "lab", "uid": "u", "generation": 1}
    return {
        "apiVersion": "sweep-operator.io/v1alpha1",
        "kind": "Sweep",
        "metadata": metadata,
        "spec": spec,
    }


def is_sentence(text: str) -> bool:
    """Whether it is some words, rather than a traceback or an object's inside."""
    return bool(re.search(r"[a-z] [a-z]", text)) and not re.search(
        r"Traceback|object at 0x|<class", text
    )


def intent_of(spec: Json) -> Intent | None:
    """The intent; None where it was refused in a sentence."""
    try:
        return Intent.of(sweep(spec))
    except InvalidSweepError as error:
        assert is_sentence(str(error))
        assert len(str(error)) < MOST
        return None


@given(specs())
def test_whatever_the_schema_admits_is_run_or_refused_in_a_sentence(spec: Json) -> None:
    intent = intent_of(spec)
    if intent is None or METHODS[intent.method_name].learns:
        return
    for number in (1, 2, 1_000_000):
        intent.suggest(number)


@given(st.one_of(values(broken_texts()), specs()))
def test_any_json_at_all_is_a_sweep_or_a_list_of_sentences(thing: Json) -> None:
    for whole in (thing, sweep(thing)):
        try:
            Sweep.model_validate(whole)
        except ValidationError as error:
            assert problems(error)
            assert all(map(is_sentence, problems(error)))


@given(parameters(), st.lists(expressions(), min_size=1, max_size=3))
def test_any_constraint_is_tried_or_refused_in_a_sentence(
    written: Json, constraints: list[str]
) -> None:
    container = {"name": "main"}
    template = {"spec": {"template": {"spec": {"containers": [container]}}}}
    spec = {
        "method": "random",
        "parameters": written,
        "template": template,
        "constraints": constraints,
    }
    intent_of(spec)


@given(st.one_of(st.from_regex(PATTERN, fullmatch=True), texts()))
def test_a_duration_is_a_length_of_time_or_refused(text: str) -> None:
    try:
        found = Duration(text)
    except ValidationError:
        return
    assert 0 <= found.seconds < 5 * 99_999 * 3600
    assert str(found) == text


def test_a_sentence_is_told_from_a_traceback() -> None:
    assert is_sentence("spec.method: write one")
    assert not is_sentence("<object object at 0x7f>")
    with pytest.raises(AssertionError):
        assert is_sentence("Traceback (most recent call last)")
