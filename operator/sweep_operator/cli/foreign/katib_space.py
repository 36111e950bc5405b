"""The parameters of a Katib Experiment as those of a Sweep.

Katib writes numbers as text. What it draws is in its suggestion services, and not the same in all:
where they differ the Sweep does what the file says.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import log
from typing import Any, Final

from sweep_operator.api.parameters import MAX_NAME_LENGTH, MAX_VALUES
from sweep_operator.cli.files import FileError, Json
from sweep_operator.cli.foreign.conversion import part, parts

SIGMAS: Final = 6
"""Katib's normal distributions have so many standard deviations between min and max."""

_UNIFORM: Final = ("", "uniform", "unknown")


@dataclass(frozen=True)
class Range:
    """Numbers between two bounds, as written, so that 0.1 is a tenth."""

    low: Decimal
    high: Decimal
    step: Decimal | None
    """None for any number between; a whole number has a step of 1."""

    @property
    def bounds(self) -> dict[str, Any]:
        """As fields of a parameter."""
        return {"min": _plain(self.low), "max": _plain(self.high)}


def parameters(
    spec: Json, notes: list[str], *, grid: bool
) -> tuple[dict[str, str], dict[str, Any]]:
    """Convert spec.parameters.

    Args:
        spec: the Experiment's.
        notes: what a person should know is added.
        grid: whether all values are gone through: Katib then looks at no distribution.

    Returns:
        The names here by Katib's names, and spec.parameters of a Sweep.
    """
    written = parts(spec, "parameters", "spec")
    if not written:
        raise FileError("spec.parameters: there are none")
    names: dict[str, str] = {}
    found: dict[str, Any] = {}
    for number, each in enumerate(written):
        at = f"spec.parameters[{number}]"
        if not each.get("name"):
            raise FileError(f"{at}: has no name")
        told = str(each["name"])
        name = _legal(told)
        if name in found:
            raise FileError(f"{at}: {told} would be a second {name}: give it another name")
        if name != told:
            notes.append(f"parameter {told} is {name} here: the program sees what it saw before")
        names[told] = name
        found[name] = _parameter(each, f"{at} ({told})", notes, grid=grid)
    return names, found


def _legal(name: str) -> str:
    """A name without dots, which would nest it, or leading hyphens."""
    found = re.sub(r"[^A-Za-z0-9_-]", "_", name.lstrip("-.")) or "_"
    return (found if re.match(r"[A-Za-z_]", found) else f"_{found}")[:MAX_NAME_LENGTH]


def _parameter(written: Json, at: str, notes: list[str], *, grid: bool) -> dict[str, Any]:
    space = part(written, "feasibleSpace", at)
    match written.get("parameterType"):
        case "double" | "int" as kind:
            step = _number(space, "step", at) if space.get("step") else None
            if kind == "int" and step is None:
                step = Decimal(1)
            found = Range(_number(space, "min", at), _number(space, "max", at), step)
            if found.step is not None and found.step <= 0:
                raise FileError(f"{at}: step is {found.step}: it must be above 0")
            return _range(found, "" if grid else space.get("distribution") or "", at, notes)
        case "categorical":
            return {"values": _listed(space, at)}
        case "discrete":
            return {"values": [_as_number(each) for each in _listed(space, at)]}
        case other:
            raise FileError(
                f"{at}: parameterType {other} is none of double, int, categorical and discrete"
            )


def _range(found: Range, distribution: str, at: str, notes: list[str]) -> dict[str, Any]:
    if found.low == found.high:
        return {"value": _plain(found.low)}
    if distribution in _UNIFORM:
        return _uniform(found, at, notes)
    step = {} if found.step is None else {"q": _plain(found.step)}
    quantized = "q_" if step else ""
    if distribution == "logUniform":
        return {"distribution": f"{quantized}log_uniform_values", **found.bounds, **step}
    if distribution == "normal":
        middle, width = (found.low + found.high) / 2, found.high - found.low
        bell = {"mu": _plain(middle), "sigma": float(width / SIGMAS)}
        return {"distribution": f"{quantized}normal", **bell, **step}
    if distribution == "logNormal":
        if found.low <= 0 or found.high <= 0:
            raise FileError(f"{at}: logNormal needs min and max above 0")
        low, high = log(found.low), log(found.high)
        bell = {"mu": (low + high) / 2, "sigma": (high - low) / SIGMAS}
        return {"distribution": f"{quantized}log_normal", **bell, **step}
    raise FileError(f"{at}: distribution {distribution} is none of Katib's")


def _uniform(found: Range, at: str, notes: list[str]) -> dict[str, Any]:
    if found.step is None:
        return {"distribution": "uniform", **found.bounds}
    if found.step == 1 and _is_whole(found.low) and _is_whole(found.high):
        return {"distribution": "int_uniform", **found.bounds}
    if found.low % found.step != 0:
        # Katib counts steps from min, a q_ distribution from 0.
        count = int((found.high - found.low) // found.step) + 1
        if count <= MAX_VALUES:
            return {"values": [_plain(found.low + k * found.step) for k in range(count)]}
        notes.append(f"{at}: its steps are counted from 0 here, and not from min")
    return {"distribution": "q_uniform", **found.bounds, "q": _plain(found.step)}


def _listed(space: Json, at: str) -> list[Any]:
    found = space.get("list")
    if not isinstance(found, list) or not found:
        raise FileError(f"{at}: feasibleSpace has no list")
    return list(found)


def _number(space: Json, field: str, at: str) -> Decimal:
    try:
        found = Decimal(str(space.get(field)))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise FileError(f"{at}: feasibleSpace.{field} is no number: {space.get(field)}")
    return found


def _as_number(told: Any) -> Any:
    """A discrete value, whose order a search can use once it is a number."""
    try:
        found = Decimal(str(told))
    except InvalidOperation:
        return told
    return _plain(found) if found.is_finite() else told


def _is_whole(number: Decimal) -> bool:
    return number == number.to_integral_value()


def _plain(number: Decimal) -> int | float:
    return int(number) if _is_whole(number) else float(number)
