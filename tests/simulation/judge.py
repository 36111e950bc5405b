"""What must hold, judged by what the API server stored and what programs really did.

Each rule is a sentence. The operators are asked for one thing alone: what they had seen of a Sweep
when they sent a creation.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.fakes.apiserver import EPOCH, Call, Event
from tests.fakes.virtual import Process
from tests.fakes.world import NAMESPACE
from tests.integration.oracle import Blow, wrongs
from tests.integration.view import Picture, Run
from tests.simulation.cluster import Cluster, Truth
from tests.simulation.operators import Operator
from tests.simulation.scenario import TROUBLE
from tests.simulation.server import Server

from sweep_operator.api.names import LABEL_RUN_NUMBER, LABEL_SWEEP_UID
from sweep_operator.api.parameters import Parameter
from sweep_operator.effects.workqueue import Key
from sweep_operator.search import METHODS, Space

Json = Mapping[str, Any]

FINAL = ("Finished", "Killed")

LONG = 60.0
"""Seconds after the trouble in which an operator has seen all there is to see."""


class BrokenError(AssertionError):
    """Something that must hold doesn't; the first word names the rule."""


class Judge:
    """Looks at each request that is sent and at each write that is stored.

    Args:
        server: to look things up in.
        cluster: knows what programs really did.
        operators: those that live.
    """

    def __init__(self, server: Server, cluster: Cluster, operators: list[Operator]) -> None:
        self._server = server
        self._cluster = cluster
        self._operators = operators
        self.broken: BrokenError | None = None
        self._senders: dict[int, tuple[str, int]] = {}
        """By the id of a creation: who sent it, and the parallelism that it had seen."""
        self._made: dict[str, str] = {}
        """The uid of the last Job of each name."""
        self._highest: dict[str, int] = defaultdict(int)
        self._traceless: dict[tuple[str, int], str] = {}
        """By Sweep and number: the record that went by hand before `lastNumber` told of it."""
        self._records: dict[str, Json] = {}
        """As last stored, by uid."""
        self._spaces: dict[str, Space] = {}
        """Of each Sweep, by its uid: nobody can edit it."""

    def sent(self, process: Process, call: Call) -> None:
        """Judge a request when it leaves its sender."""
        if call.method == "POST" and call.plural in ("sweepruns", "jobs"):
            assert isinstance(process, Operator)
            for wrong in self._creation(process, call):
                self._break(wrong)

    def happened(self, event: Event) -> None:
        """Judge a write when it is stored."""
        rules = {
            ("sweepruns", "ADDED"): self._run_made,
            ("sweepruns", "MODIFIED"): self._run_changed,
            ("sweepruns", "DELETED"): self._run_deleted,
            ("jobs", "ADDED"): self._job_made,
            ("jobs", "DELETED"): self._job_deleted,
            ("sweeps", "MODIFIED"): self._sweep_told,
            ("pods", "MODIFIED"): self._pod_changed,
        }
        rule = rules.get((event.plural, event.type))
        for wrong in rule(event.thing) if rule is not None else ():
            self._break(wrong)
        if event.plural == "sweepruns":
            self._records[event.thing["metadata"]["uid"]] = event.thing

    def _break(self, wrong: str) -> None:
        self.broken = self.broken or BrokenError(wrong)

    # What is sent

    def _creation(self, operator: Operator, call: Call) -> Iterator[str]:
        name = call.body["metadata"]["name"]
        labels = call.body["metadata"]["labels"]
        if not operator.controller.leadership.holds:
            yield f"leader: {operator.name} creates {name} without the Lease"
        for other in self._operators:
            if other is not operator and other.controller.leadership.holds:
                yield f"leader: {operator.name} creates {name}, and {other.name} leads too"
        key = Key(NAMESPACE, labels[LABEL_SWEEP_UID])
        seen = operator.controller.cache.sweeps.get(key)
        if seen is None or "deletionTimestamp" in seen["metadata"]:
            yield f"deleted: {name} is made for a sweep that is gone"
            return
        state = seen["spec"]["state"]
        if state != "Running":
            stored = self._record(key.uid, int(labels[LABEL_RUN_NUMBER]))
            has_started = stored is not None and "startTime" in stored["status"]
            again = call.plural == "jobs" and has_started and state != "Cancelled"
            if not again:
                yield f"halted: {name} is made though the sweep was seen to be {state}"
        self._senders[id(call)] = operator.name, seen["spec"]["parallelism"]

    # What is stored

    def _run_made(self, run: Json) -> Iterator[str]:
        uid, number = run["metadata"]["labels"][LABEL_SWEEP_UID], run["spec"]["number"]
        sender, _ = self._senders.pop(id(self._server.acting), ("", 0))
        if number != self._highest[uid] + 1 and not self._may_be_new(uid, number, sender):
            yield f"dense: run {number} is made after run {self._highest[uid]}"
        self._highest[uid] = max(number, self._highest[uid])
        sweep = self._sweep(uid)
        if sweep is None:
            return
        if number > sweep["spec"]["runCap"]:
            yield f"cap: run {number} is made, of {sweep['spec']['runCap']}"
        spec = sweep["spec"]
        if uid not in self._spaces:
            self._spaces[uid] = _space(spec)
        expected = METHODS[spec["method"]].suggest(self._spaces[uid], spec["seed"], number, (), ())
        if run["spec"]["parameters"] != expected:
            yield f"parameters: run {number} has others than its seed gives it"

    def _run_deleted(self, run: Json) -> Iterable[str]:
        uid, number = run["metadata"]["labels"][LABEL_SWEEP_UID], run["spec"]["number"]
        sweep = self._sweep(uid)
        told = 0 if sweep is None else sweep.get("status", {}).get("lastNumber", 0)
        if self._server.acting is None and told < number:
            self._traceless[uid, number] = run["metadata"]["uid"]
        return ()

    def _may_be_new(self, sweep: str, number: int, sender: str) -> bool:
        """A number's second use is well where nothing tells the operator of the first."""
        record = self._traceless.get((sweep, number))
        return record is not None and (sender, record) not in self._server.known

    def _job_made(self, job: Json) -> Iterator[str]:
        labels, name = job["metadata"]["labels"], job["metadata"]["name"]
        uid = labels[LABEL_SWEEP_UID]
        sender, most = self._senders.pop(id(self._server.acting), ("", 0))
        before = self._made.get(name)
        if before is not None and self._may_be_known(before, uid, sender):
            yield f"once: {name} is made a second time"
        self._made[name] = job["metadata"]["uid"]
        record = self._record(uid, int(labels[LABEL_RUN_NUMBER]))
        if record is not None and record["spec"]["parameters"] != _parameters(job):
            yield f"parameters: {name} trains with others than are on record"
        active = sum(run.active for run in self._picture(None, uid).runs.values())
        if active > most:
            yield f"parallelism: {active} runs are active with {name}, more than {most}"

    def _may_be_known(self, job: str, sweep: str, sender: str) -> bool:
        """A Job that a person deletes before the operator has seen it leaves no trace."""
        truth = self._cluster.truths[job]
        unseen = truth.taken and (sender, job) not in self._server.known
        return truth.sweep == sweep and not unseen

    def _sweep_told(self, sweep: Json) -> Iterator[str]:
        status = sweep.get("status") or {}
        if self._server.acting is None or not _is_complete(status):
            return
        uid, phase = sweep["metadata"]["uid"], status["phase"]
        for number, run in self._picture(sweep, uid).runs.items():
            if phase == "Finished" and not run.settled:
                yield f"complete: it is Finished, and run {number} is {run.phase}"
        for pod in self._server.of("pods"):
            alive = pod["status"]["phase"] in ("Pending", "Running")
            if phase == "Cancelled" and alive and pod["metadata"]["labels"][LABEL_SWEEP_UID] == uid:
                yield f"complete: it is Cancelled, and {pod['metadata']['name']} is there"

    def _run_changed(self, run: Json) -> Iterator[str]:
        name, now = run["metadata"]["name"], run.get("status") or {}
        was = (self._records.get(run["metadata"]["uid"]) or {}).get("status") or {}
        if was.get("phase") in FINAL and now.get("phase") != was["phase"]:
            yield f"settled: {name} was {was['phase']} and is {now.get('phase')}"
        outcomes, before = _outcomes(now), _outcomes(was)
        for attempt, outcome in before.items():
            if outcomes.get(attempt) != outcome:
                yield f"settled: attempt {attempt} of {name} was {outcome}"
        for outcome, counter in (("Crashed", "preemptions"), ("Failed", "failures")):
            count = list(outcomes.values()).count(outcome)
            if now.get(counter, 0) != count:
                yield f"budgets: {name} counts {now.get(counter, 0)} {counter} of {count}"

    def _job_deleted(self, job: Json) -> Iterator[str]:
        truth = self._cluster.truths[job["metadata"]["uid"]]
        if self._server.acting is None or truth.exit_code != 0 or truth.told:
            return
        record, sweep = self._record(truth.sweep, truth.number), self._sweep(truth.sweep)
        if record is None or sweep is None:
            return
        if truth.attempt not in _outcomes(record.get("status") or {}):
            yield f"result: {job['metadata']['name']} is deleted before its result is on record"

    def _pod_changed(self, pod: Json) -> Iterator[str]:
        """Long after a pause is acknowledged, in calm weather, nothing that never ran begins."""
        labels = pod["metadata"]["labels"]
        sweep = self._sweep(labels[LABEL_SWEEP_UID])
        calm = self._server.clock() > EPOCH + TROUBLE + LONG
        if sweep is None or not calm or sweep["spec"]["state"] == "Running":
            return
        record = self._record(labels[LABEL_SWEEP_UID], int(labels[LABEL_RUN_NUMBER]))
        new = record is not None and "startTime" not in (record.get("status") or {})
        if new and pod["status"]["phase"] == "Running":
            yield f"halted: {pod['metadata']['name']} starts in a sweep that isn't Running"

    # The end

    def wrongs_at_rest(self, sweep: Json) -> list[str]:
        """What isn't as it must be once all is calm and has had its time."""
        picture = self._picture(sweep, sweep["metadata"]["uid"])
        return [
            *wrongs(picture, Blow(), picture),
            *self._untruths(picture),
            *self._missing(sweep),
            *_strays(picture),
        ]

    def _missing(self, sweep: Json) -> Iterator[str]:
        """Numbers are dense; of a Finished sweep, all are used."""
        uid = sweep["metadata"]["uid"]
        status, highest = sweep.get("status") or {}, self._highest[uid]
        told = status.get("lastNumber", 0)
        unknown = range(told + 1, highest + 1)
        if told > highest or any((uid, number) not in self._traceless for number in unknown):
            yield f"numbers: lastNumber is {told}, not {highest}"
        if status.get("phase") == "Finished" and highest < sweep["spec"]["runCap"]:
            yield f"numbers: it is Finished after {highest} runs"

    def _untruths(self, picture: Picture) -> Iterator[str]:
        """Each outcome on record is what became of the program."""
        assert picture.sweep is not None
        uid = picture.sweep["metadata"]["uid"]
        last = {(each.number, each.attempt): each for each in self._truths_of(uid)}
        for truth in last.values():
            run = picture.runs.get(truth.number)
            if run is not None:
                yield from _untruth(truth, run)

    def _truths_of(self, uid: str) -> Iterator[Truth]:
        return (each for each in self._cluster.truths.values() if each.sweep == uid)

    def _picture(self, sweep: Json | None, uid: str) -> Picture:
        children = (
            [
                thing
                for thing in self._server.of(plural)
                if thing["metadata"]["labels"].get(LABEL_SWEEP_UID) == uid
            ]
            for plural in ("sweepruns", "jobs", "pods")
        )
        return Picture.of(sweep, *children)

    def _record(self, uid: str, number: int) -> Json | None:
        for run in self._server.of("sweepruns"):
            if (
                run["metadata"]["labels"][LABEL_SWEEP_UID] == uid
                and run["spec"]["number"] == number
            ):
                return run
        return None

    def _sweep(self, uid: str) -> Json | None:
        found = (each for each in self._server.of("sweeps") if each["metadata"]["uid"] == uid)
        return next(found, None)


def _strays(picture: Picture) -> Iterator[str]:
    """No Job is left of which its run's record doesn't tell."""
    for number, run in picture.runs.items():
        for attempt in run.jobs.keys() - _outcomes(run.status):
            if run.settled:
                yield f"run {number} is {run.phase}, and a Job of attempt {attempt} is there"


def _untruth(truth: Truth, run: Run) -> Iterator[str]:
    outcomes = _outcomes(run.status)
    told = outcomes.get(truth.attempt)
    where = f"truth: run {truth.number}'s attempt {truth.attempt}"
    if told is None:
        ended_by_itself = truth.exit_code is not None and not truth.told and not truth.taken
        if ended_by_itself or (run.settled and run.phase != "Killed"):
            yield f"{where} isn't on record, and its program ended with {truth.exit_code}"
    elif told in ("Crashed", "Killed") and truth.taken:
        pass
    elif told == "Finished":
        if truth.exit_code != 0:
            yield f"{where} is Finished, and its program exited with {truth.exit_code}"
        elif truth.attempt == run.current - 1 and run.status.get("metrics") != {"loss": truth.loss}:
            yield f"{where} says {run.status.get('metrics')}, and its program {truth.loss}"
    elif truth.exit_code == 0 and not truth.told and not truth.pod_gone:
        yield f"{where} is {told}, and its program exited with 0"
    elif told == "Failed" and truth.exit_code != 1:
        yield f"{where} is Failed, and its program exited with {truth.exit_code}"
    elif truth.exit_code == 1 and not truth.told and told != "Failed":
        yield f"{where} is {told}, and its program exited with 1"


def _is_complete(status: Json) -> bool:
    conditions = status.get("conditions", ())
    return any(each["type"] == "Complete" and each["status"] == "True" for each in conditions)


def _outcomes(status: Json) -> dict[int, str]:
    return {
        each["number"]: each["outcome"] for each in status.get("attempts", ()) if "outcome" in each
    }


def _space(spec: Json) -> Space:
    parameters = spec["parameters"].items()
    return Space.of({name: Parameter.model_validate(each) for name, each in parameters})


def _parameters(job: Json) -> Any:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    env = {each["name"]: each.get("value") for each in container["env"]}
    return json.loads(env["SWEEP_PARAMETERS"])
