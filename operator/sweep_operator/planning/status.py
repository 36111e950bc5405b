"""A Sweep's status as it is written: counts, best run, phase and conditions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sweep_operator.api.names import LABEL_SWEEP_UID, run_name
from sweep_operator.api.objective import Plateau
from sweep_operator.api.run import RunPhase
from sweep_operator.api.sweep import EndReason, SweepPhase, SweepState
from sweep_operator.planning.ledger import SYSTEMATIC, Ledger
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


COUNTS = {phase: phase.value.lower() for phase in RunPhase}
"""What status.runs calls the runs of each phase."""

TRANSIENT = frozenset({"Failed", "PodsNotStarting", "SystematicFailures"})
"""Conditions that are shown only once they have been true: most sweeps never see them."""


def sweep_status(
    intent: Intent,
    ledger: Ledger,
    stall: Stall | None,
    pods_left: int,
    previous: Json,
    now: str,
) -> dict[str, Any]:
    """Build the status of a sweep whose spec can be run.

    Args:
        intent: what is wanted.
        ledger: its runs.
        stall: what keeps it from going on, if anything does.
        pods_left: pods of a cancelled sweep that aren't known to be gone.
        previous: the status as last written.
        now: RFC 3339 time for what changes now.
    """
    regime = intent.regime(ledger)
    current = phase(regime, intent.limit, ledger, stall, _phase_at_rest(previous))
    done = complete(current, regime, ledger) and not pods_left
    story = _Story(intent, ledger, current, pods_left)
    status: dict[str, Any] = {
        "phase": current.value,
        "observedGeneration": intent.generation,
        "runs": {name: ledger.counts[phase] for phase, name in COUNTS.items()},
        "active": len(ledger.active),
        "lastNumber": ledger.last_number,
        "selector": f"{LABEL_SWEEP_UID}={intent.uid}",
        "startTime": previous.get("startTime", now),
        "conditions": conditions_with_times(
            story.conditions(stall, done=done), previous.get("conditions", ()), now
        ),
    }
    # Once on record it stays, while lost runs are run again too: what they bring moves no end.
    if regime.reached and (current is SweepPhase.FINISHED or ledger.end_reason is not None):
        status["endReason"] = regime.reached.value
    if done:
        status["completionTime"] = previous.get("completionTime", now)
    if ledger.best is not None:
        run = ledger.runs[ledger.best.number]
        status["best"] = {
            "run": run_name(intent.name, run.number),
            "number": run.number,
            "value": ledger.best.value,
            "parameters": json.loads(run.parameters),
        }
    return status


def _phase_at_rest(previous: Json) -> str:
    """The phase as last written; empty for Failed with runs still active, which obeys edits."""
    failed = previous.get("phase") == SweepPhase.FAILED
    conditions = previous.get("conditions", ())
    at_rest = any(each["type"] == "Failed" and each["status"] == "True" for each in conditions)
    return "" if failed and not at_rest else str(previous.get("phase", ""))


def invalid_status(stall: Stall, sweep: Json, now: str) -> dict[str, Any]:
    """Build the status of a sweep whose spec can't be run; what its runs say stays.

    It is Crashed only while it is meant to run. Stopped or Cancelled, it is at its end.
    """
    previous: Json = sweep.get("status") or {}
    state = SweepState(sweep["spec"].get("state", SweepState.RUNNING))
    running = state is SweepState.RUNNING
    current = SweepPhase.CRASHED if running else SweepPhase(state.value)
    done = state in (SweepState.STOPPED, SweepState.CANCELLED)
    told = [
        Condition("Ready", False, stall.reason, stall.message),
        Condition("Complete", done, current.value, "The spec can't be run: no runs are made."),
        Condition("Stalled", True, stall.reason, stall.message),
    ]
    return dict(previous) | {
        "phase": current.value,
        "observedGeneration": sweep["metadata"].get("generation", 0),
        "conditions": conditions_with_times(told, previous.get("conditions", ()), now),
    }


@dataclass(frozen=True)
class _Story:
    """What a sweep's conditions say."""

    intent: Intent
    ledger: Ledger
    phase: SweepPhase
    pods_left: int

    def conditions(self, stall: Stall | None, *, done: bool) -> list[Condition]:
        failed = self.phase is SweepPhase.FAILED
        sentence = self.sentence()
        not_starting, failing = self.pods_not_starting(), self.systematic_failures()
        hindrance = (stall.reason, stall.message) if stall else None
        if hindrance is None and not_starting.status:
            hindrance = (not_starting.type, not_starting.message)
        if hindrance is None and failed:
            hindrance = (self.phase.value, sentence)
        return [
            Condition("Ready", hindrance is None, *(hindrance or (self.phase.value, sentence))),
            Condition("Complete", done and not failed, self.phase.value, sentence),
            Condition("Failed", done and failed, self.phase.value, sentence),
            Condition("Stalled", True, stall.reason, stall.message)
            if stall
            else Condition(
                "Stalled", False, "NotStalled", "Nothing keeps the sweep from going on."
            ),
            not_starting,
            failing,
        ]

    def sentence(self) -> str:
        """Where the sweep stands, for a person."""
        intent, ledger = self.intent, self.ledger
        active = len(ledger.active)
        limit = f" of {intent.limit}" if intent.limit else ""
        made = f"{ledger.last_number}{limit} runs made"
        match self.phase:
            case SweepPhase.FINISHED if reached := intent.regime(ledger).reached:
                return f"{_far_enough(reached, intent.spec.plateau)}; {made}, none is active."
            case SweepPhase.FINISHED:
                reason = "cap" if intent.limit == intent.spec.run_cap else "end of the grid"
                return f"The {reason} of {intent.limit} runs is reached and none is active."
            case SweepPhase.FAILED:
                failed = ledger.counts[RunPhase.FAILED]
                return (
                    f"{failed} runs have failed, as many as spec.failurePolicy.maxFailures allows:"
                    f" no new ones are made; {active} active. Raise it to go on."
                )
            case SweepPhase.PAUSED:
                held = len(ledger.waiting)
                return f"No new runs for now; {made}, {active} active, {held} held."
            case SweepPhase.STOPPED:
                return f"No new runs, active ones run to their end; {made}, {active} active."
            case SweepPhase.CANCELLED:
                left = f"; {self.pods_left} pods not confirmed gone" if self.pods_left else ""
                return f"No new runs, active ones are killed; {made}, {active} active{left}."
            case _:
                return f"{made}, at most {intent.spec.parallelism} at a time."

    def pods_not_starting(self) -> Condition:
        """True when runs are active and not one of them gets its pod going."""
        runs = [self.ledger.runs[number] for number in sorted(self.ledger.active)]
        stuck = [run for run in runs if run.phase is RunPhase.PENDING and run.reason]
        if not stuck or len(stuck) < len(runs):
            return Condition(
                "PodsNotStarting", False, "PodsStart", "The pods of active runs start."
            )
        first = stuck[0]
        told = f"None of the {len(stuck)} active runs starts; run {first.number}: {first.reason}"
        return Condition("PodsNotStarting", True, first.reason, f"{told}: {first.message}")

    def systematic_failures(self) -> Condition:
        """True when the last few runs to end have all failed."""
        if not self.ledger.failing:
            return Condition("SystematicFailures", False, "NotSystematic", "Not all runs fail.")
        message = (
            f"The last {SYSTEMATIC} runs to end have all failed. The sweep goes on: look at"
            " their logs, and pause or cancel it if it is in vain."
        )
        return Condition("SystematicFailures", True, "LastRunsFailed", message)


def _far_enough(reached: EndReason, plateau: Plateau | None) -> str:
    """Why a sweep has ended before its cap."""
    if reached is EndReason.TARGET or plateau is None:
        return "The metric's target is reached"
    least = f" of more than {plateau.min_improvement:g}" if plateau.min_improvement else ""
    return f"No improvement{least} in the last {plateau.runs} runs"


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
