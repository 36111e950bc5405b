"""What one sweep may learn from the records of others."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sweep_operator.api.objective import Goal, Metric
from sweep_operator.planning.refusal import Stall
from sweep_operator.search.method import Observation


def why_no_teacher(metric: Metric, spec: Mapping[str, Any]) -> str:
    """Why a sweep with another spec, as stored, teaches nothing of a metric; empty if it may."""
    theirs = spec.get("metric")
    if not theirs:
        return "it has no metric"
    if theirs["name"] != metric.name:
        return f"its metric is {theirs['name']}, not {metric.name}"
    goal = theirs.get("goal", Goal.MINIMIZE)
    return "" if goal == metric.goal else f"its goal is to {goal} the metric"


def foreign(observations: Sequence[Observation]) -> list[Observation]:
    """Observations of other sweeps, numbered so that they come before all of one's own."""
    first = 1 - len(observations)
    return [replace(each, number=number) for number, each in enumerate(observations, first)]


def stall_of_missing(name: str) -> Stall:
    """Say that a sweep to learn from isn't there."""
    return Stall(
        "WarmStartMissing",
        f"spec.warmStart.sweeps: there is no Sweep {name} in this namespace: apply it first, or"
        " apply this one anew without it. It is looked for again by itself.",
        for_good=False,
    )
