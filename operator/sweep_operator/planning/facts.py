"""What the operator knows of Jobs, pods and runs, cut down to what a decision needs.

Plain tuples, so that a hundred thousand of them fit in memory and a rule can be tested by writing
its facts down. How they are read from the API server's objects is no business of this module.
Times are seconds since the epoch.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from sweep_operator.api.run import RunPhase

SHORT_LIFE = 60.0
"""Seconds. What ends younger than that may be broken rather than unlucky."""


class JobEnd(NamedTuple):
    """A Job's final condition."""

    complete: bool
    reason: str
    message: str
    time: float


class JobFacts(NamedTuple):
    """One attempt's Job."""

    name: str
    uid: str
    resource_version: int
    number: int
    attempt: int
    created: float
    pending_since: float
    """Since when its pod could have started: not while it is suspended."""
    end: JobEnd | None
    has_pods: bool
    suspended: bool
    deleting: bool


class Trouble(NamedTuple):
    """Why a pod does not start, in the words of whoever refuses it."""

    reason: str
    message: str
    since: float


class PodFacts(NamedTuple):
    """The newest pod of an attempt's Job."""

    name: str
    uid: str
    job: str
    created: float
    node: str
    started: float | None
    """When the main container first started; None before."""
    finished: float | None
    exit_code: int | None
    end_reason: str
    """What the container runtime calls its end: OOMKilled, Error, ContainerStatusUnknown, ..."""
    termination_message: str
    trouble: Trouble | None
    terminal: bool
    """Phase Succeeded or Failed: nothing more will be said by this pod."""
    reason: str
    """Why the kubelet itself ended or refused the whole pod; empty where it didn't."""
    message: str
    """The same, in its words."""
    told: float | None
    """When the pod was told to go; None as long as it wasn't."""
    gone_by: float | None
    """When its grace period ends; None where nobody has deleted it."""
    disruption: str
    """By whom or what the pod was told to go, as its condition DisruptionTarget says."""
    preempting: bool
    """Marked as about to be preempted (see api.names.ANNOTATION_PREEMPTING)."""

    @property
    def ended_by_itself(self) -> bool:
        """The program ended before its pod was told to go, to the second."""
        if self.exit_code is None:
            return False
        return self.told is None or (self.finished is not None and self.finished < self.told)


class Forgiven(NamedTuple):
    """What a run had used up when it was last run again by request: it counts no longer."""

    attempts: int = 0
    preemptions: int = 0
    failures: int = 0


NOTHING_FORGIVEN = Forgiven()
"""Of a run that was never run again by request."""


class RunFacts(NamedTuple):
    """A SweepRun as stored."""

    number: int
    uid: str
    resource_version: int
    phase: RunPhase
    reason: str
    message: str
    """Why it is Pending; empty in every other phase."""
    attempt: int
    """Number of the last attempt on record, 0 for none."""
    attempt_open: bool
    """The last attempt on record has no outcome yet."""
    attempt_started: float | None
    """When the last attempt on record started."""
    attempt_ended: float | None
    preempting: bool
    """The last attempt on record was marked as about to be preempted."""
    started: bool
    """A container of some attempt has started once; of those since it was reopened, if it was."""
    ended: float | None
    """When the run ended for good."""
    stop_reason: str
    """Why the current attempt is being ended by the operator; empty if it isn't."""
    short_lived: int
    """Attempts in a row, up to the last, that ended before they were a minute old."""
    preemptions: int
    """Attempts that Crashed, forgiven ones too."""
    failures: int
    """Attempts that Failed, forgiven ones too."""
    reported: bool
    """A final result is on record."""
    brackets: tuple[tuple[int, float], ...]
    """Its values at early termination's brackets: iteration and value, in order."""
    best: float | None
    """The best value it has reported on its way."""
    latest: float | None
    """The last one."""
    value: float | None
    """The sweep's metric; None if there is none or it isn't finite."""
    parameters: str
    """As stored, in compact JSON."""
    asked: int
    """spec.attemptsRequested: how often a person has asked for this run again."""
    answered: int
    """How much of that was there when it was last reopened, or when it last ended."""
    answered_all: int
    """The same of its sweep's spec.rerunFailed."""
    forgiven: Forgiven
    misstated: bool = False
    """The phase on record is another: somebody has edited it, as the rest of the record says."""

    @property
    def current_attempt(self) -> int:
        """The attempt that is under way or would be next."""
        return self.attempt if self.attempt_open else self.attempt + 1

    @property
    def settled(self) -> bool:
        """No further attempt will be made."""
        return self._crashed_for_good or self.phase in SETTLED

    @property
    def lost(self) -> bool:
        """It has Failed, or Crashed for good: it is run again if a person asks for it."""
        return self._crashed_for_good or self.phase is RunPhase.FAILED

    @property
    def reopened(self) -> bool:
        """It was run again by request; `started` is then about the time since."""
        return self.forgiven.attempts > 0

    @property
    def _crashed_for_good(self) -> bool:
        return self.phase is RunPhase.CRASHED and self.ended is not None


SETTLED = frozenset({RunPhase.FINISHED, RunPhase.FAILED, RunPhase.KILLED})
"""Phases that a run leaves only if a person asks for it again. A Crashed one leaves its own by
itself, unless its attempts are used up."""


class Standing(StrEnum):
    """Where a run stands in its sweep's account of slots."""

    WAITING = "waiting"
    """Needs a Job: made but not started yet, or to be attempted again. Holds no slot."""
    ACTIVE = "active"
    """Has a Job whose outcome isn't on record. Holds a slot."""
    SETTLED = "settled"


def standing(run: RunFacts, jobs: Mapping[int, JobFacts]) -> Standing:
    """Tell where a run stands, given its Jobs by attempt."""
    if run.settled:
        return Standing.SETTLED
    if run.attempt_open or run.current_attempt in jobs:
        return Standing.ACTIVE
    return Standing.WAITING
