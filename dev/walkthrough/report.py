"""A sweep's progress and results as text. Pure: objects in, lines out."""

from collections.abc import Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]

ENDED = frozenset({"Finished", "Failed", "Crashed", "Stopped", "Cancelled"})
TROUBLES = ("Stalled", "PodsNotStarting", "SystematicFailures")
PHASES = ("pending", "running", "finished", "failed", "crashed", "killed")


def progress(sweep: Json) -> str:
    """One line: the phase, the runs in each of theirs, the best so far."""
    status = sweep.get("status") or {}
    counts = status.get("runs") or {}
    runs = ", ".join(f"{counts[phase]} {phase}" for phase in PHASES if counts.get(phase))
    cap = sweep["spec"].get("runCap")
    of = f" of {cap}" if cap else ""
    best = status.get("best")
    metric = sweep["spec"].get("metric", {}).get("name", "value")
    found = f"; best {metric} {best['value']} (run {best['number']})" if best else ""
    return f"{status.get('phase', 'not seen yet')}: {runs or 'no runs'}{of}{found}"


def troubles(sweep: Json) -> list[str]:
    """What the sweep's conditions complain of."""
    conditions = (sweep.get("status") or {}).get("conditions") or ()
    return [
        f"{condition['type']}: {condition.get('message') or condition.get('reason')}"
        for condition in conditions
        if condition["type"] in TROUBLES and condition["status"] == "True"
    ]


def table(sweep: Json, runs: Sequence[Json]) -> str:
    """The runs, best first, with their parameters."""
    metric = sweep["spec"].get("metric", {"name": "value", "goal": "maximize"})
    names = sorted(sweep["spec"]["parameters"])
    sign = -1 if metric["goal"] == "maximize" else 1

    def rank(run: Json) -> tuple[bool, float, int]:
        value = _status(run).get("value")
        return value is None, sign * (value or 0.0), run["spec"]["number"]

    rows = [("RUN", "STATUS", metric["name"].upper(), *(name.upper() for name in names))]
    for run in sorted(runs, key=rank):
        status, parameters = _status(run), run["spec"]["parameters"]
        rows.append(
            (
                str(run["spec"]["number"]),
                status.get("phase", "Pending"),
                _text(status.get("value")),
                *(_text(parameters.get(name)) for name in names),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def best(sweep: Json) -> str:
    """The best run's value and parameters."""
    found = (sweep.get("status") or {}).get("best")
    if not found:
        return "no run reported the metric"
    parameters = ", ".join(f"{k}={_text(v)}" for k, v in sorted(found["parameters"].items()))
    metric = sweep["spec"].get("metric", {}).get("name", "value")
    return f"best {metric} {_text(found['value'])} by run {found['number']}: {parameters}"


def _status(run: Json) -> Json:
    status: Json = run.get("status") or {}
    return status


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
