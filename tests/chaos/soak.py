"""An hour of work and of bad weather: is each run made once, and does the operator stay small?

    PYTHONPATH=dev python -m tests.chaos.soak --cluster-name=NAME --kubeconfig=FILE --minutes=60

The operator is a process of its own behind a wire. Some fifty sweeps are alive at any time: people
make, pause, resume, stop, cancel and delete them, and evict their pods. Each minute something goes
wrong with the wire, and now and then with the API server. What the process takes is looked at from
outside every few seconds, and judged: the last two thirds, without the time in which it warms up.
"""

import argparse
import asyncio
import itertools
import json
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

from tests.chaos.account import account, server_of, with_token
from tests.chaos.crowd import ENDED_EARLY, FINISHED, GRACE, is_acknowledged, runs_now
from tests.chaos.judge import Expected, ends
from tests.chaos.operators import Kept, Operators, User
from tests.chaos.proxy import FAULTS, Proxy, strike
from tests.chaos.report import Finding, Row, Wrong, report, words
from tests.chaos.servers import ControlPlane, restore_crds
from tests.chaos.slots import Slots
from tests.integration.conftest import ROOT, Place
from tests.integration.hands import Hands, sweep
from tests.integration.view import Picture, View

from sweep_operator.effects.api import Api, ApiError
from sweep_operator.handlers.connection import configuration

SAMPLE_EVERY = 15.0
FAULT_EVERY = 60.0
SERVER_EVERY = 900.0
"""Seconds between deaths of the API server."""

LONGEST_FAULT = 8.0
"""Seconds. After some more the Lease is lost, and the process is another: its memory too."""

WARM_UP = 45.0
CALM = 75.0
"""Seconds after the last sweep's end: idle connections are closed after 60."""

LINGER, PATIENCE = 3.0, 90.0
"""Seconds that a sweep stays after its end, as it is to be, and as it isn't yet."""

ALLOWED_GROWTH = 0.05, 6.0
"""Of memory in the last two thirds: this part of it, or so many MiB if that is more."""
ALLOWED_MORE = 3
"""Files, sockets, tasks and threads at the end, above what there was before the bad weather."""


@dataclass(frozen=True)
class Sample:
    """What the process takes at a moment."""

    at: float
    """Seconds since the start."""
    pid: int
    memory: float
    """MiB, resident."""
    files: int
    sockets: int
    threads: int
    children: int
    """Processes: those that search."""
    tasks: int
    watches: int
    """Opened since the process' start."""
    lists: int
    garbage: int
    """Objects that Python's collector has found, since the start."""
    sweeps: int
    calm: bool


@dataclass
class Plan:
    """What somebody wants of a sweep, and what is to come of it."""

    runs: int
    parallelism: int
    state: str = "Running"
    gone: bool = False
    ended: float | None = None
    """When it was first seen to be at its end."""


@dataclass
class Soak:
    """All that goes on.

    Args:
        place: a namespace.
        plane: the servers.
        proxy: the wire.
        operator: the process.
        chance: decides what is done.
        most: sweeps alive.
    """

    place: Place
    plane: ControlPlane
    proxy: Proxy
    operator: Kept
    chance: random.Random
    most: int
    lasts: float
    began: float = field(default_factory=time.monotonic)
    plans: dict[str, Plan] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    made: int = 0
    runs: int = 0
    calm: bool = True

    def __post_init__(self) -> None:
        self.slots = Slots(self.place, self._parallelism)

    async def run(self, seconds: float) -> None:
        """Do it all, and leave nothing undone."""
        async with self.slots:
            people = asyncio.create_task(self._people())
            looking = asyncio.create_task(self._look())
            await asyncio.sleep(WARM_UP)
            await self._settle()
            self.calm = False
            weather = asyncio.create_task(self._weather())
            servers = asyncio.create_task(self._servers())
            tasks = (people, looking, weather, servers)
            left = max(0.0, seconds - WARM_UP - CALM)
            ended, _ = await asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:  # none is meant to end by itself
                task.result()
            for task in (people, weather, servers):
                task.cancel()
            await asyncio.gather(people, weather, servers, return_exceptions=True)
            self.proxy.release()
            await self.plane.whole()
            await self._finish()
            await asyncio.sleep(CALM)
            self.calm = True
            await self._settle()
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        self.findings += self.slots.findings()

    # What people do

    async def _people(self) -> None:
        while True:
            with suppress(ApiError):  # it goes wrong for them too
                await self._deed()
            await asyncio.sleep(self.chance.uniform(0.1, 0.6))

    async def _deed(self) -> None:
        await self._take_away_what_has_ended()
        alive = [name for name, plan in self.plans.items() if not plan.gone]
        if len(alive) < self.most:
            await self._make()
            return
        name = self.chance.choice(alive)
        plan = self.plans[name]
        deed = self.chance.choice(
            ("pause", "resume", "resume", "stop", "cancel", "delete", "evict")
        )
        match deed:
            case "pause" if plan.state == "Running":
                await self._command(name, "Paused")
            case "resume":
                deed = "resume"
                paused = [each for each in alive if self.plans[each].state == "Paused"]
                if paused:
                    await self._command(self.chance.choice(paused), "Running")
            case "stop" if plan.state in ("Running", "Paused"):
                await self._command(name, "Stopped")
            case "cancel" if plan.state != "Cancelled":
                await self._command(name, "Cancelled")
            case "delete":
                await self._delete(name)
            case "evict":
                pods = [pod for pod in self.place.view.of(name).pods if runs_now(pod)]
                if pods:
                    await self.place.hands.evict(self.chance.choice(pods))
            case _:
                return
        self.deeds[deed] += 1

    async def _make(self) -> None:
        self.made += 1
        name = f"k-{self.made}"
        runs, parallelism = self.chance.randint(3, 8), self.chance.randint(1, 2)
        learns = self.chance.random() < 0.2
        search: dict[str, Any] = {
            "method": "tpe" if learns else self.chance.choice(("grid", "random", "sobol")),
            "metric": {"name": "loss"},
        }
        if search["method"] != "grid":
            search["parameters"] = {"x": {"distribution": "uniform", "min": 0.0, "max": 1.0}}
        made = sweep(
            name,
            lasts=f"{self.chance.uniform(0.2, 2.0) * self.lasts * 1000:.0f}ms",
            pod=GRACE,
            message=json.dumps({"loss": round(self.chance.random(), 3)}),
            runCap=runs,
            parallelism=parallelism,
            finishedJobTTL="30s",
            **search,
        )
        self.plans[name] = Plan(runs, parallelism)
        try:
            await self.place.hands.apply(made)
        except ApiError:
            self.plans[name].gone = True
            raise
        self.deeds["make"] += 1

    async def _command(self, name: str, state: str) -> None:
        self.plans[name].state = state  # it may take effect though no answer comes
        await self.place.hands.edit(name, state=state)

    async def _delete(self, name: str) -> None:
        self.plans[name].gone = True
        now = self.place.view.of(name)
        if now.sweep is not None:
            await self.place.hands.delete({**now.sweep, "kind": "Sweep"})

    async def _take_away_what_has_ended(self) -> None:
        """Judge those that are at their end, and delete them."""
        for name, plan in self.plans.items():
            now = self.place.view.of(name)
            if plan.gone or not (now.condition("Complete") and is_acknowledged(now)):
                continue
            clock = time.monotonic()
            plan.ended = plan.ended or clock
            found = self._judge(name, plan, now)
            # What comes after the end, but mustn't, has some time; what should be told, too.
            if clock > plan.ended + (PATIENCE if found else LINGER):
                self.findings += found
                self.runs += len(now.runs)
                await self._delete(name)
                return

    def _judge(self, name: str, plan: Plan, now: Picture) -> list[Finding]:
        state = now.spec.get("state", "Running")
        phase = "Finished" if now.phase == "Finished" else state
        run_phases = ENDED_EARLY if state in ("Stopped", "Cancelled") else FINISHED
        runs = plan.runs if phase == "Finished" else None
        return list(ends(name, Expected(frozenset({phase}), run_phases, runs), now))

    async def _finish(self) -> None:
        """Resume what is paused, and wait until all have ended."""
        async with asyncio.timeout(600):
            while left := [name for name, plan in self.plans.items() if not plan.gone]:
                with suppress(ApiError):
                    for name in left:
                        now = self.place.view.of(name)
                        if now.sweep is not None and now.spec.get("state") == "Paused":
                            await self._command(name, "Running")
                    await self._take_away_what_has_ended()
                await asyncio.sleep(0.1)

    # What goes wrong

    async def _weather(self) -> None:
        while True:
            await asyncio.sleep(self.chance.uniform(0.5, 1.5) * FAULT_EVERY / 2)
            names = sorted(set(FAULTS) - {"forgotten"})
            name = self.chance.choice([*names, "reset", "reset"])
            self.faults[name] += 1
            await strike(self.proxy, FAULTS[name], self.chance.uniform(0.2, LONGEST_FAULT))

    async def _servers(self) -> None:
        while True:
            await asyncio.sleep(self.chance.uniform(0.2, 1.0) * SERVER_EVERY)
            self.faults["kube-apiserver killed"] += 1
            await self.plane.strike("kube-apiserver", 0.0)

    # What it takes

    async def _look(self) -> None:
        while True:
            await self._sample()
            await asyncio.sleep(SAMPLE_EVERY)

    async def _settle(self) -> None:
        """Look some times in a row: what is open for a moment alone is no leak."""
        for _ in range(4):
            await self._sample()
            await asyncio.sleep(1.0)

    async def _sample(self) -> None:
        pid = self.operator.pid
        told = await self.operator.metrics()
        if pid is None or not told:
            return
        with suppress(OSError):  # it has just ended
            sample = Sample(
                at=round(time.monotonic() - self.began, 1),
                pid=pid,
                **taken_by(pid),
                tasks=int(told["sweep_operator_tasks"]),
                watches=int(told.get("sweep_operator_watches_total", 0)),
                lists=int(told.get("sweep_operator_watch_lists_total", 0)),
                garbage=int(told["python_gc_objects_collected_total"]),
                sweeps=sum(not plan.gone for plan in self.plans.values()),
                calm=self.calm,
            )
            self.samples.append(sample)
            print(json.dumps(asdict(sample)), flush=True)  # an hour is long to wait for a word

    def _parallelism(self, name: str) -> int:
        plan = self.plans.get(name)
        return plan.parallelism if plan else 0


def taken_by(pid: int) -> dict[str, Any]:
    """What a process takes, as the kernel tells."""
    process = Path("/proc", str(pid))
    lines = (line.partition(":") for line in (process / "status").read_text().splitlines())
    status = {name: value.split() for name, _, value in lines}
    links = [str(each.readlink()) for each in (process / "fd").iterdir()]
    sockets = sum(link.startswith("socket:") for link in links)
    return {
        "memory": round(int(status["VmRSS"][0]) / 1024.0, 2),
        "files": len(links) - sockets,
        "sockets": sockets,
        "threads": int(status["Threads"][0]),
        "children": len((process / "task" / str(pid) / "children").read_text().split()),
    }


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between any two points: a few wild ones don't move it."""
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x2 > x1]
    return median(slopes) if slopes else 0.0


def verdicts(samples: Sequence[Sample]) -> list[str]:
    """What a process that should be as small as before isn't; empty when all is well."""
    wrong = []
    longest = Counter(each.pid for each in samples).most_common(1)[0][0]
    own = [each for each in samples if each.pid == longest]
    late = [each for each in own if each.at >= own[0].at + (own[-1].at - own[0].at) / 3]
    window = late[-1].at - late[0].at
    growth = slope([(each.at, each.memory) for each in late]) * window
    part, least = ALLOWED_GROWTH
    most = max(least, part * median(each.memory for each in late))
    if growth > most:
        wrong.append(f"memory grew by {growth:.1f} MiB in {window:.0f} s, more than {most:.1f}")
    last = [each for each in samples if each.pid == samples[-1].pid]
    before = [each for each in own if each.calm and each.at < own[-1].at / 2] or own[:4]
    after = [each for each in last[-4:] if each.calm]
    for name in ("files", "sockets", "tasks", "threads"):
        had = max(getattr(each, name) for each in before)
        has = min((getattr(each, name) for each in after), default=0)
        if has > had + ALLOWED_MORE:
            wrong.append(f"{has} {name} at the end, {had} before")
    return wrong


def table(samples: Sequence[Sample], rows: int = 16) -> str:
    """Some of the samples, for people."""
    step = max(1, len(samples) // rows)
    shown = [*samples[::step], samples[-1]]
    names = [*asdict(samples[0])]
    lines = [names, *([str(value) for value in asdict(each).values()] for each in shown)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names))]
    return "\n".join(
        "  ".join(word.rjust(width) for word, width in zip(line, widths, strict=True))
        for line in lines
    )


async def soak(options: argparse.Namespace) -> int:
    """Run it, print what came of it, and tell the exit code."""
    connection = await configuration(str(options.kubeconfig))
    namespace = f"soak-{secrets.token_hex(4)}"
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(Api(connection))
        await restore_crds(api)
        await api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        stack.push_async_callback(api.delete, f"/api/v1/namespaces/{namespace}", {})
        view = await stack.enter_async_context(View(api, namespace))
        place = Place(namespace, connection, api, view, Hands(api, namespace))
        proxy = await stack.enter_async_context(Proxy(*server_of(options.kubeconfig)))
        token = await stack.enter_async_context(account(api, namespace))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        file = with_token(options.kubeconfig, token, folder / "kubeconfig", proxy.address)
        users = itertools.repeat(User(str(file)))
        operators = stack.enter_context(Operators(users, options.logs or folder))
        operator = await stack.enter_async_context(Kept(operators, namespace))
        plane = ControlPlane(options.cluster_name)
        chance = random.Random(options.seed)
        found = Soak(place, plane, proxy, operator, chance, options.sweeps, options.lasts)
        try:
            await found.run(options.minutes * 60.0)
        except TimeoutError:
            left = [name for name, plan in found.plans.items() if not plan.gone]
            found.findings.append(Finding(Wrong.LOST, f"sweeps that haven't ended: {left}"))
        starts = operator.starts
    often, notes = sum(found.faults.values()), f"starts={starts}"
    row = Row("soak", often, found.made, found.runs, found.slots.made, found.findings, notes)
    wrong = [*filter(None, [words(found.findings)]), *verdicts(found.samples)]
    print(table(found.samples))
    print(f"\n{report([row])}")
    print(f"faults: {dict(found.faults)}\ndeeds: {dict(found.deeds)}")
    print("\n".join(wrong) or "All is well.")
    told = {
        "seed": options.seed,
        "minutes": options.minutes,
        "tally": row._asdict(),
        "starts": starts,
        "faults": found.faults,
        "deeds": found.deeds,
        "wrong": wrong,
        "samples": [asdict(each) for each in found.samples],
    }
    options.output.write_text(json.dumps(told, indent=1))
    return 1 if wrong else 0


def main() -> int:
    """Soak the operator of this checkout."""
    parser = argparse.ArgumentParser(prog="soak", description=main.__doc__)
    parser.add_argument(
        "--cluster-name", required=True, help="of dev/cluster, with CRDs or without"
    )
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sweeps", type=int, default=50, help="alive at any time")
    parser.add_argument("--lasts", type=float, default=20.0, help="seconds of a run, about")
    parser.add_argument("--output", type=Path, default=Path("soak.json"))
    parser.add_argument("--logs", type=Path, help="a folder for the operator's; default: none")
    options = parser.parse_args()
    nodes = ("kwok", f"--name={options.cluster_name}", "--nodes=4")
    subprocess.run([ROOT / "dev/cluster", *nodes], check=True)
    return asyncio.run(soak(options))


if __name__ == "__main__":
    sys.exit(main())
