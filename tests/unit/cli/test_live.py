"""A study follows its sweep through lost watches, absent clusters and the sweep's end."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.sweep_of_forty import sweep_of_forty
from tests.fakes.watched_server import WatchedServer, watched_server
from tests.unit.cli.api_server import named

from sweep_operator.cli.live import Live
from sweep_operator.client import ClientError, Connection, Sweep
from sweep_operator.report.study import STUDY, SweepStudy

Json = dict[str, Any]

RUNNING = {"phase": "Running", "startTime": "2026-01-01T00:00:00Z"}


class Followed:
    """A study of twelve runs, and the cluster that it follows."""

    def __init__(self, cluster: WatchedServer, config: Path) -> None:
        self.cluster = cluster
        self.sweep, self.records = sweep_of_forty(12)
        cluster.put(self.sweep, *self.records)
        named(config, cluster.url)
        connection = Connection(str(config))
        found = Sweep.get("digits", "lab", connection)
        self.study = SweepStudy(found.object)
        self.live = Live(found, self.study, connection)

    @property
    def states(self) -> dict[int, str]:
        return {each.number: each.state.name for each in self.study.get_all_trials(STUDY)}

    @property
    def told(self) -> dict[str, str]:
        return self.study.get_study_user_attrs(STUDY)

    def last(self, **status: Any) -> Json:
        """The last run, which waits, as it is now."""
        return self.records[11] | {"status": status}


@pytest.fixture
def followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Followed]:
    monkeypatch.setattr("sweep_operator.client.follow.PAUSE", 0.01)
    with watched_server() as cluster:
        found = Followed(cluster, tmp_path / "config")
        with found.live:
            yield found


def until(true: Callable[[], bool]) -> None:
    """Wait for something that comes by itself."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_changes_is_taken_in_without_reading_the_rest_again(followed: Followed) -> None:
    followed.cluster.put(followed.last(**RUNNING))
    until(lambda: followed.states[12] == "RUNNING")
    paused = followed.sweep["status"] | {"phase": "Paused"}
    followed.cluster.put(followed.sweep | {"status": paused})
    until(lambda: followed.told["status"] == "Paused")
    followed.cluster.drop(followed.last())
    until(lambda: 12 not in followed.states)
    assert followed.cluster.asked.count("sweepruns") == 1


def test_a_watch_that_ends_goes_on_where_it_was(followed: Followed) -> None:
    followed.cluster.cut()
    followed.cluster.put(followed.last(**RUNNING))
    until(lambda: followed.states[12] == "RUNNING")
    assert followed.cluster.asked.count("sweepruns") == 1


def test_after_a_watch_that_can_not_go_on_all_is_read_again_and_nobody_hears_of_it(
    followed: Followed, capsys: pytest.CaptureFixture[str]
) -> None:
    followed.cluster.objects["sweepruns", "digits-12"]["status"] = RUNNING  # no watch tells it
    del followed.cluster.objects["sweepruns", "digits-11"]
    followed.cluster.log.append(followed.cluster.log[0]._replace(version=99))
    followed.cluster.cut(forget=True)
    until(lambda: followed.states.get(12) == "RUNNING")
    assert 11 not in followed.states
    followed.cluster.put(followed.last(phase="Pending"))
    until(lambda: followed.states[12] == "WAITING")
    assert capsys.readouterr().err == ""


def test_a_cluster_that_does_not_answer_for_a_while_is_told_once_and_made_good(
    followed: Followed, capsys: pytest.CaptureFixture[str]
) -> None:
    followed.cluster.cut(down=True)
    until(lambda: "news" in followed.told)
    sentence = "he API server answers 503: down for now; the page shows what was known by then"
    assert followed.told["news"] == f"T{sentence}."
    asked = len(followed.cluster.asked)
    until(lambda: len(followed.cluster.asked) > asked + 6)
    assert len(followed.states) == 12
    followed.cluster.put(followed.last(**RUNNING))
    followed.cluster.cut()
    until(lambda: followed.states[12] == "RUNNING" and "news" not in followed.told)
    errors = capsys.readouterr().err
    assert errors.splitlines() == [f"t{sentence}", "the cluster answers again"]


@pytest.mark.parametrize("forget", [False, True])
def test_a_deleted_sweep_is_told_and_what_was_known_of_it_stays(
    followed: Followed, forget: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    before = followed.states
    del followed.cluster.objects["sweeps", "digits"]  # its runs' ends are heard of first
    followed.cluster.drop(*followed.records)
    followed.cluster.cut(forget=forget)
    until(lambda: "news" in followed.told)
    followed.cluster.put(followed.last(**RUNNING))
    sentence = "lab/digits has been deleted; the page shows what was known by then"
    assert followed.told["news"] == f"L{sentence[1:]}."
    assert followed.states == before
    assert capsys.readouterr().err == f"{sentence}\n"


def test_a_sweep_that_is_being_deleted_is_as_good_as_deleted(followed: Followed) -> None:
    gone = followed.sweep["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    followed.cluster.put(followed.sweep | {"metadata": gone})
    followed.cluster.drop(*followed.records)
    until(lambda: "deleted" in followed.told.get("news", ""))
    assert len(followed.states) == 12


def test_what_there_is_of_a_sweep_that_is_being_deleted_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweep_operator.client.follow.PAUSE", 0.01)
    with watched_server() as cluster:
        found = Followed(cluster, tmp_path / "config")
        gone = found.sweep["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}
        cluster.put(found.sweep | {"metadata": gone})
        with found.live:
            assert len(found.states) == 12
            assert "deleted" in found.told["news"]


def test_a_sweep_that_was_deleted_while_the_cluster_did_not_answer_stays_deleted(
    followed: Followed, capsys: pytest.CaptureFixture[str]
) -> None:
    followed.cluster.cut(down=True)
    until(lambda: "news" in followed.told)
    followed.cluster.drop(followed.sweep, *followed.records)
    followed.cluster.cut(forget=True)
    until(lambda: "deleted" in followed.told.get("news", ""))
    for thread in followed.live.threads:
        thread.join(60)
    assert "deleted" in followed.told["news"]
    assert len(followed.states) == 12
    assert capsys.readouterr().err.splitlines()[-1].startswith("lab/digits has been deleted")


def test_another_sweep_of_the_same_name_is_not_taken_for_this_one(followed: Followed) -> None:
    metadata = followed.sweep["metadata"] | {"uid": "u-2"}
    other = followed.last(**RUNNING)
    other["metadata"] = other["metadata"] | {"labels": {"sweep-operator.io/sweep-uid": "u-2"}}
    followed.cluster.put(followed.sweep | {"metadata": metadata}, other)
    until(lambda: "deleted" in followed.told.get("news", ""))
    assert followed.states[12] == "WAITING"


def test_a_cluster_that_does_not_answer_at_first_is_an_error(followed: Followed) -> None:
    followed.cluster.cut(down=True)
    with pytest.raises(ClientError, match="down for now"), followed.live:
        pass
