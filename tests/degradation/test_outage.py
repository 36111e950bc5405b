"""While the API server refuses or is away: few requests, no growth, and back in seconds."""

import asyncio
from collections.abc import Callable

import pytest
from tests.degradation.cluster import Cluster, lived, running

from sweep_operator.effects.api import ApiError
from sweep_operator.effects.recorder import QUEUE_LENGTH

SWEEPS = 20
NAMESPACES = 4

A_MINUTE = 120
"""Requests: a pass a minute of each sweep, of three requests at most (two runs and the sweep's
status; finished Jobs stay longer than that), twelve probes, and the Lease's renewals each four
seconds."""

BACK = 10.0
"""Seconds: at most five until a sweep is tried, and those that a run takes from stage to stage."""

TAKEN_OVER = 15.0
"""Seconds more for whoever has to wait first until the Lease of the one before has run out."""


def throttled() -> ApiError:
    return ApiError(429, "TooManyRequests", "try again later", 1.0)


def broken() -> ApiError:
    return ApiError(503, "ServiceUnavailable", "etcd is away")


def away() -> ApiError:
    return ApiError(0, "NoAnswer", "connection refused")


def finished(cluster: Cluster) -> list[int]:
    """Runs by sweep."""
    return [cluster.finished(f"s{number}", space(number)) for number in range(SWEEPS)]


def space(number: int) -> str:
    return f"lab-{number % NAMESPACES}"


def sizes(cluster: Cluster) -> dict[str, int]:
    """How much the operator keeps, in places where something waits."""
    controller = cluster.controller
    queue, recorder = controller.queue, controller._recorder
    return {
        "keys": len(queue),
        "timers": len(queue._timers),
        "failures": len(queue._failures),
        "events": recorder._queue.qsize(),
        "held": len(recorder._pace._dues),
        "inboxes": len(controller.reporter._inboxes),
        "ledgers": len(controller.cache._ledgers),
        "tasks": len(asyncio.all_tasks()),
    }


async def through(error: Callable[[], ApiError], minutes: int, *, lease: bool) -> None:
    """An outage of some minutes."""
    async with running() as cluster:
        for number in range(SWEEPS):
            cluster.apply(f"s{number}", space(number), finishedJobTTL="24h")
        await asyncio.sleep(15)
        assert all(finished(cluster))

        fault = cluster.server.refuse(error, lease=lease)
        await asyncio.sleep(120)  # until all wait as long as they ever do
        after_two = sizes(cluster)
        for _ in range(minutes - 2):
            before = len(cluster.server.times)
            await asyncio.sleep(60)
            assert len(cluster.server.times) - before < A_MINUTE
        for name, size in sizes(cluster).items():
            assert size <= max(after_two[name], SWEEPS), name
        assert cluster.controller._recorder._queue.qsize() < QUEUE_LENGTH
        assert cluster.starts <= 2

        cluster.server.mend(fault)
        before_it = finished(cluster)
        await asyncio.sleep(BACK + (TAKEN_OVER if lease else 0.0))
        assert all(now > then for now, then in zip(finished(cluster), before_it, strict=True))


@pytest.mark.parametrize("error", [throttled, broken, away])
def test_five_minutes_of_refusals_cost_120_requests_a_minute_and_10_seconds_afterwards(
    error: Callable[[], ApiError],
) -> None:
    lived(lambda: through(error, 5, lease=False))


def test_five_minutes_without_a_server_cost_one_restart_and_25_seconds_afterwards() -> None:
    lived(lambda: through(away, 5, lease=True))


@pytest.mark.slow
@pytest.mark.parametrize("lease", [True, False])
@pytest.mark.parametrize("error", [throttled, broken, away])
def test_an_hour_costs_no_more_than_five_minutes(
    error: Callable[[], ApiError], lease: bool
) -> None:
    lived(lambda: through(error, 60, lease=lease))
