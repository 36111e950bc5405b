"""One bad sweep, or a namespace of them, never slows the sweeps of others."""

import asyncio
from collections.abc import Callable
from functools import cache

import pytest
from tests.degradation.cluster import Cluster, lived, running
from tests.fakes.apiserver import Call, Fault

from sweep_operator.effects.api import ApiError
from sweep_operator.handlers import controller

LATENCY = 0.2
WATCHED = 30.0
"""Seconds in which the runs of a good sweep are counted."""

Trouble = Callable[[Cluster, str], None]
"""Makes bad sweeps in a namespace."""


def named(call: Call) -> str:
    """The object that a request is about."""
    body = call.body if isinstance(call.body, dict) else {}
    return str(call.name or body.get("metadata", {}).get("name", ""))


def refused(cluster: Cluster, namespace: str, error: ApiError, *plurals: str) -> None:
    for number in range(10):
        cluster.apply(f"bad{number}", namespace)

    def hits(call: Call) -> bool:
        mine = call.method != "GET" and named(call).startswith("bad")
        return mine and (not plurals or call.plural in plurals)

    cluster.server.faults.append(Fault(hits, lambda: error, times=None))


def all_writes_refused(cluster: Cluster, namespace: str) -> None:
    refused(cluster, namespace, ApiError(500, "InternalError", "a webhook fails"))


def records_in_conflict(cluster: Cluster, namespace: str) -> None:
    refused(cluster, namespace, ApiError(409, "Conflict", "it was modified"), "sweepruns")


def jobs_refused(cluster: Cluster, namespace: str) -> None:
    refused(cluster, namespace, ApiError(403, "Forbidden", "exceeded quota"), "jobs")


def hundreds_at_once(cluster: Cluster, namespace: str) -> None:
    for number in range(controller.PER_NAMESPACE + 2):
        cluster.apply(f"bad{number}", namespace, parallelism=100)
        cluster.endless.add(f"bad{number}")


async def pace(trouble: Trouble | None, namespace: str) -> tuple[int, int]:
    """Runs of a good sweep that finish, and requests that are made meanwhile."""
    async with running(LATENCY) as cluster:
        cluster.apply("good", "good")
        await asyncio.sleep(10)
        if trouble is not None:
            trouble(cluster, namespace)
        before, asked = cluster.finished("good", "good"), len(cluster.server.times)
        await asyncio.sleep(WATCHED)
        return cluster.finished("good", "good") - before, len(cluster.server.times) - asked


@cache
def undisturbed() -> int:
    return lived(lambda: pace(None, ""))[0]


TROUBLES = [all_writes_refused, records_in_conflict, jobs_refused, hundreds_at_once]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_ten_bad_sweeps_take_no_run_from_a_good_one_of_another_namespace(trouble: Trouble) -> None:
    found, _ = lived(lambda: pace(trouble, "bad"))
    assert found >= undisturbed() - 1


@pytest.mark.parametrize("trouble", TROUBLES)
def test_ten_bad_sweeps_of_the_same_namespace_take_half_of_them_at_most(trouble: Trouble) -> None:
    found, _ = lived(lambda: pace(trouble, "good"))
    assert found >= undisturbed() / 2


@pytest.mark.parametrize("trouble", [all_writes_refused, records_in_conflict, jobs_refused])
def test_ten_sweeps_that_get_nowhere_make_five_requests_a_second_together_at_most(
    trouble: Trouble,
) -> None:
    _, requests = lived(lambda: pace(trouble, "bad"))
    _, without = lived(lambda: pace(None, ""))
    assert requests - without <= 5 * WATCHED
