"""A Sweep's status as it is written: counts, best run, phase and conditions."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sweep_operator.api.names import LABEL_SWEEP_UID
from sweep_operator.api.run import RunPhase
from sweep_operator.api.sweep import SweepPhase
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.phase import complete, phase
from sweep_operator.planning.refusal import Stall
from sweep_operator.planning.sweep import Intent

Json = Mapping[str, Any]


class Condition(NamedTuple):
    """A condition without its time."""

    type: str
    status: bool
    reason: str
    message: str


TRANSIENT = frozenset({"PodsNotStarting"})
"""Conditions that are shown only once they have been true: most sweeps never see them."""


def sweep_status(
    intent: Intent, ledger: Ledger, stall: Stall | None, previous: Json, now: str
) -> dict[str, Any]:
    """Build the status of a sweep whose spec can be run.

    Args:
        intent: what is wanted.
        ledger: its runs.
        stall: what keeps it from going on, if anything does.
        previous: the status as last written.
        now: RFC 3339 time for what changes now.
    """
    current = phase(intent.spec.state, intent.limit, ledger, stall)
    done = complete(current, ledger)
    status: dict[str, Any] = {
        "phase": current.value,
        "observedGeneration": intent.generation,
        "runs": {phase.value.lower(): ledger.counts[phase] for phase in RunPhase},
        "active": len(ledger.active),
        "lastNumber": ledger.last_number,
        "selector": f"{LABEL_SWEEP_UID}={intent.uid}",
        "startTime": previous.get("startTime", now),
        "conditions": conditions_with_times(
            _conditions(intent, ledger, stall, current, done=done),
            previous.get("conditions", ()),
            now,
        ),
    }
    if done:
        status["completionTime"] = previous.get("completionTime", now)
    if ledger.best is not None:
        run = ledger.runs[ledger.best.number]
        status["best"] = {
            "run": f"{intent.name}-{run.number}",
            "number": run.number,
            "value": ledger.best.value,
            "parameters": json.loads(run.parameters),
        }
    return status


def invalid_status(stall: Stall, generation: int, previous: Json, now: str) -> dict[str, Any]:
    """Build the status of a sweep whose spec can't be run; what its runs say stays."""
    told = [
        Condition("Ready", False, stall.reason, stall.message),
        Condition("Stalled", True, stall.reason, stall.message),
    ]
    return dict(previous) | {
        "phase": SweepPhase.CRASHED.value,
        "observedGeneration": generation,
        "conditions": conditions_with_times(told, previous.get("conditions", ()), now),
    }


def _conditions(
    intent: Intent, ledger: Ledger, stall: Stall | None, current: SweepPhase, *, done: bool
) -> list[Condition]:
    not_starting = _pods_not_starting(ledger)
    sentence = _sentence(intent, ledger, current)
    hindrance = (stall.reason, stall.message) if stall else None
    if hindrance is None and not_starting.status:
        hindrance = (not_starting.type, not_starting.message)
    return [
        Condition("Ready", hindrance is None, *(hindrance or (current.value, sentence))),
        Condition("Complete", done, current.value, sentence),
        Condition("Stalled", True, stall.reason, stall.message)
        if stall
        else Condition("Stalled", False, "NotStalled", "Nothing keeps the sweep from going on."),
        not_starting,
    ]


def _sentence(intent: Intent, ledger: Ledger, current: SweepPhase) -> str:
    active = len(ledger.active)
    made = f"{ledger.last_number} of {intent.limit}" if intent.limit else f"{ledger.last_number}"
    match current:
        case SweepPhase.FINISHED:
            reason = "cap" if intent.limit == intent.spec.run_cap else "end of the grid"
            return f"The {reason} of {intent.limit} runs is reached and none is active."
        case SweepPhase.RUNNING | SweepPhase.CRASHED:
            return f"{made} runs made, at most {intent.spec.parallelism} at a time."
        case _:
            return f"No new runs are made; {made} made so far, {active} of them active."


def _pods_not_starting(ledger: Ledger) -> Condition:
    """True when runs are active and not one of them gets its pod going."""
    pending = [ledger.runs[n] for n in sorted(ledger.active) if ledger.runs[n].reason]
    stuck = [run for run in pending if run.phase is RunPhase.PENDING]
    if not stuck or len(stuck) < len(ledger.active):
        return Condition("PodsNotStarting", False, "PodsStart", "The pods of active runs start.")
    first = stuck[0]
    message = f"None of the {len(stuck)} active runs starts; run {first.number}: {first.reason}"
    return Condition("PodsNotStarting", True, first.reason, f"{message}: {first.message}")


def conditions_with_times(
    told: Sequence[Condition], previous: Sequence[Json], now: str
) -> list[dict[str, Any]]:
    """Write conditions out; one whose status is as before keeps the time of its last change."""
    before = {condition["type"]: condition for condition in previous}
    written = []
    for condition in told:
        old = before.get(condition.type)
        if old is None and condition.type in TRANSIENT and not condition.status:
            continue
        status = "True" if condition.status else "False"
        same = old is not None and old["status"] == status
        written.append(
            {
                "type": condition.type,
                "status": status,
                "reason": condition.reason,
                "message": condition.message[:1024],
                "lastTransitionTime": old["lastTransitionTime"] if old and same else now,
            }
        )
    return written
