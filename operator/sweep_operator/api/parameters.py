"""One entry of spec.parameters: its forms, W&B's distributions, and what makes an entry wrong."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import fsum
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, JsonValue, model_validator

from sweep_operator.api.model import Model, Number

MAX_NAMES: Final = 64
"""Names in spec.parameters, and in each nested `parameters`: CEL's cost budget."""

MAX_VALUES: Final = 1000
"""Items of `values` and of `probabilities`: CEL's cost budget."""

MAX_NAME_LENGTH: Final = 63

MAX_CONDITIONS: Final = 8
"""Names in `when`."""

MAX_CONDITION_VALUES: Final = 100
"""Items of each list in `when`."""

MAX_WHOLE: Final = 2**53
"""Beyond it a double, which is what JSON's numbers are on the way, skips whole numbers."""

MAX_EXPONENT: Final = 700
"""e to the power of about 710 is no finite number any more."""

PROBABILITY_TOLERANCE: Final = 1e-5
"""How far from 1 the sum of `probabilities` may be: three times 0.333333 is meant as 1."""

NAME_PATTERN: Final = "^[A-Za-z_][A-Za-z0-9_-]*$"
"""W&B's pattern without the dot, which joins the names of nested parameters in arguments."""

NAME_MESSAGE: Final = (
    "a parameter's name starts with a letter or _ and has only letters, digits, _ and - "
    f"(at most {MAX_NAME_LENGTH}); for a dotted name write nested parameters: "
    "model: {parameters: {depth: ...}} reaches the program as model.depth"
)


class Distribution(StrEnum):
    """How values are drawn: W&B's distributions by W&B's names."""

    CONSTANT = "constant"
    CATEGORICAL = "categorical"
    CATEGORICAL_W_PROBABILITIES = "categorical_w_probabilities"
    INT_UNIFORM = "int_uniform"
    UNIFORM = "uniform"
    Q_UNIFORM = "q_uniform"
    LOG_UNIFORM_VALUES = "log_uniform_values"
    INV_LOG_UNIFORM_VALUES = "inv_log_uniform_values"
    Q_LOG_UNIFORM_VALUES = "q_log_uniform_values"
    LOG_UNIFORM = "log_uniform"
    INV_LOG_UNIFORM = "inv_log_uniform"
    Q_LOG_UNIFORM = "q_log_uniform"
    NORMAL = "normal"
    LOG_NORMAL = "log_normal"
    Q_NORMAL = "q_normal"
    Q_LOG_NORMAL = "q_log_normal"
    BETA = "beta"
    Q_BETA = "q_beta"


@dataclass(frozen=True)
class Form:
    """The fields that describe one kind of distribution, beside `distribution` itself."""

    required: frozenset[str]
    optional: frozenset[str] = frozenset()


_RANGE = frozenset({"min", "max"})
_BELL = frozenset({"mu", "sigma"})
_SHAPE = frozenset({"a", "b"})
_STEP = frozenset({"q"})

FORMS: Final[dict[Distribution, Form]] = {
    Distribution.CONSTANT: Form(frozenset({"value"})),
    Distribution.CATEGORICAL: Form(frozenset({"values"})),
    Distribution.CATEGORICAL_W_PROBABILITIES: Form(frozenset({"values", "probabilities"})),
    Distribution.INT_UNIFORM: Form(_RANGE),
    Distribution.UNIFORM: Form(_RANGE),
    Distribution.Q_UNIFORM: Form(_RANGE, _STEP),
    Distribution.LOG_UNIFORM_VALUES: Form(_RANGE),
    Distribution.INV_LOG_UNIFORM_VALUES: Form(_RANGE),
    Distribution.Q_LOG_UNIFORM_VALUES: Form(_RANGE, _STEP),
    Distribution.LOG_UNIFORM: Form(_RANGE),
    Distribution.INV_LOG_UNIFORM: Form(_RANGE),
    Distribution.Q_LOG_UNIFORM: Form(_RANGE, _STEP),
    Distribution.NORMAL: Form(frozenset(), _BELL),
    Distribution.LOG_NORMAL: Form(frozenset(), _BELL),
    Distribution.Q_NORMAL: Form(frozenset(), _BELL | _STEP),
    Distribution.Q_LOG_NORMAL: Form(frozenset(), _BELL | _STEP),
    Distribution.BETA: Form(frozenset(), _SHAPE),
    Distribution.Q_BETA: Form(frozenset(), _SHAPE | _STEP),
}

LOG_SCALE: Final = frozenset(
    {
        Distribution.LOG_UNIFORM_VALUES,
        Distribution.INV_LOG_UNIFORM_VALUES,
        Distribution.Q_LOG_UNIFORM_VALUES,
    }
)
"""min and max are values, and their logarithm is what is drawn."""

EXPONENTS: Final = frozenset(
    {Distribution.LOG_UNIFORM, Distribution.INV_LOG_UNIFORM, Distribution.Q_LOG_UNIFORM}
)
"""min and max are exponents of e: W&B's older spelling, often written by mistake."""

GRID: Final = frozenset(
    {
        Distribution.CONSTANT,
        Distribution.CATEGORICAL,
        Distribution.INT_UNIFORM,
        Distribution.Q_UNIFORM,
    }
)
"""What a grid can go through one by one, as in W&B."""


def _is_name(name: str) -> str:
    if "." in name:
        head, _, tail = name.partition(".")
        raise ValueError(
            f"a dot in a parameter's name can't be told from nesting: instead of {name} write "
            f"{head}: {{parameters: {{{tail}: ...}}}}, which reaches the program as {name}"
        )
    if len(name) > MAX_NAME_LENGTH or not re.fullmatch(NAME_PATTERN, name):
        raise ValueError(NAME_MESSAGE)
    return name


ParameterName = Annotated[str, AfterValidator(_is_name)]


class Parameter(Model):
    """Each parameter takes one of these forms:

    - value: 32 (the same in each run)
    - values: [16, 32] (one of them; with probabilities: [0.9, 0.1] if not all alike)
    - min: 0.1 and max: 0.9 (with a distribution if it isn't uniform)
    - distribution: normal with mu and sigma, or beta with a and b
    - parameters: {...} (names nested under this one)
    """

    value: Annotated[
        JsonValue,
        Field(
            description="The one value, any JSON: value: 32. For null write values: [null], "
            "because kubectl apply drops a field that is null."
        ),
    ] = None
    values: Annotated[
        list[JsonValue] | None,
        Field(
            min_length=1,
            max_length=MAX_VALUES,
            description="The choices, each any JSON: values: [adam, sgd].",
        ),
    ] = None
    probabilities: Annotated[
        list[Annotated[Number, Field(ge=0, le=1)]] | None,
        Field(
            min_length=1,
            max_length=MAX_VALUES,
            description="How likely each of values is, in their order; they sum to 1.",
        ),
    ] = None
    min: Annotated[
        Number | None,
        Field(
            description="The least value. Whole-number min and max need a distribution "
            "(int_uniform or uniform): 1.0 and 1 look the same to Kubernetes."
        ),
    ] = None
    max: Annotated[Number | None, Field(description="The greatest value.")] = None
    distribution: Annotated[
        Distribution | None,
        Field(
            description="How values are drawn, by W&B's names. If left out: constant for value, "
            "categorical for values, uniform for min and max with a fraction. For a learning rate: "
            "log_uniform_values with min: 0.0001 and max: 0.1. In log_uniform, inv_log_uniform and "
            "q_log_uniform min and max are exponents of e. In a grid: constant, categorical, "
            "int_uniform or q_uniform."
        ),
    ] = None
    q: Annotated[
        Number | None,
        Field(
            gt=0,
            description="The step of the q_ distributions: a multiple of q is drawn. Default 1.",
        ),
    ] = None
    mu: Annotated[
        Number | None,
        Field(
            description="The mean of normal and q_normal; of the logarithm for log_normal and "
            "q_log_normal. Default 0."
        ),
    ] = None
    sigma: Annotated[
        Number | None,
        Field(gt=0, description="The standard deviation that goes with mu. Default 1."),
    ] = None
    a: Annotated[
        Number | None, Field(gt=0, description="The first shape of beta and q_beta. Default 1.")
    ] = None
    b: Annotated[
        Number | None, Field(gt=0, description="The second shape of beta and q_beta. Default 1.")
    ] = None
    parameters: Annotated[
        dict[ParameterName, "Parameter"] | None,
        Field(
            min_length=1,
            max_length=MAX_NAMES,
            description="Parameters nested under this name, one level deep. The program gets them "
            "as an object in JSON and under dotted names in arguments: --optimizer.lr=0.1.",
        ),
    ] = None

    when: Annotated[
        dict[str, Annotated[list[JsonValue], Field(min_length=1, max_length=MAX_CONDITION_VALUES)]]
        | None,
        Field(
            min_length=1,
            max_length=MAX_CONDITIONS,
            description="It is there only in runs in which each parameter named has one of the "
            "values listed: when: {optimizer: [sgd, nesterov]}. Nested parameters have dotted "
            "names: when: {optimizer.name: [sgd]}. Those named have value or values.",
        ),
    ] = None

    @property
    def has_value(self) -> bool:
        """Whether `value` was written, though it be null."""
        return "value" in self.model_fields_set

    @property
    def written(self) -> frozenset[str]:
        """The fields that say what it may be: all that are not None, and `value` even so."""
        return frozenset(
            name
            for name in self.model_fields_set - {"when"}
            if name == "value" or getattr(self, name) is not None
        )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for rule in RULES:
            if problem := rule(self):
                raise ValueError(problem)
        return self


Rule = Callable[[Parameter], str | None]
"""One thing that may be wrong with a parameter: the sentence that says so, or None."""


def _nested_stands_alone(parameter: Parameter) -> str | None:
    others = sorted(parameter.written - {"parameters"})
    if parameter.parameters is None or not others:
        return None
    return f"parameters can't go with {', '.join(others)}: move them into a parameter of their own"


def _nested_once(parameter: Parameter) -> str | None:
    for name, nested in (parameter.parameters or {}).items():
        if nested.parameters is not None:
            return f"parameters nest one level deep: {name} may not have parameters of its own"
    return None


def _has_a_form(parameter: Parameter) -> str | None:
    written = parameter.written
    if written & {"value", "values", "min", "max", "distribution", "parameters"}:
        return None
    if written & _BELL:
        return "mu and sigma need a distribution: write distribution: normal (or log_normal ...)"
    if written & _SHAPE:
        return "a and b need a distribution: write distribution: beta (or q_beta)"
    if "probabilities" in written:
        return "probabilities need values, in the same order: write values: [...] too"
    return (
        "write value, values, min and max, a distribution, or parameters "
        "(kubectl apply drops value: null: write values: [null])"
    )


def _one_form(parameter: Parameter) -> str | None:
    present = [
        form
        for form, fields in (("value", {"value"}), ("values", {"values"}), ("min and max", _RANGE))
        if parameter.written & fields
    ]
    if len(present) <= 1:
        return None
    return f"has {' and also '.join(present)}: keep one of them"


def _range_is_whole(parameter: Parameter) -> str | None:
    match parameter.written & _RANGE:
        case fields if fields == {"min"}:
            return "min needs max: write max too"
        case fields if fields == {"max"}:
            return "max needs min: write min too"
    return None


def _range_is_no_guess(parameter: Parameter) -> str | None:
    low, high = parameter.min, parameter.max
    if low is None or high is None or parameter.distribution is not None:
        return None
    if "q" in parameter.written:
        return "q needs a distribution that takes steps: write distribution: q_uniform"
    if _is_whole(low) and _is_whole(high):
        return (
            f"min {low} and max {high} are whole numbers, and 1.0 arrives here as 1: "
            "write distribution: int_uniform or uniform"
        )
    return None


def _fits_distribution(parameter: Parameter) -> str | None:
    distribution = parameter.distribution or implied(parameter)
    if distribution is None:
        return None
    form = FORMS[distribution]
    written = parameter.written - {"distribution"}
    if missing := sorted(form.required - written):
        return f"distribution {distribution} needs {' and '.join(missing)}"
    if extra := sorted(written - form.required - form.optional):
        takes = ", ".join(sorted(form.required | form.optional))
        return f"distribution {distribution} doesn't take {', '.join(extra)}: it takes {takes}"
    return None


def _min_below_max(parameter: Parameter) -> str | None:
    low, high = parameter.min, parameter.max
    if low is None or high is None or low < high:
        return None
    return f"min must be below max, but {low} is not below {high}: for a single value write value"


def _int_is_whole(parameter: Parameter) -> str | None:
    if parameter.distribution is not Distribution.INT_UNIFORM:
        return None
    for name, bound in (("min", parameter.min), ("max", parameter.max)):
        if bound is not None and not (_is_whole(bound) and abs(bound) <= MAX_WHOLE):
            return (
                f"int_uniform needs a whole number of at most 2^53 for {name}, not {bound}: "
                "round it, or write distribution: uniform"
            )
    return None


def _log_scale_is_positive(parameter: Parameter) -> str | None:
    if parameter.distribution not in LOG_SCALE or parameter.min is None or parameter.min > 0:
        return None
    return f"{parameter.distribution} needs min above 0, not {parameter.min}: 0 has no logarithm"


def _exponents_are_small(parameter: Parameter) -> str | None:
    if parameter.distribution not in EXPONENTS:
        return None
    for name, bound in (("min", parameter.min), ("max", parameter.max)):
        if bound is not None and abs(bound) > MAX_EXPONENT:
            values = parameter.distribution.value + "_values"
            return (
                f"{name} is an exponent of e in {parameter.distribution}, and e^{bound} is out of "
                f"reach: for a range of values write distribution: {values}"
            )
    return None


def _values_differ(parameter: Parameter) -> str | None:
    seen: set[str] = set()
    for value in parameter.values or ():
        key = identity(value)
        if key in seen:
            written = json.dumps(value, ensure_ascii=False, sort_keys=True)
            return f"values has {written} twice: keep one (probabilities make one likelier)"
        seen.add(key)
    return None


def _probabilities_fit(parameter: Parameter) -> str | None:
    if parameter.probabilities is None or parameter.values is None:
        return None
    if len(parameter.probabilities) != len(parameter.values):
        return (
            f"{len(parameter.probabilities)} probabilities for {len(parameter.values)} values: "
            "write one for each value"
        )
    total = fsum(parameter.probabilities)
    if abs(total - 1) > PROBABILITY_TOLERANCE:
        return f"the probabilities sum to {total:g}: make them sum to 1"
    return None


RULES: Final[tuple[Rule, ...]] = (
    _nested_stands_alone,
    _nested_once,
    _has_a_form,
    _one_form,
    _range_is_whole,
    _range_is_no_guess,
    _fits_distribution,
    _min_below_max,
    _int_is_whole,
    _log_scale_is_positive,
    _exponents_are_small,
    _values_differ,
    _probabilities_fit,
)
"""In order: what a parameter is, then whether its numbers fit. The first that speaks is told."""


def grid_problem(parameter: Parameter) -> str | None:
    """Why a grid can't go through this parameter's values one by one, or None if it can."""
    distribution = parameter.distribution or implied(parameter)
    if distribution in GRID or parameter.parameters is not None:
        return None
    if distribution is Distribution.CATEGORICAL_W_PROBABILITIES:
        return "a grid runs every value once: leave out probabilities, or write method: random"
    return (
        f"a grid can't go through {distribution}: write values, or distribution: q_uniform or "
        "int_uniform with min and max, or method: random"
    )


def implied(parameter: Parameter) -> Distribution | None:
    """The distribution that the fields alone say; None for nested parameters."""
    written = parameter.written
    if "value" in written:
        return Distribution.CONSTANT
    if "values" in written:
        if "probabilities" in written:
            return Distribution.CATEGORICAL_W_PROBABILITIES
        return Distribution.CATEGORICAL
    if "min" in written:
        return Distribution.UNIFORM
    return None


def _is_whole(number: Number) -> bool:
    return float(number).is_integer()


def identity(value: JsonValue) -> str:
    """Equal for what JSON can't tell apart (1 and 1.0), different for true and 1."""
    match value:
        case bool() | None | str():
            return repr(value)
        case float() if value.is_integer():
            return repr(int(value))
        case int() | float():
            return repr(value)
        case list():
            return f"[{','.join(identity(item) for item in value)}]"
        case _:
            items = sorted(value.items())
            return f"{{{','.join(f'{name!r}:{identity(item)}' for name, item in items)}}}"
