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
    """What is deleted by hand: run, Job, pod."""
    lag: int = 2
    """Writes of a kind that a watch may be behind; it is told of one before there are more."""
    slow: bool = False


STATES: Final = ("pause", "resume", "stop", "cancel")

SCOPES: Final[dict[str, Scope]] = {
    "undisturbed": Scope(Spec(parallelism=2), lag=3),
    "crashes": Scope(Spec(), Left(crashes=2)),
    "two at a time, crashes": Scope(Spec(parallelism=2), Left(crashes=1), lag=1),
    "lost answers": Scope(Spec(), Left(lost=2)),
    "lost answers and a crash": Scope(Spec(), Left(lost=1, crashes=1)),
    "edits": Scope(Spec(run_cap=1), Left(edits=2), edits=STATES),
    "edits and a crash": Scope(Spec(run_cap=1), Left(edits=1, crashes=1), edits=STATES),
    "parallelism": Scope(
        Spec(), Left(edits=2), edits=("parallelism 2", "parallelism 1", "cap 3"), lag=1
    ),
    "evictions": Scope(Spec(run_cap=1), Left(evictions=2, crashes=1)),
    "evictions in all states": Scope(
        Spec(run_cap=1), Left(evictions=1, edits=1), edits=STATES
    ),
    "deletions by hand": Scope(
        Spec(), Left(deletions=1), deletes=("run", "Job", "pod"), lag=1
    ),
    "reruns": Scope(Spec(run_cap=1), Left(failures=2, edits=1, crashes=1), edits=("rerun",)),
    "budgets": Scope(
        Spec(run_cap=1, max_retries=1, max_preemptions=1), Left(failures=2, evictions=2), lag=1
    ),
    "target": Scope(Spec(run_cap=2, parallelism=2, target=1.0), lag=1),
    "an old leader": Scope(Spec(run_cap=1), Left(losses_of_lease=1), operators=2),
    "two operators": Scope(Spec(run_cap=1), operators=2, at_once=2, lag=1),
}
