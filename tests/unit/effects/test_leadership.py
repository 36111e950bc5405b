"""One leader at a time, by monotonic clocks alone, whatever the network and the wall clocks do."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from tests.fakes.apiserver import NO_ANSWER, ApiServer, Call
from tests.fakes.virtual import run
from typing_extensions import override

from sweep_operator.effects.api import ApiError
from sweep_operator.effects.leadership import (
    LEASE_DURATION,
    RENEW_EVERY,
    Leadership,
    LeadershipLostError,
)

TIMEOUT = 5.0
NETWORKS = [[0.0, 0.1], [0.0, 1.0, 4.0], [0.0, 0.0, 0.0, 0.0, 6.0, 17.0]]
"""Seconds on the way, one of them for each way of each request."""

LEASE = ("leases", "system", "operator")


def candidate(server: ApiServer, name: str, clock: Callable[[], float] | None = None) -> Leadership:
    return Leadership(
        server,
        "system",
        "operator",
        name,
        monotonic=clock or asyncio.get_running_loop().time,
        wall=lambda: "1970-01-01T00:00:00.000000Z",  # of no use to anybody
    )


async def stop(here: Leadership) -> None:
    """Wait until a leader may act no more."""
    for _ in range(10_000):
        if not here.holds:
            return
        await asyncio.sleep(0.1)


class Network(ApiServer):
    """Requests take their time, are given up, and may arrive all the same afterwards."""

    def __init__(self, random: Random, delays: list[float]) -> None:
        super().__init__()
        self._random = random
        self._delays = delays
        self._tasks: set[asyncio.Task[dict[str, Any]]] = set()

    @override
    async def _answer(self, call: Call, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        there, back = self._random.choices(self._delays, k=2)

        async def travel() -> dict[str, Any]:
            await asyncio.sleep(there)
            return await ApiServer._answer(self, call, act)

        task = asyncio.create_task(travel())
        self._tasks.add(task)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            async with asyncio.timeout(TIMEOUT):
                try:
                    return await asyncio.shield(task)
                finally:
                    await asyncio.sleep(back)
        except TimeoutError:
            raise NO_ANSWER from None


class TestNeverTwo:
    @pytest.mark.parametrize("seed", range(15))
    def test_no_two_hold_the_lease_whatever_their_clocks_and_the_network_do(
        self, seed: int
    ) -> None:
        random = Random(seed)

        async def main() -> int:
            loop = asyncio.get_running_loop()
            server = Network(random, random.choice(NETWORKS))
            current: list[Leadership] = []
            terms = 0

            async def life(index: int) -> None:
                """Processes that follow each other: killed, or ending as they should."""
                nonlocal terms
                offset, rate = random.uniform(-1e6, 1e6), random.uniform(0.97, 1.03)
                for term in range(100):
                    here = candidate(server, f"{index}-{term}", lambda: offset + rate * loop.time())
                    current.append(here)
                    try:
                        async with asyncio.timeout(random.uniform(10, 90)):
                            await here.acquire()
                            terms += 1
                            await here.keep()
                    except (TimeoutError, LeadershipLostError):
                        if random.random() < 0.5:
                            await here.release()
                        else:
                            await asyncio.sleep(max(0.0, LEASE_DURATION * 1.1))
                    current.remove(here)

            lives = [asyncio.create_task(life(index)) for index in range(3)]
            for _ in range(1600):
                holders = [each.identity for each in current if each.holds]
                assert len(holders) <= 1, holders
                await asyncio.sleep(0.25)
            for task in lives:
                task.cancel()
            return terms

        assert run(main()) > 0

    def test_a_holder_that_hears_nothing_stops_before_another_may_start(self) -> None:
        async def main() -> tuple[float, float]:
            loop = asyncio.get_running_loop()
            server = ApiServer()
            first, second = candidate(server, "first"), candidate(server, "second")
            await first.acquire()
            waiting = asyncio.create_task(second.acquire())
            await stop(first)
            stopped = loop.time()
            await waiting
            return stopped, loop.time()

        stopped, taken = run(main())
        assert stopped < LEASE_DURATION < taken

    def test_its_time_counts_from_when_a_renewal_was_asked_for_not_from_its_answer(self) -> None:
        """Others count from when it took effect, which may be long before the answer."""

        async def main() -> float:
            loop = asyncio.get_running_loop()
            server = ApiServer()
            make = server.create

            async def make_slowly(path: str, body: Any) -> dict[str, Any]:
                answer = await make(path, body)
                await asyncio.sleep(10)
                return answer

            server.create = make_slowly  # type: ignore[method-assign]
            here = candidate(server, "a")
            await here.acquire()
            await stop(here)
            return loop.time()

        assert run(main()) < LEASE_DURATION

    def test_two_that_find_an_expired_lease_at_the_same_time_do_not_both_get_it(self) -> None:
        async def main() -> list[str]:
            server = ApiServer()
            dead = candidate(server, "dead")
            await dead.acquire()
            others = [candidate(server, name) for name in ("b", "c", "d")]
            tasks = [asyncio.create_task(each.acquire()) for each in others]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return [each.identity for each in others if each.holds]

        assert len(run(main())) == 1


class TestAcquire:
    def test_a_lease_that_does_not_exist_is_made(self) -> None:
        async def main() -> ApiServer:
            server = ApiServer()
            here = candidate(server, "a")
            assert not here.holds
            await here.acquire()
            assert here.holds
            return server

        lease = run(main()).objects[LEASE]
        assert lease["spec"]["holderIdentity"] == "a"
        assert lease["spec"]["leaseDurationSeconds"] == LEASE_DURATION

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_it_holds_once_acquired_though_an_answer_was_lost(self, method: str) -> None:
        async def main() -> bool:
            server = ApiServer()
            if method == "PUT":
                predecessor = candidate(server, "old")
                await predecessor.acquire()
                await predecessor.release()
            server.fail(method=method, after=True)
            here = candidate(server, "a")
            await here.acquire()
            return here.holds

        assert run(main())

    def test_an_api_server_that_does_not_answer_is_asked_again(self) -> None:
        async def main() -> bool:
            server = ApiServer()
            server.fail(times=5)
            here = candidate(server, "a")
            await here.acquire()
            return here.holds

        assert run(main())

    def test_a_lease_that_nobody_has_filled_in_yet_is_taken_at_once(self) -> None:
        async def main() -> None:
            server = ApiServer()
            server.put(
                "leases", {"metadata": {"name": "operator", "namespace": "system"}, "spec": {}}
            )
            here = candidate(server, "a")
            await here.acquire()
            assert here.holds
            assert asyncio.get_running_loop().time() == 0

        run(main())

    def test_transitions_are_counted(self) -> None:
        async def main() -> ApiServer:
            server = ApiServer()
            for name in ("a", "b", "c"):
                here = candidate(server, name)
                await here.acquire()
                await here.release()
            return server

        assert run(main()).objects[LEASE]["spec"]["leaseTransitions"] == 2


class TestKeep:
    def test_renewals_keep_others_out_for_ever(self) -> None:
        async def main() -> bool:
            server = ApiServer()
            here, other = candidate(server, "a"), candidate(server, "b")
            await here.acquire()
            keeping = asyncio.create_task(here.keep())
            waiting = asyncio.create_task(other.acquire())
            for _ in range(1000):
                await asyncio.sleep(1.0)
                assert here.holds
            done = keeping.done() or waiting.done()
            keeping.cancel()
            waiting.cancel()
            return done

        assert not run(main())

    @pytest.mark.parametrize("after", [False, True])
    def test_one_lost_answer_of_a_renewal_is_survived(self, *, after: bool) -> None:
        async def main() -> bool:
            server = ApiServer()
            here = candidate(server, "a")
            await here.acquire()
            server.fail(method="PUT", after=after)
            keeping = asyncio.create_task(here.keep())
            await asyncio.sleep(100)
            held = here.holds and not keeping.done()
            keeping.cancel()
            return held

        assert run(main())

    def test_renewals_that_fail_four_times_in_a_row_are_survived(self) -> None:
        async def main() -> bool:
            server = ApiServer()
            here = candidate(server, "a")
            await here.acquire()
            server.fail(method="PUT", times=4)
            keeping = asyncio.create_task(here.keep())
            await asyncio.sleep(100)
            held = here.holds and not keeping.done()
            keeping.cancel()
            return held

        assert run(main())

    def test_it_ends_when_no_renewal_comes_through_in_time(self) -> None:
        async def main() -> float:
            server = ApiServer()
            here = candidate(server, "a")
            await here.acquire()
            server.fail(times=None)
            with pytest.raises(LeadershipLostError, match="in time"):
                await here.keep()
            assert not here.holds
            return asyncio.get_running_loop().time()

        assert run(main()) < LEASE_DURATION + RENEW_EVERY

    def test_it_ends_at_once_when_another_holds_the_lease(self) -> None:
        async def main() -> float:
            server = ApiServer()
            here = candidate(server, "a")
            await here.acquire()
            server.change("leases", "operator", {"spec": {"holderIdentity": "b"}}, "system")
            with pytest.raises(LeadershipLostError, match="lost"):
                await here.keep()
            return asyncio.get_running_loop().time()

        assert run(main()) == RENEW_EVERY


class TestRelease:
    def test_a_successor_need_not_wait(self) -> None:
        async def main() -> float:
            server = ApiServer()
            here, other = candidate(server, "a"), candidate(server, "b")
            await here.acquire()
            await here.release()
            assert not here.holds
            await other.acquire()
            return asyncio.get_running_loop().time()

        assert run(main()) == 0.0

    def test_it_never_takes_the_lease_from_a_successor(self) -> None:
        async def main() -> ApiServer:
            server = ApiServer()
            here = candidate(server, "a")
            await here.acquire()
            server.change("leases", "operator", {"spec": {"holderIdentity": "b"}}, "system")
            await here.release()
            return server

        assert run(main()).objects[LEASE]["spec"]["holderIdentity"] == "b"

    def test_it_does_nothing_without_a_lease_and_raises_nothing(self) -> None:
        async def main() -> int:
            server = ApiServer()
            await candidate(server, "a").release()
            holder = candidate(server, "b")
            await holder.acquire()
            server.fail(ApiError(500, "", ""), times=None)
            await holder.release()
            return server.count("PUT", "leases")

        assert run(main()) == 1
