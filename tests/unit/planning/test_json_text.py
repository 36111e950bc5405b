"""JSON that YAML 1.1 reads alike."""

import json
import math
from random import Random
from typing import Any

import pytest
import yaml

from sweep_operator.planning.json_text import to_json


def same(one: object, other: object) -> bool:
    """Equal, and of the same types: 1 is not 1.0, and not True."""
    return repr(one) == repr(other)


@pytest.mark.parametrize(
    "value",
    [1e-05, 1e22, -2.5e-300, 0.1, 3.0, 5e-324, 10**30, 0, True, None, "1e-05", "no", "=", "<<", ""],
)
def test_scalars_are_read_alike_by_json_and_yaml(value: Any) -> None:
    text = to_json({"x": value})

    assert same(json.loads(text), {"x": value})
    assert same(yaml.safe_load(text), {"x": value})


@pytest.mark.parametrize(
    "text",
    [
        "\n\t\r\0\x1b",
        "\x7f\x85\xa0",
        "\u2028\u2029\ufeff\ufffe",
        "größe 学习",
        "🚀",
        "\\ud83d\\ude80",
    ],
)
def test_text_is_read_alike_by_json_and_yaml(text: str) -> None:
    written = to_json({text: [text]})

    assert json.loads(written) == {text: [text]}
    assert yaml.safe_load(written) == {text: [text]}
    assert "\n" not in written


def test_any_value_is_read_alike_by_json_and_yaml() -> None:
    random = Random(29)
    alphabet = [
        "a",
        " ",
        ":",
        "#",
        "{",
        "]",
        ",",
        "'",
        '"',
        "\\",
        "$",
        "(",
        "\n",
        "\x80",
        "ü",
        "🚀",
    ]

    def any_value(depth: int) -> Any:
        kind = random.randrange(7 if depth else 5)
        if kind == 0:
            return random.uniform(-1, 1) * 10.0 ** random.randint(-30, 30)
        if kind == 1:
            return random.randint(-(10**12), 10**12)
        if kind == 2:
            return random.choice([True, False, None])
        if kind in (3, 4):
            return any_text()
        if kind == 5:
            return [any_value(depth - 1) for _ in range(random.randrange(4))]
        return {any_text(): any_value(depth - 1) for _ in range(random.randrange(4))}

    def any_text() -> str:
        return "".join(random.choices(alphabet, k=random.randrange(8)))

    for _ in range(300):
        value = {"top": any_value(3)}
        text = to_json(value)

        assert json.loads(text) == value
        assert yaml.safe_load(text) == value


def test_keys_are_sorted_at_each_level_so_that_equal_values_are_equal_texts() -> None:
    assert to_json({"b": {"d": 1, "c": 2}, "a": [1, 2]}) == '{"a": [1, 2], "b": {"c": 2, "d": 1}}'


def test_ordinary_text_of_any_language_stays_readable() -> None:
    assert to_json("größe 学习 🚀") == '"größe 学习 🚀"'


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_does_not_have_is_an_error(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json({"x": [number]})
