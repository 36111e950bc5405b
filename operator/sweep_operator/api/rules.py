"""The CEL rules of the CRDs: what the API server itself refuses, and the sentence it says.

Behaviour as data: a rule stands at the path of what it looks at. CEL sees declared fields alone, so
nothing here looks at `value` and `values` or at a container's image: the models check those, and
everything here once more, for a Sweep that comes from a file.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sweep_operator.api.names import MAX_SWEEP_NAME
from sweep_operator.api.objective import (
    ETA,
    NO_BRACKETS,
    ONE_WAY,
    OWN_FIELDS,
    S_WITH_MAX_ITER,
    EarlyTerminateType,
    belongs,
)
from sweep_operator.api.parameters import (
    EXPONENTS,
    FORMS,
    GRID,
    LOG_SCALE,
    MAX_EXPONENT,
    MAX_NAME_LENGTH,
    MAX_WHOLE,
    NAME_MESSAGE,
    NAME_PATTERN,
    PROBABILITY_TOLERANCE,
    Distribution,
)
from sweep_operator.api.policy import MIN_UNREACHABLE_AFTER
from sweep_operator.api.sweep import (
    LEARNING,
    LEARNING_NEEDED,
    METRIC_NEEDED,
    METRIC_TO_LEARN,
    MIN_FINISHED_JOB_TTL,
    MIN_PENDING_TIMEOUT,
    OWN_NAME,
    SHUFFLE_NEEDS_GRID,
    VALUE_GROUP,
    VALUE_GROUP_NEEDED,
)
from sweep_operator.api.template import CONTROLLED_IN_JOB, CONTROLLED_IN_POD, Controlled

FORBIDDEN: Final = "FieldValueForbidden"
"""The reason for what may not be written at all, whatever its value."""


@dataclass(frozen=True)
class Rule:
    """One item of x-kubernetes-validations."""

    rule: str
    """CEL; true for what is right."""
    message: str
    expression: str = ""
    """CEL that makes a message with names or numbers in it; `message` is used if it fails."""
    field: str = ""
    """The field to point at, below the path of the rule."""
    reason: str = ""

    def rendered(self) -> dict[str, str]:
        """This rule as the CRD writes it."""
        written = {
            "rule": self.rule,
            "message": self.message,
            "messageExpression": self.expression,
            "fieldPath": f".{self.field}" if self.field else "",
            "reason": self.reason,
        }
        return {key: value for key, value in written.items() if value}


def _any(*fields: str) -> str:
    return "(" + " || ".join(f"has(self.{field})" for field in fields) + ")"


def _one_of(distributions: Collection[Distribution]) -> str:
    """A CEL list, in the order of the enumeration."""
    return "[" + ", ".join(f"'{name}'" for name in Distribution if name in distributions) + "]"


def _listed(distributions: Collection[Distribution]) -> str:
    names = [name.value for name in Distribution if name in distributions]
    return ", ".join(names[:-1]) + " or " + names[-1]


def _taking(field: str) -> list[Distribution]:
    return [name for name, form in FORMS.items() if field in form.required | form.optional]


def _is(distributions: Collection[Distribution]) -> str:
    return f"(has(self.distribution) && self.distribution in {_one_of(distributions)})"


def _whole(field: str) -> str:
    """True for a whole number. Beyond 2^53 all doubles are, and int() would fail on the largest."""
    limit = f"{MAX_WHOLE}.0"
    return f"({field} >= {limit} || {field} <= -{limit} || double(int({field})) == {field})"


def _small(field: str, limit: int) -> str:
    return f"self.{field} >= -{limit}.0 && self.{field} <= {limit}.0"


def _goes_with(fields: tuple[str, ...], example: str) -> Rule:
    distributions = _taking(fields[0])
    verb = "go" if len(fields) > 1 else "goes"
    return Rule(
        f"!{_any(*fields)} || {_is(distributions)}",
        f"{' and '.join(fields)} {verb} with distribution {_listed(distributions)}: write one of "
        f"them (for example distribution: {example})",
    )


_RANGES: Final = _taking("min")

PARAMETER: Final = (
    Rule(
        "has(self.min) == has(self.max)",
        "min and max go together: write both",
    ),
    Rule(
        f"!has(self.min) || !has(self.distribution) || self.distribution in {_one_of(_RANGES)}",
        f"min and max go with distribution {_listed(_RANGES)}: write one of them, or remove min "
        "and max",
        field="distribution",
    ),
    Rule(
        f"!{_is(_RANGES)} || has(self.min)",
        "this distribution needs min and max: write both",
        expression="'distribution ' + self.distribution + ' needs min and max: write both'",
    ),
    Rule(
        f"!has(self.min) || !has(self.max) || {_any('distribution', 'q')} || "
        f"!({_whole('self.min')} && {_whole('self.max')})",
        "min and max are whole numbers, and 1.0 arrives here as 1: write distribution: int_uniform "
        "or uniform",
        field="distribution",
    ),
    Rule(
        "!has(self.min) || !has(self.max) || self.min < self.max",
        "min must be below max: for a single value write value",
        field="min",
    ),
    Rule(
        f"!{_is([Distribution.INT_UNIFORM])} || !has(self.min) || !has(self.max) || "
        f"({_small('min', MAX_WHOLE)} && {_whole('self.min')} && "
        f"{_small('max', MAX_WHOLE)} && {_whole('self.max')})",
        "int_uniform needs whole numbers of at most 2^53 for min and max: round them, or write "
        "distribution: uniform",
    ),
    Rule(
        f"!{_is(LOG_SCALE)} || !has(self.min) || self.min > 0.0",
        "this distribution needs min above 0: 0 has no logarithm",
        expression="'distribution ' + self.distribution + ' needs min above 0: 0 has no logarithm'",
        field="min",
    ),
    Rule(
        f"!{_is(EXPONENTS)} || !has(self.min) || !has(self.max) || "
        f"({_small('min', MAX_EXPONENT)} && {_small('max', MAX_EXPONENT)})",
        "min and max are exponents of e in this distribution, and these are out of reach",
        expression="'min and max are exponents of e in ' + self.distribution + ', and these are "
        "out of reach: for a range of values write distribution: ' + self.distribution + '_values'",
    ),
    _goes_with(("mu", "sigma"), "normal"),
    _goes_with(("a", "b"), "beta"),
    _goes_with(("q",), "q_uniform"),
    Rule(
        "!has(self.probabilities) || !has(self.distribution) || "
        "self.distribution == 'categorical_w_probabilities'",
        "probabilities go with values and distribution: categorical_w_probabilities: write that, "
        "or leave distribution out",
        field="distribution",
    ),
    Rule(
        f"!has(self.probabilities) || !{_any('min', 'max', 'q', 'mu', 'sigma', 'a', 'b')}",
        "probabilities go with values alone: remove them or the other fields",
        field="probabilities",
    ),
    Rule(
        f"!{_is([Distribution.CATEGORICAL_W_PROBABILITIES])} || has(self.probabilities)",
        "distribution categorical_w_probabilities needs probabilities: write one for each value",
    ),
    Rule(
        "!has(self.probabilities) || "
        f"(self.probabilities.sum() >= {1 - PROBABILITY_TOLERANCE} && "
        f"self.probabilities.sum() <= {1 + PROBABILITY_TOLERANCE})",
        "the probabilities must sum to 1",
        field="probabilities",
    ),
)
"""For each parameter, nested or not."""

_ALL_BUT_PARAMETERS: Final = (
    "probabilities",
    "min",
    "max",
    "distribution",
    "q",
    "mu",
    "sigma",
    "a",
    "b",
)

NESTING: Final = (
    Rule(
        f"!has(self.parameters) || !{_any(*_ALL_BUT_PARAMETERS)}",
        "parameters can't go with other fields: move those into a parameter of their own",
        field="parameters",
    ),
)
"""For a parameter that may have parameters of its own."""

_MISNAMED: Final = f"!name.matches('{NAME_PATTERN}') || name.size() > {MAX_NAME_LENGTH}"

NAMES: Final = (
    Rule(
        f"!self.exists(name, {_MISNAMED})",
        NAME_MESSAGE,
        expression=f'self.filter(name, {_MISNAMED})[0] + ": {NAME_MESSAGE}"',
    ),
)
"""For each map of parameters."""


def _not_in_grid(of: str) -> str:
    return (
        f"(has({of}.distribution) ? !({of}.distribution in {_one_of(GRID)}) : "
        f"(has({of}.min) || has({of}.probabilities)))"
    )


_NOT_IN_GRID: Final = (
    f"{_not_in_grid('self.parameters[name]')} || (has(self.parameters[name].parameters) && "
    "self.parameters[name].parameters.exists(nested, "
    f"{_not_in_grid('self.parameters[name].parameters[nested]')}))"
)

_MUTABLE_HINT: Final = (
    "Create a Sweep of another name; state, parallelism, runCap, metric.target, "
    "failurePolicy, rerunFailed, preemption, pendingTimeout and finishedJobTTL may change"
)


_OTHER_SEARCH: Final = "it would be another search"


def _immutable(field: str, why: str = _OTHER_SEARCH) -> Rule:
    return Rule(
        f"has(self.{field}) == has(oldSelf.{field}) && "
        f"(!has(self.{field}) || self.{field} == oldSelf.{field})",
        f"{field} can't change: {why}. {_MUTABLE_HINT}",
        field=field,
        reason=FORBIDDEN,
    )


IMMUTABLE: Final = (
    "method",
    "parameters",
    "constraints",
    "shuffle",
    "seed",
    "repeats",
    "warmStart",
    "earlyTerminate",
    "plateau",
    "logPattern",
    "command",
    "mainContainer",
    "template",
)
"""What makes a search the search it is."""

SPEC: Final = (
    *(_immutable(field) for field in IMMUTABLE),
    Rule(
        "has(self.metric) == has(oldSelf.metric) && (!has(self.metric) || "
        "self.metric.name == oldSelf.metric.name && self.metric.goal == oldSelf.metric.goal && "
        "self.metric.impute == oldSelf.metric.impute)",
        f"metric can't change, but for its target: {_OTHER_SEARCH}. {_MUTABLE_HINT}",
        field="metric",
        reason=FORBIDDEN,
    ),
    _immutable("cancelGracePeriodSeconds", "all runs of a sweep get the same"),
    Rule(
        f"self.method != 'grid' || !self.parameters.exists(name, {_NOT_IN_GRID})",
        "a grid can't go through a continuous parameter",
        expression="'a grid can\\'t go through ' + self.parameters.filter(name, "
        f"{_NOT_IN_GRID})[0] + ': write values without probabilities, or distribution: "
        "q_uniform or int_uniform with min and max, or method: random'",
        field="parameters",
    ),
    Rule(
        "!has(self.mainContainer) || self.template.spec.template.spec.containers.exists(container, "
        "container.name == self.mainContainer)",
        "this is no container of the template: write the name of one, or remove it",
        expression="self.mainContainer + ' is no container of the template: "
        "write ' + self.template.spec.template.spec.containers[0].name + ', or remove it'",
        field="mainContainer",
    ),
    Rule(
        "!has(self.shuffle) || !self.shuffle || self.method == 'grid'",
        SHUFFLE_NEEDS_GRID,
        field="shuffle",
    ),
    Rule("!has(self.earlyTerminate) || has(self.metric)", METRIC_NEEDED, field="earlyTerminate"),
    Rule("!has(self.plateau) || has(self.metric)", METRIC_NEEDED, field="plateau"),
    Rule(
        f"!(self.method in {[method.value for method in LEARNING]}) || has(self.metric)",
        f"this method {METRIC_TO_LEARN}",
        expression=f"self.method + ' {METRIC_TO_LEARN}'",
        field="method",
    ),
    Rule(
        f"!has(self.warmStart) || self.method in {[method.value for method in LEARNING]}",
        LEARNING_NEEDED,
        field="warmStart",
    ),
    Rule("!has(self.logPattern) || has(self.metric)", METRIC_NEEDED, field="logPattern"),
    Rule(
        "self.rerunFailed <= oldSelf.rerunFailed || !(self.state in ['Stopped', 'Cancelled'])",
        "rerunFailed can't be raised in a Stopped or Cancelled sweep, which starts no run any more:"
        " create a new Sweep (under another name, or delete this one first)",
        field="rerunFailed",
        reason=FORBIDDEN,
    ),
)

RERUN_FAILED: Final = (
    # Without a number in its words: to make text of one costs more than the API server allows.
    Rule(
        "self >= oldSelf",
        "can only be raised: it counts how often failed runs were asked for again, so write a "
        "higher number to run them once more, or leave it",
        reason=FORBIDDEN,
    ),
)

LOG_PATTERN: Final = (
    Rule(f"self.contains('{VALUE_GROUP}')", VALUE_GROUP_NEEDED),
    # An expression that is none is an error in the rule, whose words the API server adds.
    Rule("''.matches(self) || !''.matches(self)", "is no RE2 regular expression"),
)

_NO_HYPERBAND: Final = f"self.type != '{EarlyTerminateType.HYPERBAND}'"

EARLY_TERMINATE: Final = (
    *(
        Rule(f"self.type == '{rule}' || !has(self.{name})", belongs(name), field=name)
        for name, rule in OWN_FIELDS.items()
    ),
    Rule(f"{_NO_HYPERBAND} || has(self.minIter) != has(self.maxIter)", ONE_WAY),
    Rule(f"{_NO_HYPERBAND} || has(self.s) == has(self.maxIter)", S_WITH_MAX_ITER, field="s"),
    Rule(
        f"!has(self.maxIter) || double(self.maxIter) >= (has(self.eta) ? self.eta : {ETA})",
        NO_BRACKETS,
        field="maxIter",
    ),
)

STATE: Final = (
    Rule(
        "oldSelf != 'Cancelled' || self == 'Cancelled'",
        "a cancelled sweep doesn't go on: create a new Sweep (under another name, or delete this "
        "one first)",
        reason=FORBIDDEN,
    ),
    Rule(
        "oldSelf != 'Stopped' || self in ['Stopped', 'Cancelled']",
        "a stopped sweep doesn't go on, it can only be Cancelled: create a new Sweep (under "
        "another name, or delete this one first). To hold a sweep for a while, use Paused",
        reason=FORBIDDEN,
    ),
)

SWEEP: Final = (
    Rule(
        f"self.metadata.name.size() <= {MAX_SWEEP_NAME} && !self.metadata.name.contains('.')",
        f"metadata.name must be a DNS label of at most {MAX_SWEEP_NAME} characters, without dots: "
        "the names of runs and Jobs are made of it",
    ),
    Rule(
        "!has(self.spec.warmStart) || !(self.metadata.name in self.spec.warmStart.sweeps)",
        OWN_NAME,
        field="spec.warmStart.sweeps",
    ),
)


def _at_least(seconds: float) -> tuple[Rule, ...]:
    return (Rule(f"self >= duration('{seconds:g}s')", f"must be at least {seconds:g}s"),)


def _left_to_the_operator(field: Controlled) -> Rule:
    rule = f"!has(self.{field.name})"
    if field.allowed is not None:
        rule += f" || self.{field.name} == {field.allowed}"
    return Rule(rule, field.message, field=field.name, reason=FORBIDDEN)


POD: Final = (
    *map(_left_to_the_operator, CONTROLLED_IN_POD),
    Rule(
        "self.containers.size() <= 1",
        "each container would decide the run: keep the one that runs the program, and move the "
        "others to initContainers with restartPolicy: Always",
        field="containers",
    ),
)

_RUN_SPEC_MESSAGE: Final = (
    "a run's spec can't change, but for attemptsRequested, which can only be raised: it records "
    "what the run was trained with"
)


def _requested(of: str) -> str:
    return f"(has({of}.attemptsRequested) ? {of}.attemptsRequested : 0)"


RUN_SPEC: Final = (
    # Parameters are of any type, so CEL can't look at them by themselves: only all of spec can be
    # compared, or all that is not them. What is left open, a change of parameters together with a
    # raise, is the policy's.
    Rule(
        f"self == oldSelf || {_requested('self')} > {_requested('oldSelf')} && "
        "self.sweep == oldSelf.sweep && self.number == oldSelf.number",
        _RUN_SPEC_MESSAGE,
        reason=FORBIDDEN,
    ),
)

Rules = dict[str, tuple[Rule, ...]]
"""Rules by the path of what they look at; `*` stands for every value of a map."""

SWEEP_RULES: Final[Rules] = {
    "": SWEEP,
    "spec": SPEC,
    "spec.state": STATE,
    "spec.rerunFailed": RERUN_FAILED,
    "spec.logPattern": LOG_PATTERN,
    "spec.earlyTerminate": EARLY_TERMINATE,
    "spec.pendingTimeout": _at_least(MIN_PENDING_TIMEOUT),
    "spec.finishedJobTTL": _at_least(MIN_FINISHED_JOB_TTL),
    "spec.preemption.unreachableAfter": _at_least(MIN_UNREACHABLE_AFTER),
    "spec.parameters": NAMES,
    "spec.parameters.*": (*NESTING, *PARAMETER),
    "spec.parameters.*.parameters": NAMES,
    "spec.parameters.*.parameters.*": PARAMETER,
    "spec.template.spec": tuple(map(_left_to_the_operator, CONTROLLED_IN_JOB)),
    "spec.template.spec.template.spec": POD,
}

RUN_RULES: Final[Rules] = {"spec": RUN_SPEC}


def put(rules: Rules, schema: dict[str, Any]) -> None:
    """Add rules to a schema, each at its path; a path that leads nowhere is an error."""
    for path, found in rules.items():
        node = schema
        for step in path.split(".") if path else ():
            node = node["additionalProperties"] if step == "*" else node["properties"][step]
        node["x-kubernetes-validations"] = [rule.rendered() for rule in found]
