"""People in the operator's work: what they delete, put in its way and edit, and what holds then."""

import asyncio
import copy
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from tests.chaos.conftest import Tell
from tests.chaos.crowd import ONE_OF_EACH, Crowd, Plan, at_work, insist, runs_now, settled
from tests.chaos.lag import late_by
from tests.chaos.report import Finding, Row, Wrong
from tests.chaos.slots import Slots
from tests.integration.conftest import Place, Places
from tests.integration.hands import sweep
from tests.integration.journal import over_parallelism
from tests.integration.live_operator import Operator
from tests.integration.view import STRANGE, Json, Picture, View

from sweep_operator.api import paths
from sweep_operator.api.names import API_VERSION, LABEL_RUN_NUMBER, LABEL_SWEEP_UID
from sweep_operator.effects.api import ApiError

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.chaos]

SEED = 9
CALM = Plan("s", runs=16)


def quick(runs: int = 12, parallelism: int = 3, lasts: str = "500ms") -> dict[str, Any]:
    """A sweep whose programs end by themselves."""
    grace = {"terminationGracePeriodSeconds": 1}
    return sweep("s", lasts=lasts, pod=grace, runCap=runs, parallelism=parallelism)


class TestTheSweepItself:
    def test_deleted_and_made_again_at_once_it_begins_anew(
        self, places: Places, tell: Tell
    ) -> None:
        times = 5

        async def main() -> None:
            async with places() as place, Operator(place.connection, place.namespace):
                await place.hands.apply(quick())
                for _ in range(times):
                    old = await place.view.until("s", so_many(1))
                    assert old.sweep is not None
                    await place.hands.delete(old.sweep)
                    # Its name may be taken for a moment.
                    await insist(lambda: place.hands.apply(quick()), despite={409}, within=20)
                    new = await place.view.until("s", is_another_than(old), within=30)
                    assert not uids(new) & uids(old)
                crowd = Crowd(place, [CALM._replace(runs=12)])
                async with crowd.slots() as slots:
                    await crowd.end()
                row = crowd.row("Sweep deleted and made again", times, slots)
                # That a name is that of two objects is the point of it.
                found = [each for each in row.findings if each.wrong is not Wrong.TWICE]
                tell(row._replace(findings=found))
                assert len(uids_of_children(place.view.of("s"))) == 1

        asyncio.run(main())

    def test_orphans_of_an_earlier_one_are_waited_for_and_left_alone(
        self, places: Places, tell: Tell
    ) -> None:
        async def main() -> None:
            async with places() as place, Operator(place.connection, place.namespace):
                await place.hands.apply(quick(lasts="1h"))
                before = await place.view.until("s", so_many_run(3))
                path = paths.sweeps(place.namespace, "s")
                await place.api.delete(path, {"propagationPolicy": "Orphan"})
                await place.view.until("s", lambda now: now.sweep is None)
                await place.hands.apply(quick(runs=6))
                await place.view.until("s", is_waiting_for_cleanup)
                await asyncio.sleep(3)  # for it to do what it mustn't
                now = place.view.of("s")
                assert uids(now) == uids(before)
                assert [run.phase for run in now.runs.values()] == ["Running"] * 3
                for run in before.runs.values():
                    await place.hands.delete(run.record)
                async with View(place.api, place.namespace) as view:
                    await view.until("s", is_finished(6), within=90)
                    assert not uids(view.of("s")) & uids(before)
                tell(Row("orphans in the way", 1, 1, 6, len(now.jobs) + 6, []))

        asyncio.run(main())


class TestChildrenDeleted:
    def test_at_random_moments_nothing_is_made_twice_and_nothing_hangs(
        self, places: Places, tell: Tell
    ) -> None:
        runs, times = 40, 20
        chance = random.Random(SEED)

        async def main() -> None:
            async with places() as place, Operator(place.connection, place.namespace):
                await place.hands.apply(quick(runs, 5, "1s"))
                hit = {"SweepRun": set[int](), "Job": set[int](), "Pod": set[int]()}
                count = 0
                async with Slots(place, lambda _: 5) as slots:
                    while count < times:
                        await asyncio.sleep(chance.uniform(0.1, 0.8))
                        now = place.view.of("s")
                        if now.phase == "Finished":
                            break
                        going = [run for run in now.runs.values() if not run.settled and run.jobs]
                        if not going:
                            continue
                        run = chance.choice(going)
                        kind = chance.choice(("SweepRun", "Job", "Pod", "Pod"))
                        thing = {
                            "SweepRun": run.record,
                            "Job": run.jobs.get(run.current),
                            "Pod": run.pods.get(run.current),
                        }[kind]
                        if thing is None or (kind == "Pod" and not runs_now(thing)):
                            continue
                        number = run.record["spec"]["number"]
                        if kind == "SweepRun":
                            slots.forgotten.add(f"s-{number}-")
                        with suppress(ApiError):
                            await place.hands.delete({**thing, "kind": kind})
                            hit[kind].add(number)
                            count += 1
                    burnt = hit["SweepRun"]

                    def ended(now: Picture) -> bool:
                        told = now.status.get("runs", {}).get("finished")
                        return now.phase == "Finished" and told == len(now.runs)

                    end = await place.view.until("s", ended, within=240)
                lost = set(range(1, runs + 1)) - set(end.runs) - burnt
                found = [
                    *slots.findings(place.view.made_twice()),
                    *(Finding(Wrong.LOST, f"run {number}") for number in lost),
                    *(
                        Finding(Wrong.PHASE, f"run {number} is {run.phase}")
                        for number, run in end.runs.items()
                        if run.phase != "Finished" or number in burnt
                    ),
                ]
                figures = " ".join(f"{kind}={len(numbers)}" for kind, numbers in hit.items())
                tell(Row("children deleted", count, 1, runs, slots.made, found, figures))
                assert all(hit.values())

        asyncio.run(main())


class TestStrangers:
    def test_names_taken_by_others_hold_it_up_and_are_left_alone(
        self, places: Places, tell: Tell
    ) -> None:
        async def main() -> None:
            async with places() as place, Operator(place.connection, place.namespace):
                job, record = foreign_job("s-2-1"), foreign_record("s-4", 4)
                await place.api.create(paths.jobs(place.namespace), job)
                await place.hands.apply(quick())
                await place.view.until("s", is_waiting_for_cleanup)
                made = await place.api.create(paths.sweepruns(place.namespace), record)
                path = paths.jobs(place.namespace, "s-2-1")
                await place.api.delete(path, {"propagationPolicy": "Background"})
                await place.view.until("s", lambda now: told_of(now, "SweepRun s-4"), within=60)
                path = paths.sweepruns(place.namespace, "s-4")
                assert await place.api.get(path) == made
                await place.api.delete(path, {})
                await place.view.until("s", is_finished(12), within=90)
                tell(Row("names taken", 2, 1, 12, 12, []))

        asyncio.run(main())

    def test_labels_of_ours_on_others_things_change_nothing(
        self, places: Places, tell: Tell
    ) -> None:
        async def main() -> None:
            async with places() as place, Operator(place.connection, place.namespace) as operator:
                await place.hands.apply(quick(16, 3, "1s"))
                now = await place.view.until("s", lambda now: len(now.jobs) >= 2)
                made = [await place.api.create(path, body) for path, body in odd_things(now, place)]
                crowd = Crowd(place, [CALM])
                async with crowd.slots() as slots:
                    await crowd.end()
                row = crowd.row("our labels on others' things", len(made), slots)
                tell(with_journal(row, operator))
                for thing in made:
                    assert await is_there_still(place, thing), thing["metadata"]["name"]

        asyncio.run(main())


EDITS_OF_RUNS: dict[str, Any] = {
    "phase Pending": {"phase": "Pending"},
    "phase Running": {"phase": "Running"},
    "phase Finished": {"phase": "Finished"},
    "phase Failed": {"phase": "Failed"},
    "phase Killed": {"phase": "Killed"},
    "phase Crashed": {"phase": "Crashed"},
    "attempts removed": {"attempts": None},
    "outcome removed": "outcome",
    "the end removed": {"completionTime": None},
    "the start removed": {"startTime": None},
    "nothing left": None,
}
"""Written over the status of runs at work and of runs that have ended, whose Jobs are there."""

KEPT_FROM_NONE = ("attempts removed", "outcome removed")
"""What is taken from the record of a run that has ended is gone; that it has ended isn't."""

EDITS_OF_SWEEPS: dict[str, Any] = {
    "another phase": {"phase": "Finished"},
    "lastNumber lowered": {"lastNumber": 1},
    "counts": {"active": 0, "runs": {"finished": 40}},
    "no conditions": {"conditions": []},
    "the end": {"phase": "Failed", "completionTime": "2020-01-01T00:00:00Z"},
    "nothing left": None,
}


class TestStatusesEditedByHand:
    @pytest.mark.parametrize("edit", EDITS_OF_RUNS)
    def test_a_runs_is_put_right_and_no_run_is_made_twice(
        self, places: Places, tell: Tell, edit: str
    ) -> None:
        async def main() -> None:
            async with places() as place, Operator(place.connection, place.namespace) as operator:
                await place.hands.apply(quick(16, 3, "1s"))
                crowd = Crowd(place, [CALM._replace(told=edit not in KEPT_FROM_NONE)])
                async with crowd.slots() as slots:
                    times = 0
                    for due in (2, 5, 8):
                        now = await place.view.until("s", so_many_and_one_runs(due))
                        for run in now.runs.values():
                            if run.attempts:
                                times += await write(place, run.record, EDITS_OF_RUNS[edit])
                    await crowd.end(within=60)
                    row = crowd.row(f"a run's status: {edit}", times, slots)
                    tell(with_journal(row, operator))

        asyncio.run(main())

    @pytest.mark.parametrize("edit", EDITS_OF_SWEEPS)
    def test_a_sweeps_is_put_right_and_no_run_is_made_twice(
        self, places: Places, tell: Tell, edit: str
    ) -> None:
        async def main() -> None:
            async with places() as place, Operator(place.connection, place.namespace) as operator:
                await place.hands.apply(quick(12, 3))
                crowd = Crowd(place, [CALM._replace(runs=12)])
                async with crowd.slots() as slots:
                    for due in (2, 4, 7, 12):
                        now = await place.view.until("s", so_many(due))
                        assert now.sweep is not None
                        await write(place, {**now.sweep, "kind": "Sweep"}, EDITS_OF_SWEEPS[edit])
                    await crowd.end(within=60)
                    row = crowd.row(f"the Sweep's status: {edit}", 4, slots)
                    tell(with_journal(row, operator))
                    await place.view.until("s", lambda now: now.status.get("lastNumber") == 12)

        asyncio.run(main())


class TestEventsInAnyOrder:
    @pytest.mark.parametrize("late", ["sweeps", "sweepruns", "jobs", "pods"])
    def test_a_watch_that_is_late_costs_nothing_but_time(
        self, places: Places, tell: Tell, late: str
    ) -> None:
        make_api = late_by(**{late: 2.5})
        shorter = [plan._replace(runs=10) for plan in ONE_OF_EACH]

        async def main() -> None:
            async with (
                places() as place,
                Operator(place.connection, place.namespace, make_api=make_api),
                at_work(place, shorter) as (crowd, slots),
            ):
                await crowd.command()
                await crowd.end()
                tell(crowd.row(f"watch of {late} late", 1, slots))

        asyncio.run(main())


def with_journal(row: Row, operator: Operator) -> Row:
    """With what the operator's own requests say of how many Jobs it had at once."""
    over = over_parallelism(operator.journal.entries)
    return row._replace(findings=[*row.findings, *(Finding(Wrong.OVER, each) for each in over)])


async def write(place: Place, thing: Json, status: Any) -> bool:
    """Write over a status by hand; tell whether the object was still there."""
    of = {"Sweep": paths.sweeps, "SweepRun": paths.sweepruns}[thing["kind"]]
    path = of(place.namespace, thing["metadata"]["name"]) + "/status"
    if status == "outcome":
        attempts = copy.deepcopy(list(thing["status"]["attempts"]))
        attempts[-1].pop("outcome", None)
        status = {"attempts": attempts}
    with suppress(ApiError):
        await place.api.patch(path, {"status": status})
        return True
    return False


def is_finished(runs: int) -> Callable[[Picture], bool]:
    def check(now: Picture) -> bool:
        told = now.status.get("runs", {}).get("finished")
        return now.phase == "Finished" and told == runs == len(now.runs)

    return check


def so_many(due: int) -> Callable[[Picture], bool]:
    """Whether so many runs have ended."""
    return lambda now: settled(now) >= due


def so_many_and_one_runs(due: int) -> Callable[[Picture], bool]:
    """Whether so many runs have ended, and another is on record as Running."""
    return lambda now: (
        settled(now) >= due and any(run.phase == "Running" for run in now.runs.values())
    )


def so_many_run(count: int) -> Callable[[Picture], bool]:
    """Whether so many runs are Running, and the sweep says so."""
    return lambda now: now.status.get("runs", {}).get("running") == count


def told_of(now: Picture, words: str) -> bool:
    """Whether the sweep says what is in its way."""
    return is_waiting_for_cleanup(now) and any(
        words in each["message"] for each in now.status["conditions"]
    )


def is_waiting_for_cleanup(now: Picture) -> bool:
    return any(
        (each["type"], each["status"], each["reason"]) == ("Stalled", "True", "WaitingForCleanup")
        for each in now.status.get("conditions", ())
    )


def is_another_than(before: Picture) -> Callable[[Picture], bool]:
    assert before.sweep is not None
    old = before.sweep["metadata"]["uid"]
    return lambda now: (
        now.sweep is not None
        and now.sweep["metadata"]["uid"] != old
        and uids_of_children(now) == {now.sweep["metadata"]["uid"]}
    )


def children(now: Picture) -> list[Json]:
    return [*(run.record for run in now.runs.values()), *now.jobs, *now.pods]


def uids(now: Picture) -> set[str]:
    return {each["metadata"]["uid"] for each in children(now)}


def uids_of_children(now: Picture) -> set[str]:
    """Of the sweeps that the children say they belong to."""
    return {each["metadata"]["labels"][LABEL_SWEEP_UID] for each in children(now)}


def foreign_job(name: str, labels: Json | None = None) -> dict[str, Any]:
    """Somebody's own, suspended."""
    container = {"name": "main", "image": "none"}
    pod = {"containers": [container], "restartPolicy": "Never"}
    spec = {"suspend": True, "template": {"spec": pod}}
    return {"metadata": {"name": name, "labels": {STRANGE: "", **(labels or {})}}, "spec": spec}


def foreign_record(name: str, number: int, labels: Json | None = None) -> dict[str, Any]:
    """A SweepRun that nobody's operator has made."""
    return {
        "apiVersion": API_VERSION,
        "kind": "SweepRun",
        "metadata": {"name": name, "labels": {STRANGE: "", **(labels or {})}},
        "spec": {"sweep": "s", "number": number, "parameters": {"x": 1}},
    }


def odd_things(now: Picture, place: Place) -> list[tuple[str, dict[str, Any]]]:
    """Things of others with labels of ours: copies, garbage, somebody else's uid."""
    job = now.jobs[0]
    labels = {
        key: value
        for key, value in job["metadata"]["labels"].items()
        if key.startswith("sweep-operator.io/")
    }
    number = int(labels[LABEL_RUN_NUMBER])
    jobs, records = paths.jobs(place.namespace), paths.sweepruns(place.namespace)
    record_labels = dict(now.runs[number].record["metadata"]["labels"])
    return [
        (jobs, foreign_job("copy-of-a-job", labels)),
        (jobs, foreign_job("garbage-number", {**labels, LABEL_RUN_NUMBER: "seven"})),
        (jobs, foreign_job("huge-number", {**labels, LABEL_RUN_NUMBER: "9" * 60})),
        (jobs, foreign_job("minus-one", {**labels, LABEL_RUN_NUMBER: "m1"})),
        (jobs, foreign_job("no-number", {LABEL_SWEEP_UID: labels[LABEL_SWEEP_UID]})),
        (jobs, foreign_job("somebodys", {**labels, LABEL_SWEEP_UID: "somebody"})),
        (records, foreign_record("copy-of-a-run", number, record_labels)),
        (records, foreign_record("another-number", number + 20, record_labels)),
        (records, foreign_record("nobodys", 3, {LABEL_SWEEP_UID: ""})),
    ]


async def is_there_still(place: Place, thing: Json) -> bool:
    """Whether a thing is there, and nobody has deleted it."""
    of = paths.jobs if thing["kind"] == "Job" else paths.sweepruns
    found = await place.api.get(of(place.namespace, thing["metadata"]["name"]))
    return "deletionTimestamp" not in found["metadata"]
