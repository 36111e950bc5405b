"""A program that only prints its metrics, pass by pass."""

import asyncio
from typing import Any

from tests.fakes.world import Result, World, sweep

from sweep_operator.effects.api import ApiError


def ended(log: str, message: str = "", refused: ApiError | None = None) -> dict[str, Any]:
    """The record of a run whose program has printed this."""

    async def main() -> World:
        made = sweep(runCap=1, parallelism=1, logPattern=r"loss=(?P<value>\S+)")
        world = World(made, lambda *_: Result(0, message))
        world.server.logs["a-1-1-pod"] = log
        if refused:
            world.server.fail(refused, method="GET", plural="pods", name="a-1-1-pod", times=None)
        await world.live(lambda: world.phase == "Finished")
        return world

    status: dict[str, Any] = asyncio.run(main()).run(1)["status"]
    return status


def test_its_last_number_is_the_runs_value() -> None:
    status = ended("loss=3\nloss=2\n")
    assert (status["value"], status["metrics"], status["reason"]) == (2, {"loss": 2}, "Completed")


def test_a_termination_message_goes_before_it() -> None:
    assert ended("loss=3", message='{"loss": 1}')["value"] == 1


def test_one_without_the_metric_leaves_the_rest_to_it() -> None:
    assert ended("loss=3", message='{"acc": 1}')["metrics"] == {"acc": 1, "loss": 3}


def test_without_a_number_the_record_says_so() -> None:
    status = ended("done")
    assert status["reason"] == "MetricMissing"
    assert "spec.logPattern found no number" in status["message"]


def test_without_the_right_it_says_what_to_do() -> None:
    status = ended("loss=1", refused=ApiError(403, "Forbidden", "pods/log is forbidden"))
    assert status["phase"] == "Finished"
    assert "manifests/read-logs.yaml" in status["message"]
