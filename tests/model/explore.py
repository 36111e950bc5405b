"""Visits every reachable state of a scope, breadth first, and asks whether each has an end."""

import gc
import time
from array import array
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

from tests.model.invariants import (
    ALWAYS,
    UP_TO_DATE,
    it_is_where_its_spec_wants_it,
    sentence,
)
from tests.model.moves import Move, Moves
from tests.model.objects import Hour
from tests.model.scopes import Scope
from tests.model.world import World

STUCK: Final = "no_sweep_is_stuck: From every state there is a way to an end without faults."


@dataclass
class Result:
    """What came of exploring a scope."""

    states: int
    transitions: int
    seconds: float
    broken: str = ""
    """The invariant that doesn't hold; empty if all do."""
    trace: tuple[str, ...] = ()
    """How to get there, in as few moves as can be."""
    ends: int = 0
    """States in which nothing more happens."""


class Table:
    """Things by number, each once."""

    def __init__(self) -> None:
        self.numbers: dict[Hashable, int] = {}
        self.things: list[Any] = []

    def number(self, thing: Hashable) -> int:
        """A thing's number, a new one where it is new."""
        number = self.numbers.setdefault(thing, len(self.things))
        if number == len(self.things):
            self.things.append(thing)
        return number


class Explorer:
    """The states of one scope, by number, and the moves between them."""

    def __init__(self, scope: Scope) -> None:
        self.moves = Moves(scope)
        self.parts = Table()
        self.states = Table()
        self.parents = array("l", [-1])
        self.sources = array("l")
        self.targets = array("l")
        self.ends: list[int] = []
        self.transitions = 0

    def explore(self, most: int = 10_000_000) -> Result:
        """Visit all states, or as many as that."""
        began = time.process_time()
        gc.disable()  # nothing of this becomes garbage, and a million things are long to look at
        try:
            broken, at, last = self._visit_all(most)
        finally:
            gc.enable()
        trace = [*self._trace(at), *last] if broken else []
        return Result(
            len(self.states.things),
            self.transitions,
            time.process_time() - began,
            broken,
            tuple(trace),
            len(self.ends),
        )

    def _visit_all(self, most: int) -> tuple[str, int, list[str]]:
        self._number(self.moves.first())
        at = 0
        while at < len(self.states.things):
            broken, last = self._visit(at)
            if broken:
                return broken, at, last
            at += 1
            if at > most:
                return "", 0, []
        stuck = self._stuck()
        return (STUCK, stuck, []) if stuck is not None else ("", 0, [])

    def _visit(self, at: int) -> tuple[str, list[str]]:
        """Make all moves from a state; tell of what is broken by one, and of that move."""
        world = self._world(at)
        for always in ALWAYS:
            if not always(world.server):
                return sentence(always), []
        rests = True
        for move in self.moves.after(world):
            self.transitions += 1
            if move.complaint:
                return move.complaint, [_joined(move)]
            known = len(self.states.things)
            number = self._number(move.world)
            if number == known:
                self.parents.append(at)
            if move.progress and number != at:
                rests = False
                self.sources.append(at)
                self.targets.append(number)
        if self._is_up_to_date(world, at):
            for invariant in UP_TO_DATE:
                if not invariant(world.server):
                    return sentence(invariant), []
        if rests:
            if not it_is_where_its_spec_wants_it(world.server):
                return sentence(it_is_where_its_spec_wants_it), []
            self.ends.append(at)
        return "", []

    def _is_up_to_date(self, world: World, at: int) -> bool:
        """Its only operator has been told of everything, and a pass of any hour changes nothing."""
        operators = [each for each in world.operators if each is not None]
        if len(operators) != 1 or world.strays or any(operators[0].queues) or operators[0].wires:
            return False
        mind = self.moves.minds[operators[0].mind]
        if mind.listed < 3 or mind.doing is not None or not mind.leads:
            return False
        late = self.moves.minds.meets(operators[0].mind, Hour.LATE)
        return late.mind == operators[0].mind and not late.sent

    def _stuck(self) -> int | None:
        """A state from which there is no way to an end, the first that was met; None for none."""
        count = len(self.states.things)
        firsts = array("l", [-1]) * count
        nexts = array("l", [-1]) * len(self.sources)
        for edge, target in enumerate(self.targets):
            nexts[edge] = firsts[target]
            firsts[target] = edge
        reached = bytearray(count)
        todo = list(self.ends)
        for end in todo:
            reached[end] = 1
        while todo:
            edge = firsts[todo.pop()]
            while edge >= 0:
                source = self.sources[edge]
                if not reached[source]:
                    reached[source] = 1
                    todo.append(source)
                edge = nexts[edge]
        found = reached.find(0)
        return None if found < 0 else found

    def _trace(self, at: int) -> list[str]:
        """The moves by which a state was first reached."""
        words: list[str] = []
        while at > 0:
            parent = self.parents[at]
            moves = self.moves.after(self._world(parent))
            words.append(next(_joined(each) for each in moves if self._number(each.world) == at))
            at = parent
        return words[::-1]

    def _number(self, world: World) -> int:
        """A state's number. Operators are alike: which of them is the first makes no difference,
        though in a trace they may so change their places."""
        part = self.parts.number
        server, operators, strays, left = world
        numbers = [0 if each is None else 1 + part(each) for each in operators]
        return self.states.number((part(server), part(strays), part(left), *sorted(numbers)))

    def _world(self, at: int) -> World:
        server, strays, left, *operators = self.states.things[at]
        things = self.parts.things
        found = tuple(None if each == 0 else things[each - 1] for each in operators)
        return World(things[server], found, things[strays], things[left])


def _joined(move: Move) -> str:
    return " ".join(map(str, move.words))
