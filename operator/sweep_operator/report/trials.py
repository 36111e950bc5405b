"""Runs as Optuna's trials: the same numbers, names, values and times, in Optuna's own terms.

A run's state is told by what Optuna's tools make of it: what may still become something waits or
runs, what has a value is complete, and what was stopped early is pruned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final, TypeGuard

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState
from pydantic import JsonValue, TypeAdapter, ValidationError

from sweep_operator.api.parameters import Parameter, ParameterName, identity
from sweep_operator.api.run import RunPhase
from sweep_operator.effects.observe import time_of
from sweep_operator.planning.facts import RunFacts
from sweep_operator.planning.points import Yardstick, told, yardstick_of
from sweep_operator.planning.regime import StopReason
from sweep_operator.report.axes import LOGARITHMIC, is_number
from sweep_operator.report.results import Json, flat, groups
from sweep_operator.report.words import text_of
from sweep_operator.search.distributions import GREATEST_U, Categorical, Constant, Quantized
from sweep_operator.search.space import Dimension, Space, SpaceError

MOST_CHOICES: Final = 24
"""Each trial brings all choices of its parameters along: there may be thousands of trials."""

SECONDS: Final = "seconds"
"""What is compared where the sweep has no metric: Optuna has no study without an objective."""

LONGEST_MESSAGE: Final = 240

_PARAMETERS: Final = TypeAdapter(dict[ParameterName, Parameter])

Choice = None | bool | int | float | str
Range = IntDistribution | FloatDistribution


@dataclass(frozen=True)
class _Choices:
    """Values of which each is one or another."""

    distribution: CategoricalDistribution
    by_identity: Mapping[str, Choice]

    @classmethod
    def of(cls, values: Sequence[JsonValue]) -> "_Choices":
        """As they are, if Optuna can tell them apart; as text otherwise: it takes true for 1."""
        distinct = {identity(value): value for value in values}
        kept = [each for each in distinct.values() if _is_plain(each)]
        if len(set(kept)) < len(distinct) or len(set(map(str, kept))) < len(distinct):
            texts = all(isinstance(each, str) for each in distinct.values())
            kept = [_text(each, quoted=not texts) for each in distinct.values()]
        return cls(CategoricalDistribution(kept), dict(zip(distinct, kept, strict=True)))


@dataclass(frozen=True)
class _Column:
    """One parameter: how its values are typed, and what they are among."""

    dimension: Dimension
    choices: _Choices | None = None
    range: Range | None = None
    """None for both where each trial brings its own."""

    @classmethod
    def of(cls, dimension: Dimension) -> "_Column":
        domain = dimension.domain
        if not isinstance(domain, Categorical):
            return cls(dimension, range=_range(dimension))
        if len(domain.values) <= MOST_CHOICES:
            return cls(dimension, choices=_Choices.of(domain.values))
        return cls(dimension, range=_span(domain.values))

    def place(self, value: JsonValue) -> tuple[Choice, BaseDistribution]:
        """A value as Optuna has it, and what it is among: itself, where it is none of these."""
        if self.choices is not None:
            found = identity(value)
            if found in self.choices.by_identity:
                return self.choices.by_identity[found], self.choices.distribution
        elif self.range is not None:
            typed = self.dimension.typed(value)
            if is_number(typed) and self.range.low <= typed <= self.range.high:
                return typed, self.range
        return _alone(value)


@dataclass(frozen=True)
class Trials:
    """How one sweep's runs become trials."""

    metric: str | None
    yardstick: Yardstick
    columns: Mapping[str, _Column]
    """By dotted names; those that are the same in all runs are left out."""
    constants: Mapping[str, JsonValue]
    groups: frozenset[str]

    @classmethod
    def of(cls, spec: Json) -> "Trials":
        """Take a Sweep's spec as it comes from the API server; it may be one that can't be run."""
        dimensions = _dimensions(spec)
        names = {".".join(each.path): each for each in dimensions}
        metric = spec.get("metric")
        return cls(
            metric["name"] if metric else None,
            yardstick_of(spec),
            {n: _Column.of(d) for n, d in names.items() if not isinstance(d.domain, Constant)},
            {n: d.domain.value for n, d in names.items() if isinstance(d.domain, Constant)},
            groups(spec),
        )

    @property
    def objective(self) -> str:
        """What is compared."""
        return SECONDS if self.metric is None else self.metric

    def trial(self, record: Json, facts: RunFacts, *, ways: bool = True) -> FrozenTrial:
        """A record as a trial.

        Args:
            record: the SweepRun.
            facts: what the operator makes of it.
            ways: whether a run that has ended keeps what it reported on its way.
        """
        status: Json = record.get("status") or {}
        parameters = {
            name: (self.columns[name].place if name in self.columns else _alone)(value)
            for name, value in flat(record["spec"]["parameters"], self.groups).items()
            if name not in self.constants
        }
        value = self._value(status, facts)
        state = _state(facts, value)
        return FrozenTrial(
            number=facts.number,
            trial_id=facts.number,
            state=state,
            value=value,
            datetime_start=_local(time_of(status.get("startTime"))),
            datetime_complete=_local(facts.ended) if state.is_finished() else None,
            params={name: value for name, (value, _) in parameters.items()},
            distributions={name: among for name, (_, among) in parameters.items()},
            user_attrs=self._attributes(status, facts),
            system_attrs={},
            intermediate_values={} if state.is_finished() and not ways else self._way(status),
        )

    def _value(self, status: Json, facts: RunFacts) -> float | None:
        if self.metric is not None:
            return told(facts)
        started = time_of(status.get("startTime"))
        if facts.phase is not RunPhase.FINISHED or started is None or facts.ended is None:
            return None
        return max(facts.ended - started, 0.0)

    def _way(self, status: Json) -> dict[int, float]:
        return {
            point["step"]: point["metrics"][self.metric]
            for point in status.get("history") or ()
            if self.metric in point.get("metrics", {})
        }

    def _attributes(self, status: Json, facts: RunFacts) -> dict[str, Any]:
        """The rest, under the names that `kubectl sweep export` has for it."""
        reported = {**(status.get("nonFinite") or {}), **(status.get("metrics") or {})}
        found = {
            "status": facts.phase.value,
            "reason": facts.reason,
            "message": (status.get("message") or "")[:LONGEST_MESSAGE],
            "attempts": status.get("attemptsMade", 0),
            "preemptions": facts.preemptions,
            **{f"metrics_{n}": each for n, each in reported.items() if n != self.metric},
        }
        if self.yardstick.repeats > 1:
            found["point"] = self.yardstick.point_of(facts.number)
        return {name: each for name, each in found.items() if each != ""}


def _state(facts: RunFacts, value: float | None) -> TrialState:
    if facts.phase is RunPhase.RUNNING:
        return TrialState.RUNNING
    if not facts.settled:  # a Crashed one that is attempted again, too
        return TrialState.WAITING
    if facts.phase is RunPhase.KILLED and facts.reason == StopReason.EARLY_TERMINATED:
        return TrialState.PRUNED
    return TrialState.FAIL if value is None else TrialState.COMPLETE


def _dimensions(spec: Json) -> Sequence[Dimension]:
    try:
        return Space.of(_PARAMETERS.validate_python(spec["parameters"])).dimensions
    except (ValidationError, SpaceError):
        return ()


def _range(dimension: Dimension) -> Range | None:
    """All that a number may be. Where that has no end, as far as a draw can come."""
    domain, log = dimension.domain, dimension.parameter.distribution in LOGARITHMIC
    least, greatest = domain.quantile(0.0), domain.quantile(GREATEST_U)
    if not is_number(least) or not is_number(greatest):
        return None
    if domain.bounds is not None:
        low, high = domain.bounds
        least = low if isfinite(low) and not (log and low <= 0) else least
        greatest = high if isfinite(high) else greatest
    log = log and least > 0
    least, greatest = dimension.typed(least), dimension.typed(greatest)
    step = domain.q if isinstance(domain, Quantized) and not log else None
    if isinstance(least, int) and isinstance(greatest, int):
        return IntDistribution(least, greatest, log, step=1 if step is None else int(step))
    if not isinstance(least, float) or not isinstance(greatest, float):
        return None
    return FloatDistribution(least, greatest, log, step)


def _span(values: Sequence[JsonValue]) -> Range | None:
    """From the least to the greatest of many numbers."""
    numbers = [each for each in values if is_number(each)]
    if len(numbers) < len(values):
        return None
    if all(float(each).is_integer() for each in numbers):
        return IntDistribution(int(min(numbers)), int(max(numbers)))
    return FloatDistribution(float(min(numbers)), float(max(numbers)))


def _alone(value: JsonValue) -> tuple[Choice, BaseDistribution]:
    """A value of which no more is known."""
    if isinstance(value, float):
        return value, FloatDistribution(value, value)
    if is_number(value):
        return value, IntDistribution(int(value), int(value))
    found = value if _is_plain(value) else _text(value, quoted=False)
    return found, CategoricalDistribution((found,))


def _is_plain(value: JsonValue) -> TypeGuard[Choice]:
    return value is None or isinstance(value, bool | int | float | str)


def _text(value: JsonValue, *, quoted: bool) -> str:
    return f'"{value}"' if quoted and isinstance(value, str) else text_of(value)


def _local(seconds: float | None) -> datetime | None:
    """This machine's time without its zone, as Optuna's own trials have it."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).astimezone().replace(tzinfo=None)
