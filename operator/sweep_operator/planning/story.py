"""What in a change of a Sweep's status is worth telling, and what can't wait to be written."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Json = Mapping[str, Any]


class Happening(NamedTuple):
    """Something worth an Event."""

    reason: str
    note: str
    warning: bool = False
    tally: bool = False
    """It is told with a total: the newest says all that those before it did."""


TROUBLES = ("Stalled", "PodsNotStarting", "SystematicFailures")
COMMANDED = ("Paused", "Stopped", "Cancelled")
BAD_PHASES = ("Failed", "Crashed")


def happenings(old: Json, new: Json, author: str = "") -> list[Happening]:
    """Tell what has happened between two statuses: failed runs, the phase, then what went wrong.

    Args:
        old: the status before, empty for none.
        new: the status now.
        author: who set spec.state, for a phase that follows from it.
    """
    told: list[Happening] = []
    before, now = _conditions(old), _conditions(new)
    total = new.get("runs", {}).get("failed", 0)
    if total > old.get("runs", {}).get("failed", 0):
        note = f"{total} run{'s have' if total > 1 else ' has'} failed so far."
        told.append(Happening("RunsFailed", note, warning=True, tally=True))
    if old.get("phase") != new["phase"]:
        note = now["Ready"]["message"]
        if author and (new["phase"] in COMMANDED or old.get("phase") in COMMANDED):
            note = f"spec.state was set by {author}. {note}"
        told.append(Happening(new["phase"], note, new["phase"] in BAD_PHASES))
    for name in TROUBLES:
        was, is_now = _is_true(before, name), _is_true(now, name)
        if is_now and (not was or before[name]["reason"] != now[name]["reason"]):
            told.append(Happening(now[name]["reason"], now[name]["message"], warning=True))
        elif was and not is_now:
            told.append(Happening(f"{name}Over", "What kept the sweep from going on is gone."))
    return told


def reruns(count: int) -> Happening:
    """Tell that so many runs are run again."""
    runs = "1 run is" if count == 1 else f"{count} runs are"
    return Happening("RunsRerun", f"{runs} run again by request.")


def pressing(old: Json, new: Json) -> bool:
    """Whether a change is more than counts, the best run and words."""
    return _essence(old) != _essence(new)


def _essence(status: Json) -> object:
    conditions = [
        (name, condition["status"], condition["reason"])
        for name, condition in sorted(_conditions(status).items())
    ]
    return status.get("phase"), status.get("observedGeneration"), conditions


def _conditions(status: Json) -> dict[str, Json]:
    return {condition["type"]: condition for condition in status.get("conditions") or ()}


def _is_true(conditions: Mapping[str, Json], name: str) -> bool:
    return name in conditions and conditions[name]["status"] == "True"
