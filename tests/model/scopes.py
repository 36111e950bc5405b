"""What is explored: how many runs and operators, and how often what may go wrong."""

from typing import Final, NamedTuple

from tests.model.objects import Spec
from tests.model.world import Left


class Scope(NamedTuple):
    """One small world, of which every reachable state is visited."""

    spec: Spec
    left: Left = Left()
    operators: int = 1
    at_once: int = 1
    """How many operators work at the same time; more than one is as without an election."""
    edits: tuple[str, ...] = ()
    """Of the Sweep by a person, each as often as Left allows them together."""
    deletes: tuple[str, ...] = ()
    """What is deleted by hand: a run, a run that the Sweep's status tells of, a Job, a pod.

    What a person deletes while no operator runs, before anything on record tells of it, never was:
    its number, or its attempt's, is used again.
    """
    prompt: bool = False
    """What a dead operator has sent arrives, or is lost, before another begins: as with a Lease.

    Where it may come at any later time, a Job can be made that was withdrawn meanwhile, before
    anything of it was on record.
    """
    lag: int = 1
    """Writes of a kind that a watch may be behind; it is told of one before there are more."""
    slow: bool = False
    """It takes minutes."""


STATES: Final = ("pause", "resume", "stop", "cancel")

ONE: Final = Spec(run_cap=1)

SCOPES: Final[dict[str, Scope]] = {
    "two runs": Scope(Spec()),
    "a result": Scope(ONE._replace(target=0.0), lag=3),
    "crashes": Scope(ONE, Left(crashes=2)),
    "lost answers": Scope(ONE, Left(lost=1)),
    "edits": Scope(ONE, Left(edits=1), edits=STATES),
    "evictions": Scope(ONE, Left(evictions=1)),
    "reruns": Scope(ONE, Left(failures=1, edits=1), edits=("rerun",)),
    "two runs at a time": Scope(Spec(parallelism=2), slow=True),
    "two runs and a crash": Scope(Spec(), Left(crashes=1), slow=True),
    "two runs and a lost answer": Scope(Spec(), Left(lost=1), slow=True),
    "watches further behind": Scope(ONE, Left(crashes=1), lag=3, slow=True),
    "two lost answers and a crash": Scope(ONE, Left(lost=2, crashes=1), slow=True),
    "two edits": Scope(ONE, Left(edits=2), edits=STATES, slow=True),
    "an edit and a crash": Scope(
        ONE, Left(edits=1, crashes=1), edits=STATES, prompt=True, slow=True
    ),
    "an edit and an eviction": Scope(ONE, Left(edits=1, evictions=1), edits=STATES, slow=True),
    "parallelism and cap": Scope(
        Spec(),
        Left(edits=1),
        edits=("parallelism 2", "cap 3"),
        slow=True,
    ),
    "evictions and a crash": Scope(ONE, Left(evictions=1, crashes=1), slow=True),
    "budgets": Scope(
        ONE._replace(max_retries=1, max_preemptions=1),
        Left(failures=2, evictions=2),
        slow=True,
    ),
    "runs deleted by hand": Scope(ONE, Left(deletions=1), deletes=("run",), slow=True),
    "Jobs deleted by hand": Scope(ONE, Left(deletions=1), deletes=("Job",), slow=True),
    "Jobs deleted in the foreground": Scope(
        ONE, Left(deletions=1), deletes=("Job in the foreground",), slow=True
    ),
    "pods deleted by hand": Scope(ONE, Left(deletions=1), deletes=("pod",), slow=True),
    "a deletion and a crash": Scope(
        ONE,
        Left(deletions=1, crashes=1),
        deletes=("told run",),
        prompt=True,
        slow=True,
    ),
    "a rerun and a crash": Scope(
        ONE, Left(failures=1, edits=1, crashes=1), edits=("rerun",), slow=True
    ),
    "target": Scope(Spec(parallelism=2, target=1.0), slow=True),
    "an old leader": Scope(ONE, Left(losses_of_lease=1), operators=2, slow=True),
    "two operators": Scope(ONE, operators=2, at_once=2, slow=True),
}
