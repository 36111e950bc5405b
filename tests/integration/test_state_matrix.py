"""Every spec.state and phase, against every edit, deletion and event of a child.

The table is a product, so that no cell is left out. Cells that can't be are in it as what they are:
an edit that the API server refuses, a child that isn't there, a state and a phase that don't go
together, which are shown to be so too. After each cell the oracle judges all there is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from itertools import count, product
from typing import Any, NamedTuple

import pytest
from tests.integration.conftest import Place, Places
from tests.integration.live_operator import Operator
from tests.integration.oracle import REFUSED_FROM, Blow, phase, wrongs
from tests.integration.situations import PHASES, SITUATIONS, STATES, Role, Situation
from tests.integration.view import Json, Picture

from sweep_operator.api.names import LABEL_RUN_NUMBER
from sweep_operator.effects.api import Api, ApiError

pytestmark = [pytest.mark.integration, pytest.mark.slow]

AT_ONCE = 32
"""Sweeps at the same time."""
WITHIN = 60
"""Seconds for a cell: a crashed attempt is followed by the next after 10."""

FORBIDDEN = {
    ("Stopped", "Running"),
    ("Stopped", "Paused"),
    ("Cancelled", "Running"),
    ("Cancelled", "Paused"),
    ("Cancelled", "Stopped"),
}
"""Nothing goes back."""


class Edit(NamedTuple):
    """A change of the Sweep's spec."""

    name: str
    spec: dict[str, Any]

    def __str__(self) -> str:
        return self.name


class Touch(NamedTuple):
    """Something that happens to a child."""

    act: str
    role: Role
    kind: str
    """R SweepRun, J Job, P pod."""

    def __str__(self) -> str:
        names = {"R": "run", "J": "job", "P": "pod"}
        return f"{self.act} {names[self.kind]} of {self.role}"


class DeleteSweep(NamedTuple):
    """kubectl delete sweep."""

    def __str__(self) -> str:
        return "delete sweep"


Event = Edit | Touch | DeleteSweep

EVENTS: tuple[Event, ...] = (
    *(Edit(f"to {state}", {"state": state}) for state in STATES),
    Edit("parallelism up", {"parallelism": 4}),
    Edit("parallelism down", {"parallelism": 1}),
    Edit("runCap up", {"runCap": 8}),
    Edit("maxFailures up", {"failurePolicy": {"maxFailures": 3}}),
    DeleteSweep(),
    *(Touch("delete", *each) for each in product(("ended", "started", "unstarted"), "RJP")),
    Touch("start", "unstarted", "P"),
    Touch("succeed", "started", "P"),
    Touch("fail", "started", "P"),
)


class Cell(NamedTuple):
    """One field of the table."""

    situation: Situation
    event: Event

    def __str__(self) -> str:
        return f"{self.situation}: {self.event}"

    @property
    def forbidden(self) -> bool:
        """Whether the API server refuses the event."""
        state = self.event.spec.get("state") if isinstance(self.event, Edit) else None
        return (self.situation.state, state) in FORBIDDEN

    @property
    def absent(self) -> bool:
        """Whether there is nothing that the event could happen to."""
        if not isinstance(self.event, Touch):
            return False
        return self.event.kind not in self.situation.roles.get(self.event.role, "")

    @property
    def changes_nothing(self) -> bool:
        """Whether a sweep is afterwards as it was, by the nature of the event."""
        same = isinstance(self.event, Edit) and self.event.spec == {"state": self.situation.state}
        return self.forbidden or self.absent or same


CELLS = [Cell(*each) for each in product(SITUATIONS, EVENTS)]
POSSIBLE = {(each.state, each.phase) for each in SITUATIONS}
IMPOSSIBLE = [each for each in product(STATES, PHASES) if each not in POSSIBLE]


Findings = dict[str, str]
"""What was found, by the cell or by the pair of state and phase: empty where all is well."""


@pytest.fixture(scope="module")
def findings(places: Places, request: pytest.FixtureRequest) -> Findings:
    """Plays all cells that are asked for, many at a time."""
    items = [item for item in request.session.items if item.path == request.path]
    asked: list[dict[str, Any]] = [item.callspec.params for item in items]  # type: ignore[attr-defined]
    cells = [each["cell"] for each in asked if "cell" in each]
    pairs = [each["pair"] for each in asked if "pair" in each]
    return asyncio.run(play_all(places, cells, pairs))


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_cell(findings: Findings, cell: Cell) -> None:
    assert findings[str(cell)] == ""


@pytest.mark.parametrize("pair", IMPOSSIBLE, ids="-".join)
def test_a_state_and_a_phase_that_do_not_go_together(
    findings: Findings, pair: tuple[str, str]
) -> None:
    assert findings["-".join(pair)] == ""


async def play_all(
    places: Places, cells: Sequence[Cell], pairs: Sequence[tuple[str, str]]
) -> Findings:
    """Play cells, each on a sweep of its own unless it changes nothing."""
    async with places() as place, Operator(place.connection, place.namespace):
        await refuse_some_jobs(place.api, place.namespace)
        troupe = Troupe(place)
        plays = [
            troupe.play(each.situation, {str(each): partial(happen, cell=each)})
            for each in cells
            if not each.changes_nothing
        ]
        for situation in SITUATIONS:
            quiet = [x for x in cells if x.changes_nothing and x.situation is situation]
            if quiet:
                acts = {str(each): partial(happen, cell=each) for each in quiet}
                plays.append(troupe.play(situation, acts))
        for state in STATES:
            lies = [lie for each, lie in pairs if each == state]
            if lies:
                acts = {f"{state}-{lie}": partial(pretend, lie=lie) for lie in lies}
                plays.append(troupe.play(first_of(state), acts))
        await asyncio.gather(*plays)
        troupe.look_again()
        return troupe.findings


Judge = Callable[[Picture], Sequence[str]]
Act = Callable[[Place, str], Awaitable[Judge]]


class Troupe:
    """Plays cells, so many at a time."""

    def __init__(self, place: Place) -> None:
        self.findings: Findings = {}
        self._place = place
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._names = (f"m{number}" for number in count(1))
        self._played: dict[str, tuple[str, Judge]] = {}
        """The last that happened to each sweep."""

    async def play(self, situation: Situation, acts: Mapping[str, Act]) -> None:
        """Bring a situation about, and let things happen in it one after the other."""
        name = next(self._names)
        async with self._limit:
            try:
                await situation.prepare(self._place, name)
            except (AssertionError, ApiError) as error:
                self.findings |= dict.fromkeys(acts, f"no {situation}: {error}")
                return
            for asked, act in acts.items():
                self.findings[asked] = ""
                try:
                    judge = await act(self._place, name)
                    await self._place.view.settle(name, judge, WITHIN)
                except (AssertionError, ApiError, pytest.fail.Exception) as error:
                    self.findings[asked] = f"{error}"
                else:
                    self._played[name] = (asked, judge)

    def look_again(self) -> None:
        """See that what was well soon after its event has stayed so."""
        for name, (asked, judge) in self._played.items():
            if later := judge(self._place.view.of(name)):
                self.findings[asked] = f"was well, and later: {'; '.join(later)}"
        for made in self._place.view.made_twice():
            asked, _ = self._played[made.partition("-")[0]]
            self.findings[asked] = f"{made} was made more than once"


def first_of(state: str) -> Situation:
    """The situation where state and phase agree."""
    return next(each for each in SITUATIONS if (each.state, each.phase) == (state, state))


async def happen(place: Place, name: str, cell: Cell) -> Judge:
    """Let a cell's event happen; tell how to judge what comes of it."""
    before = place.view.of(name)
    assert (before.spec.get("state", "Running"), before.phase) == cell.situation[:2]
    event, blow = cell.event, Blow()
    if isinstance(event, Edit):
        await edit(place, name, event, forbidden=cell.forbidden)
    elif isinstance(event, DeleteSweep):
        assert before.sweep is not None
        await place.hands.delete(before.sweep)
        await place.view.until(name, lambda now: now.sweep is None)
    else:
        found = thing(before, event.role, event.kind)
        assert (found is None) == cell.absent, f"{event}: {found}"
        if found is not None:
            blow = await touch(place, name, event, found)
    return lambda now: wrongs(before, blow, now)


async def edit(place: Place, name: str, event: Edit, *, forbidden: bool) -> None:
    if not forbidden:
        generation = await place.hands.edit(name, **event.spec)
        await place.view.until(name, lambda now: _generation(now) == generation)
        return
    with pytest.raises(ApiError, match="new Sweep") as refused:
        await place.hands.edit(name, **event.spec)
    assert refused.value.code == 422


def _generation(now: Picture) -> int:
    assert now.sweep is not None
    generation: int = now.sweep["metadata"]["generation"]
    return generation


def thing(before: Picture, role: Role, kind: str) -> Json | None:
    """A child of a kind of the first run that plays a role."""
    for run in before.runs.values():
        plays = {
            "ended": run.settled and run.phase != "Killed",
            "started": not run.settled and run.started,
            "unstarted": not run.settled and not run.started,
        }
        if plays[role]:
            attempt = 1 if run.settled else run.current
            return {"R": run.record, "J": run.jobs.get(attempt), "P": run.pods.get(attempt)}[kind]
    return None


async def touch(place: Place, name: str, event: Touch, found: Json) -> Blow:
    number = int(found["metadata"]["labels"][LABEL_RUN_NUMBER])
    one = frozenset({number})
    match event.act:
        case "start":
            await place.hands.start(found)
            return Blow(started=one)
        case "succeed":
            await place.hands.end(found)
            return Blow(ended={number: "Finished"})
        case "fail":
            await place.hands.end(found, 1)
            return Blow(ended={number: "Failed"})
    await place.hands.delete(found)
    uid = found["metadata"]["uid"]
    await place.view.until(name, lambda now: uid not in uids(now, event.kind))
    return Blow(deleted=one) if event.kind == "R" else Blow(lost=one)


def uids(now: Picture, kind: str) -> set[str]:
    """Of all children of a kind."""
    things = {"R": [run.record for run in now.runs.values()], "J": now.jobs, "P": now.pods}[kind]
    return {each["metadata"]["uid"] for each in things}


async def pretend(place: Place, name: str, lie: str) -> Judge:
    """Write a phase by hand that isn't true: it is put right."""
    before = place.view.of(name)
    assert phase(before, before) == before.phase != lie
    await place.hands.write_status(name, phase=lie)
    await place.view.until(name, lambda now: now.sweep != before.sweep)
    return lambda now: wrongs(before, Blow(), now)


async def refuse_some_jobs(api: Api, namespace: str) -> None:
    """Have the API server refuse Jobs of runs from the number on that a label of theirs says."""
    group = "admissionregistration.k8s.io/v1"
    label = f"object.metadata.labels['{REFUSED_FROM}']"
    number = f"object.metadata.labels['{LABEL_RUN_NUMBER}']"
    rule = {
        "apiGroups": ["batch"],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["jobs"],
    }
    spaces = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    chosen = {"matchExpressions": [{"key": REFUSED_FROM, "operator": "Exists"}]}
    policy = {
        "metadata": {"name": namespace},
        "spec": {
            "matchConstraints": {
                "resourceRules": [rule],
                "namespaceSelector": spaces,
                "objectSelector": chosen,
            },
            "validations": [{"expression": f"int({number}) < int({label})", "message": "no"}],
        },
    }
    binding = {
        "metadata": {"name": namespace},
        "spec": {"policyName": namespace, "validationActions": ["Deny"]},
    }
    await api.create(f"/apis/{group}/validatingadmissionpolicies", policy)
    await api.create(f"/apis/{group}/validatingadmissionpolicybindings", binding)
