"""The base of the models: Kubernetes' camelCase outside, snake_case inside, errors as sentences."""

from sys import float_info
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError


def _is_number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        sentence = f"must be a number, not {value!r}: write it without quotes"
        raise ValueError(sentence)  # noqa: TRY004 (pydantic collects ValueErrors alone)
    if not -float_info.max <= value <= float_info.max:
        raise ValueError("must be a finite number that a double can hold")
    return value


Number = Annotated[int | float, BeforeValidator(_is_number)]
"""A finite JSON number. An integer stays an integer; a boolean or a string is no number."""


class Model(BaseModel):
    """What a person writes: a field it doesn't know is an error, so that no slip is ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )


class ObservedModel(Model):
    """What a program writes (metadata, status): an unknown field there is a newer version's."""

    model_config = ConfigDict(extra="ignore")


_PLAINER: Final = {
    "missing": "is required: write it",
    "extra_forbidden": "is no field: look its name up with kubectl explain, or remove it",
}
"""Sentences that say more than pydantic's, by its type of error."""


def list_map(key: str) -> dict[str, JsonValue]:
    """Mark a list whose items the API server tells apart by a field, rather than by position."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


def wrong(path: str, sentence: str) -> PydanticCustomError:
    """Make an error that a validator of a whole model raises about a field below it."""
    return PydanticCustomError("wrong", "{sentence}", {"path": path, "sentence": sentence})


def problems(error: ValidationError) -> list[str]:
    """Each thing that is wrong, as a sentence that starts with the path of the field."""
    told = []
    for item in error.errors():
        below = item.get("ctx", {}).get("path", "")
        path = _path((*item["loc"], *filter(None, [below])))
        sentence = _PLAINER.get(item["type"]) or item["msg"].removeprefix("Value error, ")
        told.append(f"{path}: {sentence}" if path else sentence)
    return told


def _path(location: tuple[int | str, ...]) -> str:
    """`("spec", "values", 0)` as `spec.values[0]`, as kubectl writes paths."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step != "[key]":  # pydantic's mark of an error in a name itself
            path += f".{step}"
    return path.removeprefix(".")
