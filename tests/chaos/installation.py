"""An installation that suffers: its operators, its sweeps, the people who edit them, its judge."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple, Self

from tests.chaos.crowd import Crowd, Plan, plans
from tests.chaos.judge import Judge
from tests.chaos.operators import Clock, Lease, Operator, Operators
from tests.chaos.report import Finding, Row
from tests.integration.conftest import Place, Places

SOON = 2.5
"""Seconds within which a random moment is."""

WRONG_BY = 600.0
"""Seconds by which a clock that is to be wrong is so at times."""

CLOSE = 0.02
"""Seconds between something that was stored and what goes wrong right after it."""


class Installation:
    """A namespace with its operators. Use as an async context manager.

    Args:
        place: the namespace.
        operators: starts them.
        seed: of all that is chosen here.
        chosen: the sweeps.
        clocks: wrong ones, of the operators one after the other.
    """

    def __init__(
        self,
        place: Place,
        operators: Operators,
        seed: str,
        chosen: Sequence[Plan],
        clocks: Sequence[Clock | None] = (None,),
    ) -> None:
        self.place = place
        self.operators = operators
        self.chance = random.Random(seed)
        self.judge = Judge(place.api, place.namespace)
        self.lease = Lease(place.api, place.namespace)
        self.suffered = 0
        self._chosen = chosen
        self._clocks = clocks
        self._crowd = Crowd(place, chosen, self.chance)
        self._staff: list[Operator] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.judge)
        await self._stack.enter_async_context(self.lease)
        await self._crowd.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def staff(self, count: int) -> None:
        """Start operators until there are so many."""
        self._staff = self.at_work
        while len(self._staff) < count:
            clock = self._clocks[self.suffered % len(self._clocks)]
            self._staff.append(self.operators.start(self.place.namespace, clock=clock))

    @property
    def at_work(self) -> list[Operator]:
        """Operators that live."""
        return [each for each in self._staff if each.alive]

    async def pause_all(self) -> None:
        """Pause all sweeps, and wait until the leader says that it has seen it."""
        await self._crowd.pause_all()

    async def leader(self) -> Operator:
        """Wait for one."""
        while True:
            found = self.operators.led_by(await self.lease.until_held())
            if found is not None and found.alive:
                return found
            await self.lease.until_held(by_other_than=self.lease.holder)

    async def moment(self) -> None:
        """Wait until some moment: often it is right after something was stored."""
        kind = self.chance.choice(("", "", "run", "run", "job", "job", "sweep", "pod"))
        await asyncio.sleep(self.chance.uniform(0, SOON / 2 if kind else SOON))
        if kind:
            await self.judge.next(kind, within=SOON)
            await asyncio.sleep(self.chance.uniform(0, CLOSE))

    async def suffer(self, fault: "Fault", times: int) -> None:
        """Have something go wrong so often while people edit sweeps, and let all come to its end.

        Args:
            fault: does it.
            times: how often.
        """
        for self.suffered in range(1, times + 1):
            await fault(self)
            await self._crowd.edit(self.suffered / times)
        assert self.lease.farthest > WRONG_BY or not any(self._clocks), "all clocks are right"
        await self._set_clocks()
        await self._crowd.end()
        await self.judge.told_all()

    async def _set_clocks(self) -> None:
        """Put operators with a right clock in the place of the others."""
        self._clocks = (None,)
        wrong = [each for each in self._staff if each.clock is not None]
        for operator in wrong:
            operator.kill()
        if wrong:
            self.staff(len(wrong))
            await self.lease.give("")

    def findings(self) -> list[Finding]:
        """All that is wrong."""
        return [*self._crowd.findings(), *self.judge.findings()]

    @property
    def sweeps(self) -> int:
        """How many there are."""
        return len(self._chosen)


Fault = Callable[[Installation], Awaitable[object]]


class Trial(NamedTuple):
    """What goes wrong, how often, and for how many sweeps."""

    seed: int
    fault: Fault
    times: int
    sweeps: int
    installations: int
    """Each has a namespace, a Lease and its part of the sweeps and faults."""
    runs: int
    """Of each sweep, about."""
    clocks: Sequence[Clock | None] = (None,)


async def carry_out(trial: Trial, places: Places, operators: Operators) -> list[Installation]:
    """Have installations suffer at the same time; return them for a judgement."""
    count = min(trial.installations, trial.times)  # none is left without operators
    all_plans = plans(random.Random(trial.seed), trial.sweeps, trial.runs)

    async def suffer(number: int) -> Installation:
        chosen = all_plans[number::count]
        async with places() as place:
            seed = f"{trial.seed}-{number}"
            async with Installation(place, operators, seed, chosen, trial.clocks) as made:
                await made.suffer(trial.fault, len(range(number, trial.times, count)))
                return made

    return await asyncio.gather(*map(suffer, range(count)))


def row(fault: str, installations: Sequence[Installation], notes: str = "") -> Row:
    """What has become of them, for the report."""
    return Row(
        fault,
        sum(each.suffered for each in installations),
        sum(each.sweeps for each in installations),
        sum(each.judge.runs for each in installations),
        sum(each.judge.jobs for each in installations),
        [finding for each in installations for finding in each.findings()],
        notes,
    )
