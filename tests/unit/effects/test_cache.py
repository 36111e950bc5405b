"""What is known, from watches and own answers: the newest of both, and nothing twice."""

import asyncio
from itertools import permutations
from typing import Any

import pytest

from sweep_operator.api.run import RunPhase
from sweep_operator.effects.cache import Cache, key_of
from sweep_operator.effects.workqueue import Key

KEY = Key("lab", "u")
T0 = "2027-01-01T00:00:00Z"


def metadata(name: str, version: int, uid: str = "u", number: Any = 1) -> dict[str, Any]:
    labels = {
        "sweep-operator.io/sweep-uid": uid,
        "sweep-operator.io/sweep": "a",
        "sweep-operator.io/run-number": str(number),
        "sweep-operator.io/attempt": "1",
        "batch.kubernetes.io/job-name": f"a-{number}-1",
    }
    return {
        "name": name,
        "namespace": "lab",
        "uid": f"{name}-of-{uid}",
        "resourceVersion": str(version),
        "creationTimestamp": T0,
        "labels": labels,
    }


def sweep(version: int, uid: str = "u", **status: Any) -> dict[str, Any]:
    spec = {"metric": {"name": "loss", "goal": "minimize"}}
    return {"metadata": metadata("a", version) | {"uid": uid}, "spec": spec, "status": status}


def record(version: int, uid: str = "u", number: int = 1, phase: str = "Pending") -> dict[str, Any]:
    spec = {"sweep": "a", "number": number, "parameters": {}}
    data = metadata(f"a-{number}", version, uid, number)
    ended = {} if phase == "Pending" else {"completionTime": T0}
    return {"metadata": data, "spec": spec, "status": {"phase": phase, **ended}}


def job(version: int, uid: str = "u", number: int = 1) -> dict[str, Any]:
    return {"metadata": metadata(f"a-{number}-1", version, uid, number), "spec": {}, "status": {}}


def pod(version: int, phase: str = "Running", uid: str = "u") -> dict[str, Any]:
    spec = {"containers": [{"name": "main"}]}
    return {"metadata": metadata("a-1-1-p", version, uid), "spec": spec, "status": {"phase": phase}}


@pytest.fixture
def changes() -> list[Key]:
    return []


@pytest.fixture
def cache(changes: list[Key]) -> Cache:
    return Cache(on_change=changes.append)


class TestSweeps:
    def test_an_older_state_never_replaces_a_newer_one(self, cache: Cache) -> None:
        cache.put_sweep(sweep(5, phase="Paused"))
        cache.put_sweep(sweep(4, phase="Running"))
        assert cache.sweeps[KEY]["status"]["phase"] == "Paused"

    def test_an_answer_does_not_bring_back_a_sweep_that_has_gone(self, cache: Cache) -> None:
        cache.put_sweep(sweep(1))
        cache.drop_sweep(KEY)
        cache.answer_sweep(sweep(2))
        assert cache.sweeps == {}

    def test_how_far_it_has_come_is_known_from_its_status_too(self, cache: Cache) -> None:
        cache.put_sweep(sweep(1, lastNumber=7))
        cache.runs.put(record(2, number=3))
        assert cache.ledger(KEY).last_number == 7

    def test_its_end_is_a_change_too(self, cache: Cache, changes: list[Key]) -> None:
        cache.put_sweep(sweep(1))
        changes.clear()
        cache.drop_sweep(KEY)
        assert changes == [KEY]

    def test_an_echo_of_what_is_known_is_no_change(self, cache: Cache, changes: list[Key]) -> None:
        cache.put_sweep(sweep(1))
        changes.clear()
        cache.put_sweep(sweep(1))
        assert changes == []

    def test_the_ledger_goes_with_the_sweep_and_the_last_of_its_children(
        self, cache: Cache
    ) -> None:
        cache.put_sweep(sweep(1))
        cache.runs.put(record(2))
        cache.jobs.put(job(3))
        cache.pods.put(pod(4))
        cache.drop_sweep(KEY)
        cache.runs.drop(record(5))
        assert cache._ledgers != {}
        cache.jobs.drop(job(6))
        cache.pods.drop(pod(7))
        assert cache._ledgers == {}

    def test_it_is_found_by_its_name_as_long_as_it_is_there(self, cache: Cache) -> None:
        cache.put_sweep(sweep(1))
        found = cache.find_sweep(KEY.namespace, sweep(1)["metadata"]["name"])
        assert found == sweep(1)
        assert cache.find_sweep("another", sweep(1)["metadata"]["name"]) is None
        cache.drop_sweep(KEY)
        assert cache.find_sweep(KEY.namespace, sweep(1)["metadata"]["name"]) is None

    def test_another_of_its_name_is_found_in_its_place(self, cache: Cache) -> None:
        another = sweep(2)
        another["metadata"] |= {"uid": "another"}
        cache.put_sweep(sweep(1))
        cache.put_sweep(another)
        cache.drop_sweep(KEY)
        assert cache.find_sweep(KEY.namespace, another["metadata"]["name"]) == another

    def test_a_key_is_namespace_and_uid(self) -> None:
        assert key_of(sweep(1)) == KEY


class TestAnswersAndWatches:
    def test_an_answer_counts_before_the_watch_tells(self, cache: Cache) -> None:
        cache.runs.answer(record(5))
        cache.jobs.answer(job(6))
        assert cache.ledger(KEY).active == {1}

    def test_an_answer_from_before_what_the_watch_told_is_left(self, cache: Cache) -> None:
        cache.runs.put(record(9, phase="Finished"))
        cache.runs.answer(record(8, phase="Running"))
        assert cache.ledger(KEY).runs[1].phase is RunPhase.FINISHED

    def test_a_late_answer_does_not_bring_back_what_the_watch_told_is_gone(
        self, cache: Cache
    ) -> None:
        cache.jobs.put(job(5))
        cache.jobs.drop(job(7))
        cache.jobs.answer(job(6))
        assert cache.ledger(KEY).jobs == {}

    def test_the_watch_does_not_take_back_what_an_answer_told(self, cache: Cache) -> None:
        cache.runs.answer(record(9, phase="Finished"))
        cache.runs.put(record(8, phase="Running"))
        assert cache.ledger(KEY).runs[1].phase is RunPhase.FINISHED

    def test_an_echo_of_an_own_write_is_no_change(self, cache: Cache, changes: list[Key]) -> None:
        cache.runs.answer(record(5))
        cache.ledger(KEY).take_touched(0)
        changes.clear()
        cache.runs.put(record(5))
        assert changes == []
        assert cache.ledger(KEY).take_touched(0) == []

    def test_it_ends_the_same_in_whatever_order_answers_come_between_the_watchs_events(
        self,
    ) -> None:
        """The watch's own order is fixed; answers may come at any time after they were written."""
        watch = [("put", 5, "Pending"), ("put", 7, "Running"), ("put", 9, "Finished")]
        answers = [("answer", version, phase) for _, version, phase in watch]
        for order in set(permutations([*range(3), *"xyz"])):
            events = [each for each in order if isinstance(each, int)]
            if events != sorted(events):
                continue
            cache = Cache(on_change=lambda _: None)
            for step in order:
                kind, version, phase = (
                    watch[step] if isinstance(step, int) else answers["xyz".index(str(step))]
                )
                getattr(cache.runs, kind)(record(version, phase=phase))
            assert cache.ledger(KEY).runs[1].phase is RunPhase.FINISHED


class TestRelists:
    def test_what_a_list_does_not_hold_is_dropped(self, cache: Cache) -> None:
        cache.jobs.put(job(5, number=1))
        cache.jobs.put(job(6, number=2))
        cache.jobs.keep_only({("lab", "a-2-1")}, 10)
        assert set(cache.ledger(KEY).jobs) == {2}

    def test_what_was_written_after_the_list_stays(self, cache: Cache) -> None:
        cache.jobs.answer(job(11))
        cache.jobs.keep_only(set(), 10)
        assert set(cache.ledger(KEY).jobs) == {1}

    def test_an_answer_from_before_the_list_is_left_afterwards(self, cache: Cache) -> None:
        cache.jobs.keep_only(set(), 10)
        cache.jobs.answer(job(9))
        assert cache.ledger(KEY).jobs == {}


class TestOneNamespace:
    """A watch of one namespace knows nothing of the others, which have their own."""

    def test_its_list_drops_nothing_of_another(self, cache: Cache) -> None:
        cache.jobs.put(job(5))
        cache.jobs.within("elsewhere").keep_only(set(), 10)
        assert set(cache.ledger(KEY).jobs) == {1}

    def test_its_list_drops_what_is_gone(self, cache: Cache) -> None:
        cache.jobs.put(job(5))
        cache.jobs.within("lab").keep_only(set(), 10)
        assert cache.ledger(KEY).jobs == {}

    def test_an_answer_counts_though_another_watch_is_ahead(self, cache: Cache) -> None:
        elsewhere = job(9)
        elsewhere["metadata"]["namespace"] = "elsewhere"
        cache.jobs.within("elsewhere").put(elsewhere)
        cache.jobs.within("elsewhere").keep_only({("elsewhere", "a-1-1")}, 9)
        cache.jobs.answer(job(7))
        assert set(cache.ledger(KEY).jobs) == {1}

    def test_a_late_answer_does_not_bring_back_what_its_watch_told_is_gone(
        self, cache: Cache
    ) -> None:
        watch = cache.jobs.within("lab")
        watch.put(job(5))
        watch.drop(job(7))
        cache.jobs.answer(job(6))
        assert cache.ledger(KEY).jobs == {}


class TestNamesUsedAgain:
    """A Sweep deleted and applied again under its name: names are the same, uids aren't."""

    def test_the_old_ones_deletion_does_not_strike_the_new_one(self, cache: Cache) -> None:
        cache.jobs.put(job(5, uid="old"))
        cache.runs.put(record(5, uid="old"))
        cache.jobs.answer(job(9, uid="new"))
        cache.runs.answer(record(9, uid="new"))
        cache.jobs.drop(job(7, uid="old"))
        cache.runs.drop(record(7, uid="old"))
        assert cache.ledger(Key("lab", "new")).active == {1}

    def test_nothing_of_the_old_one_stays_behind(self, cache: Cache) -> None:
        cache.jobs.put(job(5, uid="old"))
        cache.runs.put(record(5, uid="old"))
        cache.jobs.answer(job(9, uid="new"))
        cache.runs.answer(record(9, uid="new"))
        assert set(cache._ledgers) == {Key("lab", "new")}

    def test_an_answer_that_a_name_is_gone_drops_it(self, cache: Cache) -> None:
        cache.jobs.put(job(5))
        cache.jobs.miss("lab", "a-1-1", version=5)
        assert cache.ledger(KEY).jobs == {}

    def test_unless_it_was_made_again_while_the_answer_was_on_its_way(self, cache: Cache) -> None:
        cache.jobs.put(job(5, uid="old"))
        cache.jobs.put(job(7))
        cache.jobs.miss("lab", "a-1-1", version=5)
        assert set(cache.ledger(KEY).jobs) == {1}


class TestStrangers:
    @pytest.mark.parametrize("broken", ["no number", "letters", "no attempt"])
    def test_an_object_that_bears_our_label_by_mistake_is_left_alone(
        self, cache: Cache, broken: str
    ) -> None:
        stranger = job(5)
        labels = stranger["metadata"]["labels"]
        if broken == "no attempt":
            del labels["sweep-operator.io/attempt"]
        elif broken == "letters":
            labels["sweep-operator.io/run-number"] = "seven"
        else:
            del labels["sweep-operator.io/run-number"]
        cache.jobs.put(stranger)
        cache.jobs.drop(stranger)
        assert cache._ledgers == {}

    def test_an_object_in_another_namespace_is_none_of_a_sweeps_children(
        self, cache: Cache
    ) -> None:
        cache.put_sweep(sweep(1))
        stranger = job(5)
        stranger["metadata"]["namespace"] = "elsewhere"
        cache.jobs.put(stranger)
        assert cache.ledger(KEY).jobs == {}

    def test_an_object_without_our_label_is_nobodys(self, cache: Cache, changes: list[Key]) -> None:
        cache.jobs.put({"metadata": {"namespace": "lab", "name": "x", "resourceVersion": "5"}})
        assert changes == []

    @pytest.mark.parametrize("sink", ["runs", "jobs"])
    def test_a_copy_with_all_labels_but_another_name_is_not_taken_for_it(
        self, cache: Cache, sink: str
    ) -> None:
        made = record(2) if sink == "runs" else job(2)
        copy = made | {"metadata": made["metadata"] | {"name": "copy", "resourceVersion": "3"}}
        getattr(cache, sink).put(made)
        getattr(cache, sink).put(copy)
        getattr(cache, sink).drop(copy)
        ledger = cache.ledger(KEY)
        known = ledger.runs[1] if sink == "runs" else ledger.jobs[1][1]
        assert known.uid == made["metadata"]["uid"]

    def test_a_record_whose_number_is_not_its_labels_leaves_nothing_behind(
        self, cache: Cache
    ) -> None:
        odd = record(5, number=2)
        odd["spec"]["number"] = 9
        cache.runs.put(odd)
        cache.runs.drop(odd)
        assert cache.ledger(KEY).runs == {}


class TestPods:
    def test_an_ended_pods_last_word_outlives_it_as_long_as_its_job(self, cache: Cache) -> None:
        cache.runs.put(record(1))
        cache.jobs.put(job(2))
        cache.pods.put(pod(3, phase="Succeeded"))
        cache.pods.drop(pod(4, phase="Succeeded"))
        ledger = cache.ledger(KEY)
        assert ledger.pod_of(ledger.runs[1]) is not None
        cache.jobs.drop(job(5))
        assert ledger.pods == {}

    def test_a_pod_that_goes_without_a_last_word_is_forgotten(self, cache: Cache) -> None:
        cache.runs.put(record(1))
        cache.jobs.put(job(2))
        cache.pods.put(pod(3))
        cache.pods.drop(pod(4))
        assert cache.ledger(KEY).pods == {}


def test_nothing_here_waits() -> None:
    """The cache is used between awaits alone: no method may be a coroutine."""
    methods = [getattr(Cache, name) for name in dir(Cache)]
    assert not any(asyncio.iscoroutinefunction(method) for method in methods)


def test_a_child_that_is_labelled_anew_is_known_by_its_new_label_alone(cache: Cache) -> None:
    for number in (1, 2):
        relabelled = pod(10 + number)
        relabelled["metadata"]["labels"]["sweep-operator.io/run-number"] = str(number)
        cache.pods.put(relabelled)
    assert list(cache.ledger(KEY).pods) == [2]
    cache.pods.drop(pod(20))
    assert cache.ledger(KEY).empty
