"""What must hold: when a request is sent, when one arrives, and once an operator is up to date.

Each is a function whose first sentence says it. They read what is stored, and don't ask planning.
"""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tests.model.objects import Frozen, Record, Spec, facts_of_run
from tests.model.server import Request, Server, SweepWrite

if TYPE_CHECKING:
    from tests.model.process import Process

SETTLED: Final = ("Finished", "Failed", "Killed")


def settled(record: Record) -> bool:
    """A run's record says that it has come to its end."""
    status = record.status.value
    crashed = status.get("phase") == "Crashed" and "completionTime" in status
    return crashed or status.get("phase") in SETTLED


def recorded(record: Record, attempt: int) -> bool:
    """An attempt's outcome is on record."""
    return any(
        each["number"] == attempt and "outcome" in each
        for each in record.status.value.get("attempts", ())
    )


# When a creation is sent


def nothing_is_created_against_the_state(process: "Process", request: Request) -> bool:
    """No creation is sent after a pause or stop was seen for a run that hasn't started, nor after
    a cancel for any."""
    state = process.sweep.spec.state
    if state == "Running" or not request.verb.startswith("create"):
        return True
    run = process.ledger.runs.get(request.number)
    started = run is not None and run.started
    return state != "Cancelled" and request.verb == "create Job" and started


def nothing_is_created_or_told_without_the_lease(process: "Process", request: Request) -> bool:
    """An operator that leads no longer sends no creation, and no status of the Sweep."""
    return process.leads or not request.verb.startswith(("create", "write Sweep"))


def finished_says_that_runs_are_settled(process: "Process", request: Request) -> bool:
    """No sweep is written Finished that the operator knows a run of which isn't at its end."""
    body = request.body
    if not isinstance(body, SweepWrite) or body.status.phase != "Finished":
        return True
    return not process.ledger.active and not process.ledger.waiting


# When a request arrives


def runs_are_dense(before: Server, request: Request, after: Server) -> bool:
    """A new record has the number that follows on the highest ever used: none is used twice, and a
    run deleted by hand burns its number."""
    made = len(after.runs) > len(before.runs)
    return not made or request.number == before.made_runs + 1


def runs_keep_to_the_cap(before: Server, request: Request, after: Server) -> bool:
    """There are never more runs than runCap."""
    return after.made_runs <= after.sweep.spec.run_cap


def an_attempt_has_one_job(before: Server, request: Request, after: Server) -> bool:
    """Of an attempt of a run at most one Job is ever made."""
    if len(after.jobs) <= len(before.jobs):
        return True
    made = before.made_jobs[request.number - 1 : request.number]
    return not made or bool(request.attempt > made[0])


def one_job_of_a_run_at_a_time(before: Server, request: Request, after: Server) -> bool:
    """A run's next Job is made only once the outcome of its last one is on record."""
    if len(after.jobs) <= len(before.jobs):
        return True
    record = after.run(request.number)
    earlier = [job for job in before.jobs if job.number == request.number]
    return record is None or all(recorded(record, job.attempt) for job in earlier)


def parallelism_is_kept(before: Server, request: Request, after: Server) -> bool:
    """A Job that is made makes no more runs active than the parallelism that its creator knew."""
    if len(after.jobs) <= len(before.jobs):
        return True
    return active(after) <= max(request.parallelism, after.sweep.spec.parallelism)


def active(server: Server) -> int:
    """How many runs have a Job and no outcome of it on record."""
    records = {record.number: record for record in server.runs}
    return len(
        {
            job.number
            for job in server.jobs
            if job.number in records and not recorded(records[job.number], job.attempt)
        }
    )


def outcomes_come_before_deletions(before: Server, request: Request, after: Server) -> bool:
    """No Job whose program has ended by itself is deleted before its outcome is on record."""
    if request.verb != "delete Job" or len(after.jobs) == len(before.jobs):
        return True
    job = before.job(request.number, request.attempt)
    record = before.run(request.number)
    assert job is not None
    by_itself = job.end in ("complete", "failed")
    return not by_itself or record is None or recorded(record, job.attempt)


def settled_runs_stay(before: Server, request: Request, after: Server) -> bool:
    """A settled run changes only by being run again, as a person asked for."""
    if request.verb != "write run" or before.runs == after.runs:
        return True
    old, new = before.run(request.number), after.run(request.number)
    assert old is not None
    assert new is not None
    if not settled(old):
        return True
    answered = max(
        old.status.value.get("observedRerunFailed", 0),
        old.status.value.get("observedAttemptsRequested", 0),
    )
    asked = max(after.sweep.spec.rerun_failed, new.asked)
    return new.status.value.get("reason") == "Rerun" and bool(asked > answered)


def outcomes_stay(before: Server, request: Request, after: Server) -> bool:
    """What is on record of an attempt that is over is never written over."""
    if request.verb != "write run" or before.runs == after.runs:
        return True
    old, new = before.run(request.number), after.run(request.number)
    assert old is not None
    assert new is not None
    over = [each for each in old.status.value.get("attempts", ()) if "outcome" in each]
    return all(each in new.status.value.get("attempts", ()) for each in over)


def good_ends_are_finished(before: Server, request: Request, after: Server) -> bool:
    """A program that ended well, its Job and pod still there, is recorded as Finished, and what it
    reported, too."""
    if request.verb != "write run" or before.runs == after.runs:
        return True
    old, new = before.run(request.number), after.run(request.number)
    assert old is not None
    assert new is not None
    for each in new.status.value.get("attempts", ()):
        if "outcome" not in each or recorded(old, each["number"]):
            continue
        job = before.job(request.number, each["number"])
        pod = before.pod(request.number, each["number"])
        well = job is not None and job.end == "complete" and pod is not None and pod.ended_well
        told = after.sweep.spec.target is None or "value" in new.status.value
        if well and not (each["outcome"] == "Finished" and told):
            return False
    return True


def budgets_are_separate(before: Server, request: Request, after: Server) -> bool:
    """Preemptions count Crashed attempts, failures Failed ones, and each is measured by its own
    budget."""
    if request.verb != "write run" or before.runs == after.runs:
        return True
    record = after.run(request.number)
    assert record is not None
    return _budgets_hold(record.status, after.sweep.spec)


def _budgets_hold(frozen: Frozen, spec: Spec) -> bool:
    status = frozen.value
    outcomes = Counter(each.get("outcome") for each in status.get("attempts", ()))
    crashed, failed = status.get("preemptions", 0), status.get("failures", 0)
    if (crashed, failed) != (outcomes["Crashed"], outcomes["Failed"]):
        return False
    forgiven = status.get("forgiven", {})
    crashed -= forgiven.get("preemptions", 0)
    failed -= forgiven.get("failures", 0)
    spent = spec.max_preemptions >= 0 and crashed > spec.max_preemptions
    if status.get("phase") == "Crashed":
        return spent == ("completionTime" in status)
    if status.get("phase") == "Failed":
        return bool(failed > spec.max_retries)
    return failed <= spec.max_retries and not spent


# Once an operator is up to date


def phase_agrees(server: Server) -> bool:
    """The phase that is written is the one that the runs and the spec say."""
    spec, status = server.sweep.spec, server.sweep.status
    phases = Counter(record.status.value.get("phase", "Pending") for record in server.runs)
    reached = spec.target is not None and any(
        record.status.value.get("value", spec.target + 1) <= spec.target for record in server.runs
    )
    spent = spec.max_failures is not None and phases["Failed"] >= spec.max_failures
    no_more = server.made_runs >= spec.run_cap or reached or bool(status.end_reason)
    done = no_more and all(map(settled, server.runs)) and not _reruns_due(server)
    if spec.state == "Running":
        expected = ["Failed"] if spent else ["Finished"] if done else ["Running"]
    else:
        expected = [spec.state, *["Finished"] * done, *["Failed"] * spent]
    return status.phase in expected and status.observed == spec.generation


def _reruns_due(server: Server) -> bool:
    asked = server.sweep.spec.rerun_failed
    if server.sweep.spec.state != "Running":
        return False
    facts = [facts_of_run(record) for record in server.runs]
    return any(run.lost and (asked > run.answered_all or run.asked > run.answered) for run in facts)


def numbers_agree(server: Server) -> bool:
    """status.lastNumber is the highest number ever used."""
    return server.sweep.status.last_number == server.made_runs


# At the end


def it_is_where_its_spec_wants_it(server: Server) -> bool:
    """When nothing more will happen, the sweep is where its spec wants it."""
    spec, status = server.sweep.spec, server.sweep.status
    unsettled = [record for record in server.runs if not settled(record)]
    if server.jobs or server.pods:
        return False
    if spec.state == "Paused":
        return not any("startTime" in record.status.value for record in unsettled)
    if spec.state in ("Stopped", "Cancelled"):
        return not unsettled and status.completed
    if status.phase == "Failed":
        return status.completed
    return not unsettled and status.phase == "Finished" and status.completed


def no_pod_is_left_of_a_cancelled_sweep(server: Server) -> bool:
    """A sweep that is Cancelled and complete has no pod left that hasn't ended."""
    spec, status = server.sweep.spec, server.sweep.status
    cancelled = spec.state == "Cancelled" and status.phase == "Cancelled" and status.completed
    return not cancelled or all(pod.end for pod in server.pods)


AT_SENDING: Final[tuple[Callable[["Process", Request], bool], ...]] = (
    nothing_is_created_against_the_state,
    nothing_is_created_or_told_without_the_lease,
    finished_says_that_runs_are_settled,
)

AT_ARRIVAL: Final[tuple[Callable[[Server, Request, Server], bool], ...]] = (
    runs_are_dense,
    runs_keep_to_the_cap,
    an_attempt_has_one_job,
    one_job_of_a_run_at_a_time,
    parallelism_is_kept,
    outcomes_come_before_deletions,
    settled_runs_stay,
    outcomes_stay,
    good_ends_are_finished,
    budgets_are_separate,
)

ALWAYS: Final[tuple[Callable[[Server], bool], ...]] = (no_pod_is_left_of_a_cancelled_sweep,)

UP_TO_DATE: Final[tuple[Callable[[Server], bool], ...]] = (phase_agrees, numbers_agree)


def check_sending(process: "Process", request: Request) -> str:
    """Judge a request that is being sent; empty where nothing is wrong."""
    broken = next((each for each in AT_SENDING if not each(process, request)), None)
    return "" if broken is None else sentence(broken)


def check_arrival(before: Server, request: Request, after: Server) -> str:
    """Judge what a request has done; empty where nothing is wrong."""
    if before is after:
        return ""
    broken = next((each for each in AT_ARRIVAL if not each(before, request, after)), None)
    return "" if broken is None else sentence(broken)


def sentence(invariant: Callable[..., bool]) -> str:
    """An invariant's name and what it says."""
    said = " ".join((invariant.__doc__ or "").split())
    return f"{invariant.__name__}: {said}"
