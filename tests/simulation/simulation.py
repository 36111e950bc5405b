"""Runs a scenario: operators, a cluster and people, until trouble is over and the sweep at rest."""

import asyncio
import gc
import logging
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, NamedTuple, Self

from tests.fakes.virtual import VirtualLoop, run
from tests.fakes.world import NAMESPACE, sweep
from tests.simulation.cluster import Cluster
from tests.simulation.judge import BrokenError, Judge
from tests.simulation.operators import Operator
from tests.simulation.scenario import TROUBLE, Act, Blow, Scenario
from tests.simulation.server import Server
from tests.simulation.weather import Weather

Json = Mapping[str, Any]

NAME = "a"
PATIENCE = 4 * 3600.0
"""Seconds after the trouble in which a sweep has to come to its rest."""

MOST_REQUESTS = 20_000
"""Of one scenario: more is a loop that never rests."""

TERMINAL = ("Stopped", "Cancelled")


class Outcome(NamedTuple):
    """How a simulation went.

    Attributes:
        broken: the rule that was broken, and how; empty where none was.
        requests: how many there were.
        seconds: of the simulation's own time.
        runs: how many were made.
        attempts: how many Jobs were made.
    """

    broken: str
    requests: int
    seconds: float
    runs: int
    attempts: int


def simulate(scenario: Scenario) -> Outcome:
    """Run a scenario to its end; the same scenario ends the same way."""
    gc.disable()  # what a simulation leaves is small, and looking for it takes a sixth of its time
    try:
        return run(Simulation.of(scenario))
    finally:
        gc.enable()


def shrunk(scenario: Scenario) -> Scenario:
    """The same with as little in it as still breaks the same rule."""

    def rule(each: Scenario) -> str:
        return simulate(each).broken.partition(":")[0]

    broken = rule(scenario)
    while True:
        smaller = next((each for each in scenario.smaller() if rule(each) == broken), None)
        if smaller is None:
            return scenario
        scenario = smaller


class Simulation:
    """One scenario under way."""

    def __init__(self, scenario: Scenario) -> None:
        chance = Random(scenario.seed)
        self._scenario = scenario
        self._chance = Random(chance.random())
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._loop = loop
        self._server = Server(Weather(Random(chance.random()), scenario.storms))
        self._cluster = Cluster(self._server, Random(chance.random()), scenario.nodes)
        self._operators: list[Operator] = []
        self._judge = Judge(self._server, self._cluster, self._operators)
        self._hosts: list[asyncio.Task[None]] = []
        self._started = 0
        self._defects = Defects()

    @classmethod
    async def of(cls, scenario: Scenario) -> Outcome:
        """Run a scenario in the running loop."""
        simulation = cls(scenario)
        return await simulation.run()

    async def run(self) -> Outcome:
        """Run it, and say how it went."""
        server, judge = self._server, self._judge
        server.sent = judge.sent
        server.told_to_go = self._cluster.told_to_go

        def happened(event: Any) -> None:
            judge.happened(event)
            self._cluster.happened(event)

        server.happened = happened
        broken = ""
        with self._defects:
            server.put("sweeps", self._manifest())
            replicas = range(self._scenario.replicas)
            self._hosts = [asyncio.create_task(self._host(index)) for index in replicas]
            try:
                await self._go_through()
                await self._rest()
            except BrokenError as error:
                broken = str(error)
            for host in self._hosts:
                host.cancel()
            for operator in list(self._operators):
                operator.kill()
            await asyncio.wait([*self._hosts, *(each.ended for each in self._operators)])
        made = [plural for plural, _, _ in server.made]
        return Outcome(
            broken,
            len(server.calls),
            self._loop.time(),
            made.count("sweepruns"),
            made.count("jobs"),
        )

    def _manifest(self) -> dict[str, Any]:
        scenario = self._scenario
        policy = {"maxFailures": scenario.max_failures, "maxRetries": scenario.max_retries}
        return sweep(
            NAME,
            parameters={"x": {"values": list(range(50))}},
            runCap=scenario.runs,
            parallelism=scenario.parallelism,
            finishedJobTTL="30s",
            failurePolicy={key: value for key, value in policy.items() if value is not None},
        )

    async def _host(self, index: int) -> None:
        """Keep an operator running, as a Deployment does."""
        while True:
            self._started += 1
            operator = Operator(self._server, f"operator-{index}-{self._started}", 0.0)
            self._operators.append(operator)
            await asyncio.wait([operator.ended])
            self._operators.remove(operator)
            if not operator.ended.cancelled():
                operator.ended.result()  # what has ended it, if it isn't the Lease
            await asyncio.sleep(0.5 + 2.0 * self._chance.random())

    async def _go_through(self) -> None:
        for blow in self._scenario.blows:
            await self._until(blow.at)
            self._deal(blow)
        await self._until(TROUBLE)

    async def _until(self, moment: float) -> None:
        """Let time go by, and see to it that no rule is broken meanwhile."""
        while self._loop.time() < moment:
            await asyncio.sleep(min(10.0, moment - self._loop.time()))
            self._check()

    def _check(self) -> None:
        if self._judge.broken is not None:
            raise self._judge.broken
        if self._defects.found:
            raise BrokenError(f"defect: {self._defects.found[0]}")
        for host in self._hosts:
            if host.done():
                raise BrokenError(f"an operator died: {host.exception()!r}")
        if len(self._server.calls) > MOST_REQUESTS:
            raise BrokenError(f"busy: {len(self._server.calls)} requests")

    async def _rest(self) -> None:
        """Wait until all is as it must be; a paused sweep is resumed then."""
        await self._come_to_rest()
        if self._sweep()["spec"]["state"] == "Paused":
            self._edit(state="Running")
            await self._come_to_rest()

    async def _come_to_rest(self) -> None:
        began, seen = self._loop.time(), -1
        pause = 1.0
        wrongs: list[str] = []
        while self._loop.time() < began + PATIENCE:
            await self._until(self._loop.time() + pause)
            pause = min(pause * 1.2, 30.0)
            if self._server.version == seen:
                continue
            seen = self._server.version
            sweep = self._sweep()
            drained = not sweep.get("status", {}).get("active", 1)
            wrongs = self._judge.wrongs_at_rest(sweep) if drained else ["runs are active"]
            if drained and not wrongs and self._is_at_rest(sweep):
                return
        raise BrokenError(f"stuck: {'; '.join(wrongs) or 'never Complete'}")

    def _is_at_rest(self, sweep: Json) -> bool:
        if sweep["spec"]["state"] == "Paused":
            return True
        conditions = sweep["status"]["conditions"]
        true = {each["type"] for each in conditions if each["status"] == "True"}
        return bool(true & {"Complete", "Failed"})

    # What befalls it

    def _deal(self, blow: Blow) -> None:
        draw, sweep = blow.draw, self._sweep()
        state = sweep["spec"]["state"]
        match blow.act:
            case Act.KILL | Act.RESTART | Act.SLEEP | Act.SKEW:
                self._befall_operator(blow)
            case Act.PAUSE if state == "Running":
                self._edit(state="Paused")
            case Act.RESUME if state == "Paused":
                self._edit(state="Running")
            case Act.STOP if state not in TERMINAL:
                self._edit(state="Stopped")
            case Act.CANCEL if state != "Cancelled":
                self._edit(state="Cancelled")
            case Act.PARALLELISM:
                self._edit(parallelism=1 + int(5 * draw))
            case Act.RAISE if state not in TERMINAL:
                self._edit(runCap=sweep["spec"]["runCap"] + 1 + int(3 * draw))
            case Act.RERUN if state not in TERMINAL:
                self._edit(rerunFailed=sweep["spec"].get("rerunFailed", 0) + 1)
            case Act.EVICT:
                self._to_one("pods", draw, self._cluster.evict)
            case Act.DELETE_POD | Act.DELETE_JOB | Act.DELETE_RUN:
                plural = {Act.DELETE_POD: "pods", Act.DELETE_JOB: "jobs"}.get(blow.act, "sweepruns")
                self._to_one(plural, draw, lambda it: self._cluster.take_away(plural, it))
            case Act.RECREATE:
                self._server.remove("sweeps", NAME)
                self._server.put("sweeps", self._manifest())
            case _:
                pass  # refused by the API server, or nothing to be changed

    def _befall_operator(self, blow: Blow) -> None:
        if not self._operators:
            return
        operator = self._operators[int(blow.draw * len(self._operators))]
        match blow.act:
            case Act.KILL:
                operator.kill()
            case Act.RESTART:
                operator.end()
            case Act.SKEW:
                operator.skew = 7200.0 * (blow.draw - 0.5)
            case _:
                operator.sleep()
                self._server.later(60.0 * blow.draw, operator.wake)

    def _to_one(self, plural: str, draw: float, act: Callable[[Json], None]) -> None:
        there = [
            thing
            for thing in self._server.of(plural)
            if plural != "pods" or thing["status"]["phase"] in ("Pending", "Running")
        ]
        if there:
            act(there[int(draw * len(there))])

    def _edit(self, **spec: Any) -> None:
        self._server.change("sweeps", NAME, {"spec": spec})

    def _sweep(self) -> Json:
        return self._server.objects["sweeps", NAMESPACE, NAME]


class Defects(logging.Handler):
    """Takes down what the operator itself calls a defect, and what nobody has caught."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what was logged."""
        self.found.append(self.format(record))

    def __enter__(self) -> Self:
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)
