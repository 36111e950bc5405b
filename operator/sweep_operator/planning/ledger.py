"""The account of a sweep's runs, kept by differences: what it costs is what has changed.

A ledger knows the newest facts of each run, its Jobs and pods, and keeps the counts, the slots, the
best run and the numbers that need a look. It doesn't know where the facts come from.
"""

from bisect import insort
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush, nlargest
from typing import NamedTuple

from sweep_operator.api.run import RunPhase
from sweep_operator.api.sweep import EndReason
from sweep_operator.planning.early_termination import Behind, Brackets, Mark, Rule
from sweep_operator.planning.facts import JobFacts, PodFacts, RunFacts, Standing, standing
from sweep_operator.planning.metrics import better
from sweep_operator.planning.plateau import Stillness, Told
from sweep_operator.planning.points import Outcome, Point, Yardstick, outcome, outcome_alone
from sweep_operator.planning.regime import StopReason

SYSTEMATIC = 5
"""Failures in a row that are no coincidence."""


class Best(NamedTuple):
    """The best point so far, and the run that stands for it."""

    number: int
    value: float


@dataclass(slots=True)
class Ledger:
    """The runs of one sweep."""

    yardstick: Yardstick = field(default_factory=Yardstick)
    runs: dict[int, RunFacts] = field(default_factory=dict)
    jobs: dict[int, dict[int, JobFacts]] = field(default_factory=dict)
    pods: dict[int, dict[str, PodFacts]] = field(default_factory=dict)
    """The newest pod of each Job, by the run's number and the Job's name."""
    counts: Counter[RunPhase] = field(default_factory=Counter)
    active: set[int] = field(default_factory=set)
    waiting: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    """Settled runs that are run again if a person asks for it."""
    touched: set[int] = field(default_factory=set)
    """Numbers whose facts have changed since they were last looked at."""
    last_number: int = 0
    """The highest number ever used: a deleted run's number isn't used again."""
    unsure: set[int] = field(default_factory=set)
    """Numbers whose Job may have been made, as the answer was lost. They count as active."""
    vanished: dict[int, JobFacts] = field(default_factory=dict)
    """Jobs that are gone though nothing on record tells of their attempt. They count as active."""
    closest: float | None = None
    """The best value that counts for the target, of a run at its end or on its way."""
    stillness: Stillness | None = None
    """How long it has got no better; None where nobody wants to know."""
    end_reason: EndReason | None = None
    """The sweep has ended so: the target's later moves reopen nothing, nor does a deleted run."""
    brackets: Brackets = field(default_factory=Brackets)
    """What runs were at early termination's brackets, signed so that lower is better."""
    bereft: bool = False
    """A record was deleted since the Sweep itself was last seen to be there."""
    _looks: list[tuple[float, int]] = field(default_factory=list)
    """A heap of times and numbers; an entry that `_looks_due` doesn't confirm is out of date."""
    _looks_due: dict[int, float] = field(default_factory=dict)
    _last_ends: list[tuple[float, int]] | None = field(default_factory=list)
    """When the last few runs to end did so, and their numbers; None where not known."""
    _best: Best | None = None
    _best_known: bool = True

    def judge_by(self, yardstick: Yardstick) -> None:
        """Say by what runs are compared; those that are there are, anew."""
        if yardstick == self.yardstick:
            return
        self.yardstick = yardstick
        self.brackets = Brackets()
        for run in self.runs.values():
            self.brackets.put(*self._marks(run))
        self._judge_anew()

    def put_run(self, run: RunFacts) -> None:
        """Take in a record as stored."""
        self.use_up_to(run.number - 1)
        before = self._outcome(run.number)
        old = self.runs.get(run.number)
        if old is not None:
            self.counts[old.phase] -= 1
        self.runs[run.number] = run
        self.counts[run.phase] += 1
        self.last_number = max(self.last_number, run.number)
        self._review(before, self._outcome(run.number))
        self._review_ends(old, run)
        self._review_brackets(old, run)
        self._come_closer(self._on_its_way(run))
        self._stand(run.number)

    def drop_run(self, number: int) -> None:
        """Take in that a record is gone: by a person's hand, or because its Sweep is."""
        self.bereft = True
        before = self._outcome(number)
        old = self.runs.pop(number, None)
        if old is not None:
            self.counts[old.phase] -= 1
            self._review(before, self._outcome(number))
            self._review_ends(old, None)
            self._review_brackets(old, None)
        self._stand(number)

    def use_up_to(self, number: int) -> None:
        """Take in that no run with a number up to this one is still to be made."""
        if number > self.last_number:
            self.last_number = number
            if self.yardstick.repeats > 1:
                self._judge_anew()  # points that had waited for such a run

    def put_job(self, job: JobFacts) -> None:
        """Take in a Job."""
        self.jobs.setdefault(job.number, {})[job.attempt] = job
        self.vanished.pop(job.number, None)
        self._stand(job.number)

    def drop_job(self, number: int, name: str) -> None:
        """Take in that a Job is gone, and its pod with it."""
        jobs = self.jobs.pop(number, {})
        left = {attempt: job for attempt, job in jobs.items() if job.name != name}
        if left:
            self.jobs[number] = left
        run = self.runs.get(number)
        for job in jobs.values():
            if job.name == name and run is not None and job.attempt == run.current_attempt:
                self.vanished[number] = job
        self._forget_pod(number, name)
        self._stand(number)

    def put_pod(self, number: int, pod: PodFacts) -> None:
        """Take in a pod, unless a newer one of the same Job is known."""
        pods = self.pods.setdefault(number, {})
        known = pods.get(pod.job)
        same = known is not None and known.uid == pod.uid
        if known is not None and same and known.told is not None and pod.told is not None:
            pod = pod._replace(told=known.told)  # what is told of it later is less exact
        if known is None or known.uid == pod.uid or known.created <= pod.created:
            pods[pod.job] = pod
            self.touched.add(number)

    def drop_pod(self, number: int, name: str) -> None:
        """Take in that a pod is gone. What it said last is kept for as long as its Job is there."""
        jobs = {job.name for job in self.jobs.get(number, {}).values()}
        for job, pod in list(self.pods.get(number, {}).items()):
            if pod.name == name and not (pod.terminal and job in jobs):
                self._forget_pod(number, job)
                self.touched.add(number)

    def look_at(self, number: int, when: float) -> None:
        """Have a run looked at again at a time, if nothing changes before."""
        if self._looks_due.get(number) != when:
            self._looks_due[number] = when
            heappush(self._looks, (when, number))

    def doubt(self, number: int) -> None:
        """Take in that it isn't known whether a run's next Job was made."""
        self.unsure.add(number)
        self._stand(number)

    def clear(self, number: int) -> None:
        """Take in that it is known again, and that the other facts say it."""
        self.unsure.discard(number)
        self._stand(number)

    def take_touched(self, now: float) -> list[int]:
        """Hand over the numbers to look at, lowest first: those changed and those due."""
        while self._looks and self._looks[0][0] <= now:
            when, number = heappop(self._looks)
            if self._looks_due.get(number) == when:
                del self._looks_due[number]
                self.touched.add(number)
        numbers = sorted(self.touched)
        self.touched.clear()
        return numbers

    @property
    def next_look(self) -> float | None:
        """When a run is due for a look; None for never."""
        return self._looks[0][0] if self._looks else None

    def pod_of(self, run: RunFacts) -> PodFacts | None:
        """The pod of a run's current attempt."""
        job = self.jobs.get(run.number, {}).get(run.current_attempt)
        return self.pods.get(run.number, {}).get(job.name) if job else None

    def behind(self, run: RunFacts, rule: Rule) -> Behind | None:
        """Why a run is to be stopped early, in the metric's own sign."""
        if not run.brackets or run.best is None:
            return None
        (last,) = self._signed(run.brackets[-1:])
        loss = self.yardstick.loss  # its own inverse
        found = rule.behind(self.brackets, last, loss(run.best))
        return found and found._replace(value=loss(found.value), threshold=loss(found.threshold))

    @property
    def best(self) -> Best | None:
        """The best point by the sweep's metric; a tie goes to the lower number."""
        if not self._best_known:
            self._best = None
            self._best_known = True
            for found in self._outcomes():
                self._challenge(found)
        return self._best

    def point(self, number: int) -> Point:
        """A point and those of its runs that are on record."""
        runs = [self.runs[each] for each in self.yardstick.numbers(number) if each in self.runs]
        return Point(number, runs, more=self.yardstick.last_of(number) > self.last_number)

    @property
    def points(self) -> list[Point]:
        """All points of which a run is on record, by number."""
        return [self.point(number) for number in self._numbers_of_points()]

    def point_of(self, number: int) -> int:
        """The point that a run is of."""
        return self.yardstick.point_of(number)

    @property
    def failing(self) -> bool:
        """The last few runs to end have all failed: it is the program, the data or the template."""
        if self._last_ends is None:
            ends = ((run.ended, run.number) for run in self.runs.values() if run.ended is not None)
            self._last_ends = sorted(nlargest(SYSTEMATIC, ends))
        phases = {self.runs[number].phase for _, number in self._last_ends}
        return len(self._last_ends) == SYSTEMATIC and phases == {RunPhase.FAILED}

    @property
    def empty(self) -> bool:
        """Nothing is known of any child."""
        return not (self.runs or self.jobs or self.pods)

    def _forget_pod(self, number: int, job: str) -> None:
        pods = self.pods.get(number, {})
        pods.pop(job, None)
        if not pods:
            self.pods.pop(number, None)

    def _numbers_of_points(self) -> list[int]:
        return sorted({self.point_of(number) for number in self.runs})

    def _judge_anew(self) -> None:
        self._forget_best()
        self.closest = None
        least = self.yardstick.min_improvement
        self.stillness = None if least is None else Stillness(least)
        for run in self.runs.values():
            self._come_closer(self._on_its_way(run))
        for found in self._outcomes():
            self._review(None, found)

    def _outcome(self, number: int) -> Outcome | None:
        """What the point that a run is of has come to."""
        if self.yardstick.repeats > 1:
            return outcome(self.point(self.point_of(number)))
        run = self.runs.get(number)
        return None if run is None else outcome_alone(run)

    def _outcomes(self) -> Iterator[Outcome]:
        firsts = (self.yardstick.numbers(point)[0] for point in self._numbers_of_points())
        return (found for found in map(self._outcome, firsts) if found is not None)

    def _forget_best(self) -> None:
        self._best_known = False
        if self._best is not None:
            self.touched.add(self._best.number)  # its Job needn't be kept any more

    def _review(self, old: Outcome | None, new: Outcome | None) -> None:
        if old == new:
            return
        if self._best and old and old.first == self._best.number:
            if new is None or (new.first, new.value) != self._best:
                self._forget_best()
        elif new is not None and self._best_known:
            self._challenge(new)
        if self.stillness is not None and old is not None:
            self.stillness.drop(self._told(old))
        if self.stillness is not None and new is not None:
            self.stillness.put(self._told(new))
        if new is not None:
            self._come_closer(new.value)

    def _told(self, found: Outcome) -> Told:
        return Told(found.ended, found.point, self.yardstick.loss(found.value), found.runs)

    def _review_ends(self, old: RunFacts | None, new: RunFacts | None) -> None:
        if old is not None and old.ended is not None:
            self._last_ends = None
        elif new is not None and new.ended is not None and self._last_ends is not None:
            insort(self._last_ends, (new.ended, new.number))
            del self._last_ends[:-SYSTEMATIC]

    def end(self, target: float | None, plateau: int | None) -> EndReason | None:
        """Why the search has come far enough, if it has, or why it has ended so.

        Args:
            target: a value that is good enough, None for none.
            plateau: how many runs without improvement are too many, None for no number.
        """
        if self.end_reason is not None:
            return self.end_reason
        if self._reaches(target):
            return EndReason.TARGET
        if plateau is not None and self.stillness is not None and self.stillness.runs >= plateau:
            return EndReason.PLATEAU
        return None

    def _reaches(self, target: float | None) -> bool:
        """Whether some point has been as good as that, or a run on its way that is one."""
        goal = self.yardstick.goal
        if target is None or self.closest is None or goal is None:
            return False
        return not better(goal, target, self.closest)

    def _on_its_way(self, run: RunFacts) -> float | None:
        """What a run's way has shown; with repeats only their mean tells."""
        alone = self.yardstick.repeats == 1
        return run.best if alone and run.phase is not RunPhase.FINISHED else None

    def _come_closer(self, value: float | None) -> None:
        goal = self.yardstick.goal
        if goal is not None and value is not None and better(goal, value, self.closest):
            self.closest = value

    def _review_brackets(self, old: RunFacts | None, new: RunFacts | None) -> None:
        before, now = self._marks(old), self._marks(new)
        if before != now:
            self.brackets.drop(*before)
            self.brackets.put(*now)
            self.touched |= self.active  # who is good enough has changed

    def _marks(self, run: RunFacts | None) -> tuple[tuple[Mark, ...], bool]:
        """A run's values at brackets, and whether it was stopped early."""
        if run is None:
            return (), False
        stopped = StopReason.EARLY_TERMINATED in (run.stop_reason, run.reason)
        return self._signed(run.brackets), stopped

    def _signed(self, at: Sequence[Mark]) -> tuple[Mark, ...]:
        """Values at brackets such that lower is better."""
        return tuple((bracket, self.yardstick.loss(value)) for bracket, value in at)

    def _challenge(self, found: Outcome) -> None:
        goal = self.yardstick.goal
        if goal is None or found.first is None:
            return
        best = self._best
        wins = better(goal, found.value, best.value if best else None)
        earlier = best is not None and found.value == best.value and found.first < best.number
        if wins or earlier:
            if best is not None:
                self.touched.add(best.number)  # its Job needn't be kept any more
            self._best = Best(found.first, found.value)

    def _stand(self, number: int) -> None:
        self.touched.add(number)
        self.active.discard(number)
        self.waiting.discard(number)
        self.lost.discard(number)
        run = self.runs.get(number)
        if run is None:
            self._looks_due.pop(number, None)
            self.vanished.pop(number, None)
            return
        found = standing(run, self.jobs.get(number, {}))
        gone = self.vanished.get(number)
        if gone is not None and (run.settled or gone.attempt != run.current_attempt):
            del self.vanished[number]
        if found is Standing.WAITING and (number in self.unsure or number in self.vanished):
            found = Standing.ACTIVE
        match found:
            case Standing.ACTIVE:
                self.active.add(number)
            case Standing.WAITING:
                self.waiting.add(number)
            case Standing.SETTLED if run.lost:
                self.lost.add(number)
            case Standing.SETTLED:
                pass
