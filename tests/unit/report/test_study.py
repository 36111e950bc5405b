"""A sweep as a storage that Optuna reads: as its records are, and nothing can be written."""

import random
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from tests.fakes.sweep_of_forty import sweep_of_forty
from tests.unit.report.reading import Json, run, runs, sweep

from sweep_operator.report.results import Results
from sweep_operator.report.study import MANY, STUDY, ReadOnlyError, SweepStudy

START, END = "2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z"


def ended(number: int, value: float | None, **more: Any) -> Json:
    phase = "Failed" if value is None else "Finished"
    return run(number, value, phase, startTime=START, completionTime=END, **more)


def study_of(records: list[Json], **spec: Any) -> SweepStudy:
    found = SweepStudy(sweep(**spec))
    found.replace(records)
    return found


def numbers(study: SweepStudy) -> list[int]:
    return [trial.number for trial in study.get_all_trials(STUDY)]


def states(study: SweepStudy) -> list[str]:
    return [trial.state.name for trial in study.get_all_trials(STUDY)]


def test_optuna_reads_it_as_any_study() -> None:
    made, records = sweep_of_forty(40)
    storage = SweepStudy(made)
    storage.replace(records[::-1])
    found = optuna.load_study(study_name="lab/digits", storage=storage)
    assert found.direction == StudyDirection.MAXIMIZE
    assert found.metric_names == ["accuracy"]
    assert [trial.number for trial in found.trials] == list(range(1, 41))
    values = {record["spec"]["number"]: record["status"].get("value") for record in records}
    complete = [trial for trial in found.trials if trial.state is TrialState.COMPLETE]
    assert all(trial.value == values[trial.number] for trial in complete)
    assert len(complete) == sum(value is not None for value in values.values())
    assert found.best_trial.number == Results.of(made, records, 0).best.number


def test_the_best_is_the_operators_with_repeats_too() -> None:
    # Run 3 alone is the best; with run 4 its point is worse than that of runs 1 and 2.
    found = study_of([ended(n, v) for n, v in enumerate([0.4, 0.4, 0.1, 0.9], 1)], repeats=2)
    assert found.get_best_trial(STUDY).number == 1
    found = study_of([ended(1, 0.4)], repeats=2, runCap=10)
    assert found.get_best_trial(STUDY).number == 1  # no point has all of its runs yet


def test_a_change_of_a_run_is_there_at_once() -> None:
    found = study_of(
        [ended(1, 0.5), run(2, None, "Running", startTime=START), run(3, None, "Pending")]
    )
    assert states(found) == ["COMPLETE", "RUNNING", "WAITING"]
    found.put(ended(2, 0.25))
    found.put(run(4, None, "Pending"))
    assert states(found) == ["COMPLETE", "COMPLETE", "WAITING", "WAITING"]
    assert found.get_best_trial(STUDY).number == 2
    found.drop(run(3, None, "Pending"))
    assert numbers(found) == [1, 2, 4]
    assert found.taken_back == 0


def test_what_was_handed_out_does_not_change_any_more() -> None:
    found = study_of([run(1, None, "Running", startTime=START)])
    before = found.get_all_trials(STUDY)
    found.put(ended(1, 0.5))
    found.put(ended(2, 0.5))
    assert [trial.state.name for trial in before] == ["RUNNING"]


@pytest.mark.parametrize(
    ("change", "taken_back"),
    [
        (lambda study: study.put(run(1, None, "Pending")), True),  # it is run again
        (lambda study: study.drop(ended(1, None)), True),
        (lambda study: study.replace([ended(2, 0.5), run(3, None, "Running")]), True),
        (lambda study: study.replace([run(1, None, "Pending"), ended(2, 0.5)]), True),
        (lambda study: study.put(ended(1, None)), False),
        (lambda study: study.put(run(3, 0.5, completionTime=END)), False),
        (lambda study: study.drop(run(3, None, "Running")), False),
        (lambda study: study.replace([ended(1, None), ended(2, 0.5), ended(4, 0.1)]), False),
        (lambda study: study.replace([ended(1, None), ended(2, 0.5)]), False),
    ],
)
def test_who_takes_finished_trials_for_settled_is_told_where_they_are_not(
    change: Any, taken_back: bool
) -> None:
    found = study_of([ended(1, None), ended(2, 0.5), run(3, None, "Running")])
    assert found.taken_back == 0
    change(found)
    assert found.taken_back == int(taken_back)


def test_a_run_that_turns_up_before_finished_ones_is_told_too() -> None:
    found = study_of([ended(1, 0.5), ended(3, 0.5)])
    found.replace([ended(1, 0.5), ended(2, 0.5), ended(3, 0.5)])
    assert found.taken_back == 1
    found = study_of([ended(1, 0.5), ended(3, 0.5)])
    found.put(ended(2, 0.5))
    assert found.taken_back == 1


def test_a_page_that_only_asks_for_what_was_not_finished_has_what_is_on_record() -> None:
    chance = random.Random(3)
    found, known, seen = study_of([]), list[FrozenTrial](), 0
    for _ in range(2000):
        number = chance.randint(1, 9)
        change: Callable[[Json], None] = chance.choice(
            [found.put, found.put, found.put, found.drop]
        )
        change(chance.choice([ended(number, 0.5), run(number, None, "Running", startTime=START)]))
        if found.taken_back != seen:
            known, seen = [], found.taken_back
        open_ones = (place for place, each in enumerate(known) if not each.state.is_finished())
        after = next(open_ones, len(known))
        known = known[:after] + found.get_all_trials(STUDY)[after:]
        assert known == found.get_all_trials(STUDY)


def test_an_error_while_all_are_read_leaves_what_was() -> None:
    found = study_of(runs(0.5, 0.25))

    def broken() -> Any:
        yield run(1, 0.75)
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011
        found.replace(broken())
    found.replace([], still=lambda: False)
    assert [trial.value for trial in found.get_all_trials(STUDY)] == [0.5, 0.25]


def test_the_sweeps_own_state_and_news_stand_in_the_studys_attributes() -> None:
    made, _ = sweep_of_forty(0)
    found = SweepStudy(made)
    told = found.get_study_user_attrs(STUDY)
    assert told == {"status": "Running", "method": "bayes", "params_epochs": "20"}
    found.judge(made | {"status": {"phase": "Paused", "runs": {"finished": 3, "failed": 0}}})
    found.tell("Gone.")
    told = found.get_study_user_attrs(STUDY)
    assert (told["status"], told["runs"], told["news"]) == ("Paused", "3 finished", "Gone.")


@pytest.mark.parametrize(("count", "kept"), [(MANY, 100), (MANY + 1, 0)])
def test_of_many_runs_only_those_that_go_on_have_their_way(count: int, kept: int) -> None:
    history = [{"step": step, "metrics": {"loss": 1.0}} for step in range(100)]
    found = SweepStudy(sweep() | {"status": {"lastNumber": count}})
    found.replace([ended(1, 0.5, history=history), run(2, None, "Running", history=history)])
    first, second = found.get_all_trials(STUDY)
    assert len(first.intermediate_values) == kept
    assert len(second.intermediate_values) == 100


WRITES = sorted(
    name for name in BaseStorage.__abstractmethods__ if name.startswith(("create", "delete", "set"))
)


@pytest.mark.parametrize("name", WRITES)
def test_nothing_can_be_written(name: str) -> None:
    found = study_of(runs(0.5, 0.25))
    with pytest.raises(ReadOnlyError):
        getattr(found, name)(STUDY, 1, 2)
    assert [trial.value for trial in found.get_all_trials(STUDY)] == [0.5, 0.25]


def test_there_is_no_other_study() -> None:
    found = study_of([])
    for asked in (found.get_study_directions, found.get_all_trials, found.get_study_name_from_id):
        with pytest.raises(KeyError):
            asked(STUDY + 1)
    with pytest.raises(KeyError):
        found.get_study_id_from_name("lab/other")
