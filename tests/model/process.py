"""One operator's process: what it knows, what it remembers, and the pass that it is in.

Between two moves it is a `Mind`, which can be compared and kept; in a move it is a `Process`, which
the mirror of reconcile/ works on. Its ledger is the operator's own, in both.
"""

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, Final, NamedTuple

from tests.model import invariants
from tests.model.objects import NOW, Hour, Spec, Sweep, intent_of
from tests.model.server import Request

from sweep_operator.api.run import RunPhase
from sweep_operator.planning.early_termination import Brackets
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.plateau import Stillness
from sweep_operator.planning.regime import Regime
from sweep_operator.planning.sweep import Intent


class Stage(Enum):
    """Where a pass waits for answers."""

    KILLING = "telling pods to go"
    MAKING_SURE = "asking about Jobs in doubt"
    SETTLING = "settling"
    ASKING = "asking whether the Sweep is there"
    STARTING = "starting"
    CONFIRMING = "counting pods"
    WRITING = "writing the Sweep's status"


class Task(NamedTuple):
    """A request under way, and what is to be done with its answer."""

    request: Request
    then: Callable[..., None]
    about: Any = None


class Memory(NamedTuple):
    """reconcile.sweep.Memory: what is kept of a sweep between passes."""

    generation: int = 0
    regime: Regime | None = None
    refusals: bool = False
    """A creation was refused in the last pass (start.Retry)."""
    retry_later: bool = False
    told: bool = False
    """Pods were told to go (cancel.Killing)."""
    confirmed: bool = False
    pods_left: int = 0


class Pass(NamedTuple):
    """A pass under way."""

    spec: Spec
    hour: Hour
    stage: Stage
    tasks: tuple[Task, ...] = ()
    todo: tuple[Any, ...] = ()
    failed: bool = False
    refused: bool = False
    started: int = 0
    wanted: int = 0


class Book:
    """A ledger that is never changed again, of which there is one only."""

    __slots__ = ("ledger",)

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger


class Mind(NamedTuple):
    """A process between two moves."""

    leads: bool
    """It may create (leadership.holds)."""
    listed: int
    """How many of runs, Jobs and pods it has listed."""
    sweep: Sweep
    book: Book
    pods: frozenset[tuple[tuple[int, int], int]]
    """The versions of the pods that it knows of; those of the others are in the ledger."""
    memory: Memory
    doing: Pass | None


@dataclass
class Process:
    """A process in a move."""

    leads: bool
    listed: int
    sweep: Sweep
    ledger: Ledger
    pods: dict[tuple[int, int], int]
    memory: Memory
    doing: Pass | None
    sent: list[Request] = field(default_factory=list)
    complaint: str = ""
    """The first invariant that a request has broken when it was sent."""

    @classmethod
    def of(cls, mind: Mind) -> "Process":
        """Wake a mind up."""
        return cls(
            mind.leads,
            mind.listed,
            mind.sweep,
            _copy(mind.book.ledger),
            dict(mind.pods),
            mind.memory,
            mind.doing,
        )

    def mind(self) -> Mind:
        """What it is until its next move."""
        return Mind(
            self.leads,
            self.listed,
            self.sweep,
            _kept(self.ledger),
            frozenset(self.pods.items()),
            self.memory,
            self.doing,
        )

    @property
    def intent(self) -> Intent:
        """What is wanted, as read when the pass began."""
        return intent_of(self.now_doing.spec)

    @property
    def now_doing(self) -> Pass:
        """The pass."""
        assert self.doing is not None
        return self.doing

    @property
    def now(self) -> float:
        """The pass's hour."""
        return self.now_doing.hour.value

    def change(self, **changes: Any) -> None:
        """Bring the pass further."""
        self.doing = self.now_doing._replace(**changes)

    def remember(self, **changes: Any) -> None:
        """Keep something for the passes to come."""
        self.memory = self.memory._replace(**changes)

    def send(self, request: Request, then: Callable[..., None], about: Any = None) -> None:
        """Put a request on its way; `then` is called with its answer."""
        self.sent.append(request)
        self.complaint = self.complaint or invariants.check_sending(self, request)
        self.change(tasks=(*self.now_doing.tasks, Task(request, then, about)))

    def end_pass(self) -> None:
        """The pass is over, or was given up."""
        self.doing = None


_FIELDS = [each.name for each in fields(Ledger)]

_books: dict[tuple[Any, ...], Book] = {}


def _kept(ledger: Ledger) -> Book:
    _tidy(ledger)
    key = tuple([_key(getattr(ledger, name)) for name in _FIELDS])
    found = _books.get(key)
    if found is None:
        found = _books[key] = Book(ledger)
    return found


def _tidy(ledger: Ledger) -> None:
    """Leave out what makes no difference: when exactly a look is due, and entries out of date."""
    ledger._looks_due = dict.fromkeys(ledger._looks_due, NOW + 1)
    ledger._looks = sorted((when, number) for number, when in ledger._looks_due.items())
    assert ledger.best is None or ledger._best_known  # asking for the best finds it


def _copy(ledger: Ledger) -> Ledger:
    return Ledger(*[_copied(getattr(ledger, name)) for name in _FIELDS])


def _copied(value: Any) -> Any:
    copied = _COPIED.get(type(value))
    return value if copied is None else copied(value)


def _copied_count(value: Counter[Any]) -> Counter[Any]:
    count: Counter[Any] = Counter()
    dict.update(count, value)  # Counter.copy asks much of each
    return count


def _copied_dict(value: dict[Any, Any]) -> dict[Any, Any]:
    return {key: _copied(each) for key, each in value.items()}


_COPIED: Final[dict[type, Callable[[Any], Any]]] = {
    Counter: _copied_count,
    dict: _copied_dict,
    list: list.copy,
    set: set.copy,
    Brackets: lambda value: copy.deepcopy(value) if value.values else value,
    Stillness: copy.deepcopy,
}


def _key(value: Any) -> Any:
    key = _KEYS.get(type(value))
    return value if key is None else key(value)


def _key_of_count(value: Counter[Any]) -> Any:
    return tuple([(key, value[key]) for key in RunPhase if value.get(key)])


def _key_of_dict(value: dict[Any, Any]) -> Any:
    return tuple([(key, _key(value[key])) for key in sorted(value)])


_KEYS: Final[dict[type, Callable[[Any], Any]]] = {
    Counter: _key_of_count,
    dict: _key_of_dict,
    list: tuple,
    set: frozenset,
    Brackets: lambda value: _key_of_dict(value.values),
    Stillness: lambda value: tuple(_key(getattr(value, each)) for each in value.__slots__),
}
