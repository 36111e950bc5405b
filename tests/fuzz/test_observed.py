"""Objects of any shape are known or passed over, and no sweep's pass is ended by another's object.

The operator reads what the API server holds: records whose status somebody edited by hand into
anything that the CRD admits, Jobs and pods under our labels that somebody else has made.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from typing import Any, Final

from hypothesis import example, given
from hypothesis import strategies as st
from tests.fakes.world import NAMESPACE, World, sweep
from tests.fuzz.strategies import RUN_STATUS, SWEEP_STATUS, TIMES, Json, admitted, texts, values

from sweep_operator.api.names import LABEL_ATTEMPT, LABEL_RUN_NUMBER, LABEL_SWEEP_UID
from sweep_operator.effects.api import ApiError
from sweep_operator.effects.cache import Cache

LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,20}[A-Za-z0-9])?"
"""A label's value, which anybody may write."""

numbers = st.one_of(
    st.sampled_from(["1", "2", "0", "01", "1_0", "9" * 63, "1.0", "a"]),
    st.from_regex(LABEL, fullmatch=True),
)
times = st.sampled_from(TIMES)


def conditions(*kinds: str) -> st.SearchStrategy[Json]:
    """Conditions of a Job or a pod."""
    return st.lists(
        st.fixed_dictionaries(
            {
                "type": st.sampled_from(kinds),
                "status": st.sampled_from(["True", "False", "Unknown"]),
            },
            optional={"reason": texts(), "message": texts(), "lastTransitionTime": times},
        ),
        max_size=3,
    )


def metadata(name: st.SearchStrategy[str]) -> st.SearchStrategy[Json]:
    """Of a child: its sweep's uid is right, and nothing else need be."""
    labels = st.fixed_dictionaries(
        {LABEL_SWEEP_UID: st.sampled_from(["uid-1", "another", ""])},
        optional={
            LABEL_RUN_NUMBER: numbers,
            LABEL_ATTEMPT: numbers,
            "batch.kubernetes.io/job-name": st.sampled_from(["a-1-1", "a-1-2", "b"]),
        },
    )
    return st.fixed_dictionaries(
        {
            "name": name,
            "namespace": st.just(NAMESPACE),
            "uid": st.sampled_from(["u", "v"]),
            "resourceVersion": st.integers(1, 9_000_000_000).map(str),
            "creationTimestamp": times,
            "labels": labels,
        },
        optional={
            "annotations": st.dictionaries(
                st.sampled_from(
                    ["kubectl.kubernetes.io/default-container", "sweep-operator.io/preempting"]
                ),
                texts(),
            ),
            "deletionTimestamp": times,
            "deletionGracePeriodSeconds": st.integers(0, 2**63 - 1),
        },
    )


def jobs() -> st.SearchStrategy[Json]:
    """Jobs of strange shapes, as the API server may hold them."""
    status = st.fixed_dictionaries(
        {},
        optional={
            "active": st.integers(0, 9),
            "terminating": st.integers(0, 9),
            "startTime": times,
            "conditions": conditions("Complete", "Failed", "Suspended"),
        },
    )
    return st.fixed_dictionaries(
        {
            "metadata": metadata(st.sampled_from(["a-1-1", "a-1-2", "b"])),
            "spec": st.fixed_dictionaries({}, optional={"suspend": st.booleans()}),
        },
        optional={"status": status},
    )


def pods() -> st.SearchStrategy[Json]:
    """Pods of strange shapes."""
    state = st.fixed_dictionaries(
        {},
        optional={
            "waiting": st.fixed_dictionaries({}, optional={"reason": texts(), "message": texts()}),
            "running": st.fixed_dictionaries({}, optional={"startedAt": times}),
            "terminated": st.fixed_dictionaries(
                {"exitCode": st.integers(-(2**31), 2**31 - 1)},
                optional={
                    "reason": texts(),
                    "message": texts(),
                    "startedAt": times,
                    "finishedAt": times,
                },
            ),
        },
    )
    statuses = st.lists(
        st.fixed_dictionaries(
            {"name": st.sampled_from(["main", "other"])}, optional={"state": state}
        ),
        max_size=2,
    )
    status = st.fixed_dictionaries(
        {},
        optional={
            "phase": st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown"]),
            "conditions": conditions("PodScheduled", "DisruptionTarget", "Ready"),
            "containerStatuses": statuses,
            "initContainerStatuses": statuses,
            "reason": texts(),
            "message": texts(),
        },
    )
    return st.fixed_dictionaries(
        {
            "metadata": metadata(st.sampled_from(["a-1-1-pod", "b"])),
            "spec": st.fixed_dictionaries(
                {"containers": st.just([{"name": "main"}])}, optional={"nodeName": texts()}
            ),
        },
        optional={"status": status},
    )


def records() -> st.SearchStrategy[Json]:
    """SweepRuns with any status that the CRD admits."""
    spec = st.fixed_dictionaries(
        {
            "sweep": st.just("a"),
            "number": st.integers(1, 3),
            "parameters": st.dictionaries(texts(), values(), max_size=2),
        },
        optional={"attemptsRequested": st.integers(0, 1_000_000)},
    )
    return st.fixed_dictionaries(
        {"metadata": metadata(st.sampled_from(["a-1", "a-2", "b"])), "spec": spec},
        optional={"status": admitted(RUN_STATUS)},
    )


def mangled(thing: Json, where: list[int], what: Json) -> Json:
    """The same with another value somewhere in it: what no API server we know would store."""
    thing = inner = deepcopy(thing)
    for step in where:
        keys: Any = list(inner) if isinstance(inner, dict) else range(len(inner))
        if not keys:
            break
        key = keys[step % len(keys)]
        if step % 4 == 0 or not isinstance(inner[key], dict | list):
            inner[key] = what
            break
        inner = inner[key]
    return thing


MARKED: Final[dict[str, Any]] = {
    "name": "a",
    "namespace": NAMESPACE,
    "labels": {LABEL_SWEEP_UID: "u", LABEL_RUN_NUMBER: "1"},
}


def pod(version: int) -> Json:
    """One whose label of a run is another in each version."""
    labels = {**MARKED["labels"], LABEL_RUN_NUMBER: str(version)}
    own = {"uid": "v", "resourceVersion": str(version), "creationTimestamp": TIMES[0]}
    return {"metadata": MARKED | own | {"labels": labels}, "spec": {"containers": [{"name": "m"}]}}


def sinks(cache: Cache) -> Mapping[str, Any]:
    return {"sweepruns": cache.runs, "jobs": cache.jobs, "pods": cache.pods}


things = st.one_of(
    st.tuples(st.just("sweepruns"), records()),
    st.tuples(st.just("jobs"), jobs()),
    st.tuples(st.just("pods"), pods()),
)


@given(st.lists(things, max_size=4))
@example([("pods", pod(1)), ("pods", pod(2))])
def test_any_child_is_known_or_passed_over_and_forgotten_when_it_is_gone(
    found: list[tuple[str, Json]],
) -> None:
    cache = Cache(on_change=lambda key: None)
    for plural, thing in found:
        sinks(cache)[plural].put(thing)
    for plural, thing in found:
        sinks(cache)[plural].drop(thing)
    for plural in ("sweepruns", "jobs", "pods"):
        sinks(cache)[plural].keep_only(set(), 9_000_000_001)
    assert not cache._ledgers


@given(things, st.lists(st.integers(0, 9), max_size=6), values())
@example(("jobs", {"metadata": {"name": "a", "labels": {LABEL_SWEEP_UID: "u"}}}), [], None)
@example(("pods", {"metadata": {"name": "a", "labels": None}}), [], None)
@example(("pods", {"metadata": MARKED, "spec": {"containers": []}}), [], None)
@example(("pods", {"metadata": MARKED, "spec": {"containers": ["main"]}}), [], None)
@example(("pods", {"metadata": MARKED | {"annotations": 1}, "spec": {}}), [], None)
def test_an_object_that_is_broken_somewhere_is_passed_over(
    found: tuple[str, Json], where: list[int], what: Json
) -> None:
    plural, thing = found
    known = ("name", "namespace", "resourceVersion", "labels")  # by which the watch has found it
    kept = {each: thing["metadata"][each] for each in known if each in thing["metadata"]}
    broken = mangled(thing, where, what)
    metadata = broken["metadata"]
    broken["metadata"] = {**(metadata if isinstance(metadata, dict) else {}), **kept}
    sinks(Cache(on_change=lambda key: None))[plural].put(broken)


async def passes(change: Mapping[str, Mapping[str, Json]]) -> World:
    """A sweep under way whose objects somebody edits, and what passes then make of it."""
    world = World(sweep(runCap=3, parallelism=2))
    await world.settle()
    for _ in range(2):
        world.step()
        await world.settle()
    for name, fields in change.items():
        plural = {"a": "sweeps", "a-1": "sweepruns", "a-1-1": "jobs", "a-1-1-pod": "pods"}[name]
        stored = world.server.named(plural, name)
        world.server.put(plural, {**stored, **fields})
    for _ in range(4):
        world.deliver()
        with suppress(ApiError):
            await world.reconcile()
        world.clock.now += 30.0
    return world


@given(admitted(RUN_STATUS))
def test_a_record_edited_by_hand_into_anything_holds_up_no_pass(status: Json) -> None:
    asyncio.run(passes({"a-1": {"status": status}}))


@given(admitted(SWEEP_STATUS))
def test_a_sweep_whose_status_was_edited_by_hand_is_put_right(status: Json) -> None:
    world = asyncio.run(passes({"a": {"status": status}}))
    assert world.phase in ("Running", "Finished")


@given(jobs(), pods())
def test_a_job_and_a_pod_of_any_shape_hold_up_no_pass(job: Json, pod: Json) -> None:
    edits = {
        "a-1-1": {"status": job.get("status", {})},
        "a-1-1-pod": {"status": pod.get("status", {})},
    }
    asyncio.run(passes(edits))
