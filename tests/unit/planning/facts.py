"""Facts for tests: whole ones, of which a test names what it is about."""

from typing import Any

from tests.fakes.world import sweep

from sweep_operator.api.run import RunPhase
from sweep_operator.planning.facts import (
    NOTHING_FORGIVEN,
    JobEnd,
    JobFacts,
    PodFacts,
    RunFacts,
)
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.points import Yardstick
from sweep_operator.planning.sweep import Intent

NOW = 1_800_000_000.0

COMPLETE = JobEnd(complete=True, reason="CompletionsReached", message="", time=NOW)
FAILED = JobEnd(
    complete=False,
    reason="PodFailurePolicy",
    message="Container main for pod lab/p failed with exit code 3 matching FailJob rule at index 1",
    time=NOW,
)
DISRUPTED = FAILED._replace(
    message="Pod lab/p has condition DisruptionTarget matching FailJob rule at index 0"
)


def run(number: int = 1, phase: RunPhase = RunPhase.PENDING, **more: Any) -> RunFacts:
    """A record: new, unless said otherwise."""
    whole = RunFacts(
        number=number,
        uid=f"uid-{number}",
        resource_version=1,
        phase=phase,
        reason="",
        message="",
        attempt=0,
        attempt_open=False,
        attempt_started=None,
        attempt_ended=None,
        preempting=False,
        started=False,
        ended=None,
        stop_reason="",
        short_lived=0,
        preemptions=0,
        failures=0,
        reported=False,
        brackets=(),
        best=None,
        latest=None,
        value=None,
        parameters='{"x":1}',
        asked=0,
        answered=0,
        answered_all=0,
        forgiven=NOTHING_FORGIVEN,
    )
    return whole._replace(**more)


def running(number: int = 1, attempt: int = 1) -> RunFacts:
    """A record of a run that runs."""
    return run(number, RunPhase.RUNNING, attempt=attempt, attempt_open=True, started=True)


def crashed(number: int = 1, attempt: int = 1, ended: float = NOW) -> RunFacts:
    """A record of a run that waits for its next attempt."""
    facts = run(number, RunPhase.CRASHED, attempt=attempt, short_lived=attempt, started=True)
    return facts._replace(attempt_ended=ended, preemptions=attempt, reason="Disrupted")


def finished(number: int = 1, value: float | None = None) -> RunFacts:
    """A record of a run that ended well."""
    facts = run(number, RunPhase.FINISHED, attempt=1, attempt_ended=NOW, started=True)
    return facts._replace(value=value, ended=NOW)


def job(number: int = 1, attempt: int = 1, **more: Any) -> JobFacts:
    """A Job that was just made."""
    whole = JobFacts(
        name=f"a-{number}-{attempt}",
        uid=f"uid-of-job-{number}-{attempt}",
        resource_version=1,
        number=number,
        attempt=attempt,
        created=NOW,
        pending_since=NOW,
        end=None,
        has_pods=False,
        suspended=False,
        deleting=False,
    )
    return whole._replace(**more)


def pod(number: int = 1, attempt: int = 1, **more: Any) -> PodFacts:
    """A pod that was just made."""
    whole = PodFacts(
        name=f"a-{number}-{attempt}-p",
        uid=f"uid-of-pod-{number}-{attempt}",
        job=f"a-{number}-{attempt}",
        created=NOW,
        node="node-1",
        started=None,
        finished=None,
        exit_code=None,
        end_reason="",
        termination_message="",
        trouble=None,
        terminal=False,
        reason="",
        message="",
        told=None,
        gone_by=None,
        disruption="",
        preempting=False,
    )
    return whole._replace(**more)


def ended_pod(exit_code: int = 0, message: str = "", **more: Any) -> PodFacts:
    """A pod that has said its last word."""
    whole = pod(
        started=NOW - 60,
        finished=NOW,
        exit_code=exit_code,
        termination_message=message,
        terminal=True,
    )
    return whole._replace(**more)


def ledger(
    *things: RunFacts | JobFacts | PodFacts, goal: str | None = None, **yardstick: Any
) -> Ledger:
    """An account that these facts were put into, in this order."""
    account = Ledger()
    account.judge_by(Yardstick(goal, **yardstick))
    for thing in things:
        match thing:
            case RunFacts():
                account.put_run(thing)
            case JobFacts():
                account.put_job(thing)
            case PodFacts():
                account.put_pod(int(thing.job.split("-")[1]), thing)
    return account


def intent(**spec: Any) -> Intent:
    """What is wanted of a Sweep with these fields."""
    manifest = sweep(**spec)
    manifest["metadata"] |= {"uid": "u", "generation": 4}
    return Intent.of(manifest)
