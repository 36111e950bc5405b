"""The state of everything: the server, the operators with what they don't know yet, the wire.

A state is a tuple of a few tuples, each of which there is one only, so that a million of them fit.
"""

from typing import Any, NamedTuple

from tests.model.mirror import cache, sweep
from tests.model.objects import PODS, RUNS, SWEEPS, Hour, Sweep
from tests.model.process import Memory, Mind, Process
from tests.model.server import OK, Answer, Event, Request, Server

from sweep_operator.planning.ledger import Ledger


class Wire(NamedTuple):
    """A request under way."""

    request: Request
    answer: Answer | None = None
    """None while the request hasn't arrived."""


class Operator(NamedTuple):
    """One operator."""

    mind: int
    """Its number in the table of minds."""
    queues: tuple[tuple[Event, ...], ...] = ((), (), (), ())
    """By kind, what its watches have still to tell."""
    wires: tuple[Wire, ...] = ()


class Left(NamedTuple):
    """How often what is beyond the operator's power may still happen."""

    crashes: int = 0
    lost: int = 0
    """Requests or answers."""
    losses_of_lease: int = 0
    edits: int = 0
    evictions: int = 0
    deletions: int = 0
    """By hand: of records, Jobs and pods."""
    failures: int = 0
    """Programs that fail by themselves."""


class World(NamedTuple):
    """A state."""

    server: Server
    operators: tuple[Operator | None, ...]
    strays: tuple[Request, ...]
    """Requests on the way whose senders are dead."""
    left: Left


class Outcome(NamedTuple):
    """What has become of a mind."""

    mind: int
    sent: tuple[Request, ...]
    complaint: str


class Minds:
    """All minds that were ever met, and what becomes of each by what."""

    def __init__(self) -> None:
        self._numbers: dict[Mind, int] = {}
        self._minds: list[Mind] = []
        self._met: dict[tuple[int, Any], Outcome] = {}

    def number(self, mind: Mind) -> int:
        """A mind's number in the table."""
        number = self._numbers.setdefault(mind, len(self._minds))
        if number == len(self._minds):
            self._minds.append(mind)
        return number

    def __getitem__(self, number: int) -> Mind:
        return self._minds[number]

    def __len__(self) -> int:
        return len(self._minds)

    def meets(self, number: int, what: Any) -> Outcome:
        """What becomes of a mind by an event, an answer to a request, or an hour."""
        found = self._met.get((number, what))
        if found is None:
            process = Process.of(self._minds[number])
            match what:
                case Event():
                    cache.take_event(process, what)
                case (Request() as request, Answer() as answer):
                    sweep.take_answer(process, request, answer)
                case Hour():
                    sweep.begin(process, what)
                case "lease lost":
                    process.leads = False
                case ("listed", things):
                    process.listed += 1
                    for thing in things:
                        cache.take(process, thing)
            outcome = Outcome(self.number(process.mind()), tuple(process.sent), process.complaint)
            found = self._met[number, what] = outcome
        return found

    def newborn(self, stored: Sweep) -> int:
        """An operator that leads, and knows nothing but the Sweep."""
        process = Process(True, 0, stored, Ledger(), {}, Memory(), None)
        cache.take_sweep(process, stored)
        return self.number(process.mind())


def told(operator: Operator, listed: int, events: tuple[Event, ...]) -> Operator:
    """An operator whose watches have more to tell; it watches what it has listed, and Sweeps."""
    queues = list(operator.queues)
    for event in events:
        if event.kind == SWEEPS or event.kind < listed:
            queues[event.kind] = (*queues[event.kind], event)
    return Operator(operator.mind, tuple(queues), operator.wires)


def freshness(operator: Operator, request: Request, answer: Answer) -> Answer:
    """An answer with whether it is news: Sink.answer takes in what the watch isn't past.

    The watch isn't past a write of which it has still to tell.
    """
    if answer.code != OK or answer.thing is None or isinstance(answer.thing, int):
        return answer
    if request.verb == "read pods":
        pods = tuple((pod, _to_come(operator, PODS, pod)) for pod in answer.thing)
        return Answer(OK, pods, gone=not pods and _is_going(operator, request))
    kind = SWEEPS if "Sweep" in request.verb else RUNS if "run" in request.verb else 1
    return Answer(OK, (answer.thing, _to_come(operator, kind, answer.thing)))


def _is_going(operator: Operator, request: Request) -> bool:
    """Whether a pod's deletion is still to come: what is known of it is older than its absence."""
    events = operator.queues[PODS]
    return any(event.gone and event.thing[:2] == request[1:3] for event in events)


def _to_come(operator: Operator, kind: int, thing: Any) -> bool:
    return any(event.thing == thing and not event.gone for event in operator.queues[kind])
