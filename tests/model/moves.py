"""All that may happen next: by the wire, watches, operators, the cluster, faults and people."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from tests.model import invariants
from tests.model.cluster import Change, by_itself, by_people
from tests.model.objects import SWEEPS, Hour, Sweep
from tests.model.scopes import Scope
from tests.model.server import (
    LOST,
    OK,
    READS,
    Answer,
    Event,
    Request,
    Server,
    arrive,
)
from tests.model.world import Minds, Operator, Outcome, Wire, World, freshness, told

Queues = tuple[tuple[Event, ...], ...]

WHO: Final = ("operator 1", "operator 2")


class Move(NamedTuple):
    """One thing that may happen."""

    words: tuple[object, ...]
    """For a person, to be joined."""
    world: World
    progress: bool = True
    """It needs no fault and no person: it is what brings a sweep to its end."""
    complaint: str = ""
    """The invariant that it breaks."""


class Moves:
    """The moves of one scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.minds = Minds()

    def first(self) -> World:
        """The state in which all begins: the Sweep is there, and operators have been started."""
        stored = Sweep(self.scope.spec)
        begun = [Operator(self.minds.newborn(stored)) for _ in range(self.scope.at_once)]
        idle = [None] * (self.scope.operators - self.scope.at_once)
        return World(Server(stored), (*begun, *idle), (), self.scope.left)

    def after(self, world: World) -> Iterator[Move]:
        """All moves from a state."""
        for slot, operator in enumerate(world.operators):
            if operator is not None:
                yield from self._of_operator(world, slot, operator)
        yield from self._begin(world)
        yield from self._of_strays(world)
        yield from self._of_others(world)

    # Operators

    def _of_operator(self, world: World, slot: int, operator: Operator) -> Iterator[Move]:
        mind = self.minds[operator.mind]
        who = WHO[slot]
        for kind, queue in enumerate(operator.queues):
            if queue:
                yield self._deliver(world, slot, operator, kind)
        for wire in operator.wires:
            if wire.answer is None:
                yield from self._arrive(world, slot, operator, wire)
            else:
                yield self._answer(world, slot, operator, wire)
        if mind.listed < 3:
            yield self._list(world, slot, operator, mind.listed)
        elif mind.doing is None and mind.leads:
            yield from self._passes(world, slot, operator)
        elif mind.doing is None:
            gone = _replaced(world, slot, None)
            yield Move((who, "ends, as it leads no longer"), gone)
        left = world.left
        if left.crashes:
            strays = [wire.request for wire in operator.wires if _may_stray(wire)]
            dead = _replaced(world, slot, None)._replace(
                strays=tuple(sorted({*world.strays, *strays}, key=repr)),
                left=left._replace(crashes=left.crashes - 1),
            )
            yield Move((who, "is killed"), dead, progress=False)
        if left.losses_of_lease and mind.leads:
            outcome = self.minds.meets(operator.mind, "lease lost")
            late = _replaced(world, slot, operator._replace(mind=outcome.mind))
            late = late._replace(left=left._replace(losses_of_lease=left.losses_of_lease - 1))
            yield Move((who, "sleeps past its Lease's deadline"), late, progress=False)

    def _begin(self, world: World) -> Iterator[Move]:
        """Another operator begins where one leads no longer: it was a standby, and knows Sweeps."""
        leading = [each for each in world.operators if each and self.minds[each.mind].leads]
        if len(leading) >= self.scope.at_once or None not in world.operators:
            return
        if self.scope.prompt and world.strays:
            return
        slot = world.operators.index(None)
        newborn = Operator(self.minds.newborn(world.server.sweep))
        yield Move((WHO[slot], "begins"), _replaced(world, slot, newborn))

    def _list(self, world: World, slot: int, operator: Operator, kind: int) -> Move:
        things = world.server[kind + 1]
        mind = self.minds.meets(operator.mind, ("listed", things)).mind
        words = (WHO[slot], "lists", ("SweepRuns", "Jobs", "pods")[kind])
        return Move(words, _replaced(world, slot, operator._replace(mind=mind)))

    def _deliver(self, world: World, slot: int, operator: Operator, kind: int) -> Move:
        event, *rest = operator.queues[kind]
        mind = self.minds.meets(operator.mind, event).mind
        queues = _with(operator.queues, kind, tuple(rest))
        after = self._without_old_news(Operator(mind, queues, operator.wires))
        words = (WHO[slot], "is told of", event)
        return Move(words, _replaced(world, slot, after))

    def _without_old_news(self, operator: Operator) -> Operator:
        """An operator whose watches don't begin with what it knows by an answer.

        To be told of that sooner changes nothing, unless it comes to know that the object is gone
        by another way than the watch: so not where people delete things, or an answer is awaited.
        """
        if self.scope.deletes or any(wire.answer is not None for wire in operator.wires):
            return operator
        mind, queues, wires = operator
        if not any(queues):
            return operator
        return Operator(mind, tuple([self._news(mind, queue) for queue in queues]), wires)

    def _news(self, mind: int, queue: tuple[Event, ...]) -> tuple[Event, ...]:
        while queue and self.minds.meets(mind, queue[0]).mind == mind:
            queue = queue[1:]
        return queue

    def _passes(self, world: World, slot: int, operator: Operator) -> Iterator[Move]:
        known: list[Outcome] = []
        for hour in Hour:
            if hour is Hour.LATEST and self._creates_elsewhere(world, slot):
                continue
            outcome = self.minds.meets(operator.mind, hour)
            if outcome in known:
                continue
            known.append(outcome)
            words = (WHO[slot], "begins a pass", hour.name.lower(), *_told_of(outcome.sent))
            after = _sending(operator, outcome.mind, outcome.sent)
            yield Move(words, _replaced(world, slot, after), complaint=outcome.complaint)

    def _creates_elsewhere(self, world: World, slot: int) -> bool:
        """A Job's creation is on its way, or about to be sent, from another operator.

        The time that an ended Job stays is longer than any of that takes: at least two Leases.
        """
        if any(request.verb == "create Job" for request in world.strays):
            return True
        others = (each for at, each in enumerate(world.operators) if at != slot and each)
        return any(
            doing is not None and bool(doing.tasks or doing.todo)
            for doing in (self.minds[each.mind].doing for each in others)
        )

    # The wire

    def _arrive(self, world: World, slot: int, operator: Operator, wire: Wire) -> Iterator[Move]:
        who, what = WHO[slot], wire.request
        server, events, answer = arrive(world.server, wire.request)
        complaint = invariants.check_arrival(world.server, wire.request, server)
        there = self._tell(world._replace(server=server), events)
        if there is not None:
            yield Move(
                (who, "asks to", what, "and is answered", answer.code),
                _answered(there, slot, wire, answer),
                complaint=complaint,
            )
        left = world.left
        if not left.lost:
            return
        fewer = left._replace(lost=left.lost - 1)
        lost = _answered(world._replace(left=fewer), slot, wire, Answer(LOST))
        yield Move((who, "asks in vain to", what), lost, progress=False)
        if there is not None and wire.request.verb not in READS and answer.code == OK:
            unheard = _answered(there._replace(left=fewer), slot, wire, Answer(LOST))
            words = (who, "asks to", what, "and the answer is lost")
            yield Move(words, unheard, progress=False, complaint=complaint)

    def _answer(self, world: World, slot: int, operator: Operator, wire: Wire) -> Move:
        assert wire.answer is not None
        request, answer = wire.request, freshness(operator, wire.request, wire.answer)
        outcome = self.minds.meets(operator.mind, (request, answer))
        wires = tuple(each for each in operator.wires if each is not wire)
        after = operator._replace(wires=wires)
        if "Sweep" in request.verb and wire.answer.code == OK:
            after = after._replace(queues=_caught_up(after.queues, wire.answer.thing))
        after = self._without_old_news(_sending(after, outcome.mind, outcome.sent))
        heard = (WHO[slot], "hears", wire.answer.code, "of", request)
        words = (*heard, *_told_of(outcome.sent))
        return Move(words, _replaced(world, slot, after), complaint=outcome.complaint)

    def _of_strays(self, world: World) -> Iterator[Move]:
        for request in world.strays:
            rest = tuple(each for each in world.strays if each is not request)
            without = world._replace(strays=rest)
            yield Move(("a dead operator asks in vain to", request), without)
            server, events, answer = arrive(world.server, request)
            complaint = invariants.check_arrival(world.server, request, server)
            there = self._tell(without._replace(server=server), events)
            if there is not None:
                words = ("a dead operator asks to", request, "and is answered", answer.code)
                yield Move(words, there, complaint=complaint)

    # The cluster and people

    def _of_others(self, world: World) -> Iterator[Move]:
        scope, left = self.scope, world.left
        yield from self._changes(world, by_itself(world.server))
        if left.edits or left.deletions:
            yield from self._changes(world, by_people(world.server, scope.edits, scope.deletes))

    def _changes(self, world: World, changes: Iterator[Change]) -> Iterator[Move]:
        for words, server, events, costs in changes:
            left = world.left
            if costs:
                if not getattr(left, costs):
                    continue
                left = left._replace(**{costs: getattr(left, costs) - 1})
            after = self._tell(World(server, world.operators, world.strays, left), events)
            if after is not None:
                yield Move(words, after, progress=not costs)

    def _tell(self, world: World, events: tuple[Event, ...]) -> World | None:
        """A world in which watches have more to tell; None where one is as far behind as may be."""
        if not events:
            return world
        operators: list[Operator | None] = []
        for operator in world.operators:
            if operator is None:
                operators.append(None)
                continue
            after = told(operator, self.minds[operator.mind].listed, events)
            for before, now in zip(operator.queues, after.queues, strict=True):
                if before and len(now) > len(before) and len(now) > self.scope.lag:
                    return None
            operators.append(after)
        return World(world.server, tuple(operators), world.strays, world.left)


def _caught_up(queues: Queues, sweep: Sweep) -> Queues:
    """The queues without what is older than an answer about the Sweep (Cache._take)."""
    queue = queues[SWEEPS]
    past = [at for at, event in enumerate(queue) if event.thing == sweep]
    return _with(queues, SWEEPS, queue[past[-1] + 1 :]) if past else queues


def _with(queues: Queues, kind: int, queue: tuple[Event, ...]) -> Queues:
    return (*queues[:kind], queue, *queues[kind + 1 :])


def _replaced(world: World, slot: int, operator: Operator | None) -> World:
    server, operators, strays, left = world
    operators = (*operators[:slot], operator, *operators[slot + 1 :])
    return World(server, operators, strays, left)


def _answered(world: World, slot: int, wire: Wire, answer: Answer) -> World:
    operator = world.operators[slot]
    assert operator is not None
    answered = Wire(wire.request, answer)
    wires = tuple([answered if each is wire else each for each in operator.wires])
    return _replaced(world, slot, Operator(operator.mind, operator.queues, wires))


def _sending(operator: Operator, mind: int, sent: tuple[Request, ...]) -> Operator:
    wires = operator.wires
    if sent:
        wires = tuple(sorted((*wires, *map(Wire, sent)), key=lambda wire: wire.request[:3]))
    return Operator(mind, operator.queues, wires)


def _may_stray(wire: Wire) -> bool:
    return wire.answer is None and wire.request.verb not in READS


def _told_of(sent: tuple[Request, ...]) -> tuple[object, ...]:
    return ("and asks to", *sent) if sent else ()
