"""Hyperband's decisions against W&B's: 500 sweeps' histories, drawn at random.

Ours are those of the operator itself: what programs send becomes records, the records an account,
and that is asked who has fallen behind.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from tests.bad_input.cases import merged
from tests.differential.spaces import EQUAL, UNEXPLAINED
from tests.unit.planning.facts import NOW, job, pod

from sweep_operator.api.objective import EarlyTerminate
from sweep_operator.effects.observe import run_facts
from sweep_operator.planning.early_termination import measure_of, rule_of
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.points import Yardstick
from sweep_operator.planning.record import report_status
from sweep_operator.planning.reports import read_reports

HISTORIES: Final = 500
METRIC: Final = "loss"

STRICT: Final = "strict left out is false, as W&B's documentation has it; its library fills in true"

Report = Mapping[str, Any]


@dataclass(frozen=True)
class History:
    """A sweep under way: its rule, and what each run has reported so far."""

    goal: str
    rule: Mapping[str, Any]
    """In W&B's spelling, which our models take too."""
    runs: tuple[tuple[str, tuple[Report, ...]], ...]
    """W&B's state of each run, and its reports in order."""

    def asked(self) -> dict[str, Any]:
        """As W&B's library wants it."""
        return {
            "config": {"metric": {"name": METRIC, "goal": self.goal}, "early_terminate": self.rule},
            "runs": [
                {"name": str(number), "state": state, "history": reports}
                for number, (state, reports) in enumerate(self.runs, start=1)
            ],
        }


def histories(random: Random) -> list[History]:
    """Sweeps under way."""
    return [_history(random) for _ in range(HISTORIES)]


def history_difference(history: History, theirs: list[str]) -> str:
    """Why W&B stops other runs."""
    ours = _stopped(history, history.rule)
    if ours == theirs:
        return f"{EQUAL}, {'some are' if ours else 'none is'} stopped"
    if (
        "strict" not in history.rule
        and _stopped(history, {**history.rule, "strict": True}) == theirs
    ):
        return STRICT
    return f"{UNEXPLAINED} {history}: {ours} and {theirs}"


def _stopped(history: History, rule: Mapping[str, Any]) -> list[str]:
    ledger = Ledger()
    ledger.judge_by(Yardstick(history.goal))
    for number, (_, reports) in enumerate(history.runs, start=1):
        ledger.put_run(run_facts(_record(history, number, reports)))
    asked = rule_of(EarlyTerminate.model_validate(rule))
    return [
        str(number)
        for number, (state, _) in enumerate(history.runs, start=1)
        if state == "running" and ledger.behind(ledger.runs[number], asked)
    ]


def _record(history: History, number: int, reports: tuple[Report, ...]) -> dict[str, Any]:
    """A run's record after its reports, some at a time, as a pod's are written."""
    spec = {"metric": {"name": METRIC, "goal": history.goal}, "earlyTerminate": history.rule}
    status: dict[str, Any] = {}
    for batch in _batches(reports, size=number + 1):
        read = read_reports(json.dumps(batch).encode())
        news = report_status(status, job(number), pod(number, started=NOW), read, measure_of(spec))
        status = merged(status, news)
    return {
        "metadata": {"uid": str(number)},
        "spec": {"number": number, "parameters": {}},
        "status": status,
    }


def _batches(reports: tuple[Report, ...], size: int) -> Iterator[list[dict[str, Any]]]:
    """Requests. Every second size of them says its steps, others leave the counting to us."""
    for start in range(0, len(reports), size):
        yield [
            {"metrics": report} | ({"step": step} if size % 2 else {})
            for step, report in enumerate(reports[start : start + size], start=start)
        ]


def _history(random: Random) -> History:
    runs = tuple(_run(random) for _ in range(random.randint(1, 12)))
    return History(random.choice(["minimize", "maximize"]), _rule(random), runs)


def _rule(random: Random) -> dict[str, Any]:
    eta = random.choice([1.2, 1.5, 2, 2.5, 3, 3.0, 4, 5])
    rule: dict[str, Any] = {"type": "hyperband"}
    if random.random() < 0.5:
        rule["min_iter"] = random.randint(1, 6)
    else:
        rule |= {"max_iter": random.randint(5, 81), "s": random.randint(1, 5)}
    if eta != 3 or random.random() < 0.5:
        rule["eta"] = eta
    if random.random() < 0.7:
        rule["strict"] = random.random() < 0.5
    return rule


def _run(random: Random) -> tuple[str, tuple[Report, ...]]:
    """A run that gets better, by steps so wide that runs are equal at times."""
    ended = random.choice(["finished", "failed", "crashed", "killed"])
    state = random.choice(["running", "running", ended])
    level, length = random.randint(-5, 5), random.randint(0, 40)
    return state, tuple(_report(random, level / (1 + step / 8)) for step in range(length))


def _report(random: Random, about: float) -> Report:
    value = round(about + random.gauss(0, 0.5), random.choice([0, 1, 6]))
    kind = random.random()
    if kind < 0.05:
        return {METRIC: random.choice([math.nan, math.inf, -math.inf])}
    if kind < 0.10:
        return {"accuracy": value}
    return {"accuracy": 0.5, METRIC: value}
