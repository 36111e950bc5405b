"""The rules of client-go's workqueue, and fairness between namespaces."""

import asyncio

from tests.fakes.virtual import run

from sweep_operator.effects.workqueue import (
    DROUGHT,
    FIRST_BACKOFF,
    LONGEST_BACKOFF,
    Key,
    WorkQueue,
)

A, B, C = Key("lab", "a"), Key("lab", "b"), Key("lab", "c")


async def taken(queue: WorkQueue) -> list[Key]:
    """All that can be taken now, each given back at once."""
    keys = []
    while len(queue):
        key = await queue.take()
        keys.append(key)
        queue.done(key)
    return keys


def test_each_key_tells_how_long_it_waited_and_not_how_long_it_was_worked_on() -> None:
    async def main() -> list[float]:
        waits: list[float] = []
        queue = WorkQueue(waits.append)
        queue.add(A)
        await asyncio.sleep(3)
        await queue.take()
        queue.add(A)
        await asyncio.sleep(60)
        queue.done(A)
        await asyncio.sleep(2)
        await queue.take()
        return waits

    assert run(main()) == [3, 2]


class TestAdd:
    def test_a_key_added_often_is_worked_on_once(self) -> None:
        async def main() -> list[Key]:
            queue = WorkQueue()
            for key in (A, B, A, A, B):
                queue.add(key)
            return await taken(queue)

        assert run(main()) == [A, B]

    def test_a_key_is_never_worked_on_twice_at_the_same_time(self) -> None:
        async def main() -> None:
            queue = WorkQueue()
            queue.add(A)
            assert await queue.take() == A
            queue.add(A)
            queue.add(A)
            assert len(queue) == 0
            queue.done(A)
            assert await taken(queue) == [A]

        run(main())

    def test_a_key_that_did_not_change_while_worked_on_is_not_worked_on_again(self) -> None:
        async def main() -> list[Key]:
            queue = WorkQueue()
            queue.add(A)
            queue.done(await queue.take())
            return await taken(queue)

        assert run(main()) == []

    def test_a_waiting_worker_gets_the_key_that_is_added(self) -> None:
        async def main() -> Key:
            queue = WorkQueue()
            worker = asyncio.create_task(queue.take())
            await asyncio.sleep(1)
            queue.add(A)
            return await worker

        assert run(main()) == A

    def test_a_worker_that_is_cancelled_while_it_waits_loses_no_key(self) -> None:
        async def main() -> list[Key]:
            queue = WorkQueue()
            worker = asyncio.create_task(queue.take())
            await asyncio.sleep(1)
            worker.cancel()
            await asyncio.sleep(1)
            queue.add(A)
            return await taken(queue)

        assert run(main()) == [A]

    def test_many_workers_work_on_each_key_as_often_as_it_changed_and_never_together(self) -> None:
        async def main() -> dict[Key, int]:
            queue = WorkQueue()
            busy: set[Key] = set()
            passes: dict[Key, int] = {}

            async def work() -> None:
                while True:
                    key = await queue.take()
                    assert key not in busy
                    busy.add(key)
                    await asyncio.sleep(0.5)
                    passes[key] = passes.get(key, 0) + 1
                    busy.remove(key)
                    queue.done(key)

            workers = [asyncio.create_task(work()) for _ in range(4)]
            for _ in range(10):
                for key in (A, B, C):
                    queue.add(key)
                await asyncio.sleep(0.2)
            await asyncio.sleep(10)
            for worker in workers:
                worker.cancel()
            assert len(queue) == 0
            return passes

        passes = run(main())
        assert set(passes) == {A, B, C}
        assert all(2 <= count <= 10 for count in passes.values())


class TestFairness:
    def test_a_namespace_with_many_sweeps_does_not_starve_another(self) -> None:
        async def main() -> list[str]:
            queue = WorkQueue()
            for index in range(5):
                queue.add(Key("big", str(index)))
            for index in range(2):
                queue.add(Key("small", str(index)))
            return [key.namespace for key in await taken(queue)]

        assert run(main()) == ["big", "small", "big", "small", "big", "big", "big"]


class TestAddAfter:
    def test_a_key_comes_at_its_time(self) -> None:
        async def main() -> float:
            queue = WorkQueue()
            queue.add_after(A, 30.0)
            await queue.take()
            return asyncio.get_running_loop().time()

        assert run(main()) == 30.0

    def test_the_soonest_of_several_wishes_counts(self) -> None:
        async def main() -> tuple[float, list[Key]]:
            queue = WorkQueue()
            for delay in (30.0, 10.0, 20.0):
                queue.add_after(A, delay)
            queue.done(await queue.take())
            when = asyncio.get_running_loop().time()
            await asyncio.sleep(100)
            return when, await taken(queue)

        assert run(main()) == (10.0, [])

    def test_a_time_that_is_past_is_now(self) -> None:
        async def main() -> float:
            queue = WorkQueue()
            queue.add_after(A, -5.0)
            await queue.take()
            return asyncio.get_running_loop().time()

        assert run(main()) == 0.0


class TestFailures:
    def test_each_failure_in_a_row_waits_longer_up_to_a_limit(self) -> None:
        async def main() -> list[float]:
            queue = WorkQueue()
            delays = []
            for _ in range(15):
                delays.append(queue.failed(A))
                queue.done(await queue.take())
            return delays

        delays = run(main())
        assert delays[0] == FIRST_BACKOFF
        assert delays == sorted(delays)
        assert delays[-1] == LONGEST_BACKOFF

    def test_a_success_forgets_the_failures(self) -> None:
        async def main() -> float:
            queue = WorkQueue()
            for _ in range(5):
                queue.failed(A)
            queue.succeeded(A)
            return queue.failed(A)

        assert run(main()) == FIRST_BACKOFF

    def test_a_change_does_not_wait_for_the_backoff(self) -> None:
        async def main() -> float:
            queue = WorkQueue()
            for _ in range(10):
                queue.failed(A)
                queue.done(await queue.take())
            queue.failed(A)
            began = asyncio.get_running_loop().time()
            queue.add(A)
            await queue.take()
            return asyncio.get_running_loop().time() - began

        assert run(main()) == 0.0

    def test_a_forgotten_key_does_not_come_again(self) -> None:
        async def main() -> list[Key]:
            queue = WorkQueue()
            queue.add_after(A, 5.0)
            queue.forget(A)
            await asyncio.sleep(100)
            return await taken(queue)

        assert run(main()) == []

    def test_it_is_never_tried_before_the_server_asks_for_it(self) -> None:
        async def main() -> tuple[float, float, float]:
            queue = WorkQueue()
            return queue.failed(A, 3.0), queue.failed(B, 0.0), queue.failed(C, 1e9)

        assert run(main()) == (3.0, FIRST_BACKOFF, LONGEST_BACKOFF)


class TestAfterADrought:
    """Nothing has succeeded for a while: the server is at fault, and its return is for all."""

    async def _all_failing(self, queue: WorkQueue) -> None:
        for _ in range(20):
            await asyncio.sleep(LONGEST_BACKOFF)
            await taken(queue)
            for key in (A, B, C):
                queue.failed(key)
        await asyncio.sleep(DROUGHT + 1)

    def test_the_first_success_has_all_tried_at_once_as_if_they_had_never_failed(self) -> None:
        async def main() -> tuple[list[Key], float]:
            queue = WorkQueue()
            await self._all_failing(queue)
            queue.succeeded(B)
            return await taken(queue), queue.failed(A)

        assert run(main()) == ([A, C], FIRST_BACKOFF)

    def test_a_key_that_fails_while_others_succeed_is_left_to_its_backoff(self) -> None:
        async def main() -> int:
            queue = WorkQueue()
            await self._all_failing(queue)
            queue.succeeded(B)
            await taken(queue)
            for _ in range(20):
                queue.failed(A)
            queue.succeeded(B)
            queue.probe()
            return len(queue)

        assert run(main()) == 0

    def test_until_then_the_one_that_has_waited_longest_is_tried_now_and_then(self) -> None:
        async def main() -> list[Key]:
            queue = WorkQueue()
            await self._all_failing(queue)
            probed = []
            for _ in range(4):
                queue.probe()
                probed += await taken(queue)
                queue.failed(probed[-1])
            return probed

        assert run(main()) == [A, B, C, A]


def test_of_one_namespace_only_so_many_are_worked_on_at_a_time_and_none_is_lost() -> None:
    async def main() -> tuple[list[Key], list[Key]]:
        queue = WorkQueue(most=2)
        other = Key("other", "d")
        for key in (A, B, C, other):
            queue.add(key)
        first = [await queue.take() for _ in range(3)]
        assert len(queue) == 1
        queue.add(A)  # while it is worked on: after C, which has waited longer
        queue.done(A)
        queue.done(B)
        return first, [await queue.take(), await queue.take()]

    first, then = run(main())
    assert first == [A, Key("other", "d"), B]
    assert then == [C, A]
