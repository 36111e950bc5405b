"""A sweep as Optuna's tools read it: a storage of one study, kept up to date, that nobody writes.

Optuna's own in-memory storage can't be: there a trial that has failed stays so, and a run that is
run again does not. Must not know where records come from, or who looks.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from threading import RLock
from typing import Any, Final, NoReturn

from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from sweep_operator.api.objective import Goal
from sweep_operator.effects.observe import run_facts
from sweep_operator.planning.facts import RunFacts
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.points import yardstick_of
from sweep_operator.report.results import Json
from sweep_operator.report.trials import Trials
from sweep_operator.report.words import text_of

STUDY: Final = 1
"""The study's number in addresses."""

MANY: Final = 1_000
"""Runs. Of more only those that go on have what they report on their way: a line for each is what
keeps a browser busy for minutes."""

READ_ONLY: Final = "this page only shows what is on record: nothing can be written here"

OBJECTIVE_NAMES: Final = "study:metric_names"
NOTE: Final = "dashboard:note_str:0"
NOTE_VERSION: Final = "dashboard:note_ver"
"""Optuna's keys for what the objective is called, and optuna-dashboard's for what stands above."""


class ReadOnlyError(Exception):
    """Somebody has tried to write."""


class SweepStudy(BaseStorage):
    """A Sweep and its runs. All may be called from any thread."""

    def __init__(self, sweep: Json) -> None:
        self._lock = RLock()
        self._sweep = sweep
        self._trials_of = Trials.of(sweep["spec"])
        self._ledger = self._new_ledger()
        self._trials: dict[int, FrozenTrial] = {}
        self._in_order: list[FrozenTrial] | None = []
        self._news = ""
        self._taken_back = 0

    @property
    def taken_back(self) -> int:
        """How often something that seemed to be over for good has changed or gone since.

        What Optuna calls finished never changes, so that who reads on asks for newer trials alone:
        such a reader must begin anew when this number has changed.
        """
        return self._taken_back

    @property
    def name(self) -> str:
        """The sweep's, as the command line takes it."""
        metadata = self._sweep["metadata"]
        return f"{metadata['namespace']}/{metadata['name']}"

    def judge(self, sweep: Json) -> None:
        """Take in the Sweep as it is now."""
        with self._lock:
            self._sweep = sweep
            self._ledger.judge_by(yardstick_of(sweep["spec"]))

    def replace(self, records: Iterable[Json], still: Callable[[], bool] = lambda: True) -> None:
        """Take in all its runs; those that aren't among them are gone.

        Args:
            records: gone through before anything changes: an error there leaves all as it was.
            still: asked after that, whether they are to be taken in at all.
        """
        read = [self._read(record) for record in records]
        if not still():
            return
        with self._lock:
            before, self._trials = self._trials, {trial.number: trial for _, trial in read}
            self._in_order = None
            self._ledger = self._new_ledger()
            for facts, _ in sorted(read, key=lambda each: each[1].number):
                self._ledger.put_run(facts)
            changed = any(_over(old) and self._trials.get(n) != old for n, old in before.items())
            last = max((number for number, each in before.items() if _over(each)), default=0)
            late = any(number < last and number not in before for number in self._trials)
            self._taken_back += changed or late

    def put(self, record: Json) -> None:
        """Take in a run as it is now."""
        facts, trial = self._read(record)
        with self._lock:
            old = self._trials.get(trial.number)
            if old is None:
                late = any(n > trial.number and _over(each) for n, each in self._trials.items())
                self._taken_back += late
            else:
                self._taken_back += _over(old) and old != trial
            self._trials[trial.number] = trial
            self._in_order = None
            self._ledger.put_run(facts)

    def drop(self, record: Json) -> None:
        """Take in that a run is gone."""
        with self._lock:
            number = record["spec"]["number"]
            old = self._trials.pop(number, None)
            self._in_order = None
            self._ledger.drop_run(number)
            self._taken_back += old is not None and _over(old)

    def tell(self, news: str) -> None:
        """Say a sentence to who looks, instead of the last one."""
        with self._lock:
            self._news = news

    def get_study_id_from_name(self, study_name: str) -> int:
        if study_name != self.name:
            raise KeyError(study_name)
        return STUDY

    def get_study_name_from_id(self, study_id: int) -> str:
        _check(study_id)
        return self.name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        _check(study_id)
        best = self._trials_of.yardstick.goal == Goal.MAXIMIZE
        return [StudyDirection.MAXIMIZE if best else StudyDirection.MINIMIZE]

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        _check(study_id)
        spec, status = self._sweep["spec"], self._sweep.get("status") or {}
        counts: Mapping[str, int] = status.get("runs") or {}
        found = {
            "news": self._news,
            "status": status.get("phase", "not seen by an operator yet"),
            "runs": ", ".join(f"{count} {phase}" for phase, count in counts.items() if count),
            "method": spec.get("method", ""),
        }
        constants = self._trials_of.constants.items()
        found |= {f"params_{name}": text_of(value) for name, value in constants}
        return {name: text for name, text in found.items() if text}

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        _check(study_id)
        return {
            OBJECTIVE_NAMES: [self._trials_of.objective],
            NOTE: f"{READ_ONLY[:1].upper()}{READ_ONLY[1:]}.",
            NOTE_VERSION: 1,
        }

    def get_all_studies(self) -> list[FrozenStudy]:
        return [
            FrozenStudy(
                study_name=self.name,
                direction=None,
                directions=self.get_study_directions(STUDY),
                user_attrs=self.get_study_user_attrs(STUDY),
                system_attrs=self.get_study_system_attrs(STUDY),
                study_id=STUDY,
            )
        ]

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self._trials[trial_id]

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,  # noqa: ARG002 - no trial is changed once it is made
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        _check(study_id)
        with self._lock:
            if self._in_order is None:
                self._in_order = [self._trials[number] for number in sorted(self._trials)]
            return [each for each in self._in_order if states is None or each.state in states]

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """The operator's best run; as long as it has none, the best as Optuna sees it."""
        with self._lock:
            best = self._ledger.best
            return super().get_best_trial(study_id) if best is None else self._trials[best.number]

    def _read(self, record: Json) -> tuple[RunFacts, FrozenTrial]:
        facts = run_facts(record)
        status = self._sweep.get("status") or {}
        many = max(status.get("lastNumber", 0), len(self._trials)) > MANY
        return facts, self._trials_of.trial(record, facts, ways=not many)

    def _new_ledger(self) -> Ledger:
        found = Ledger()
        found.judge_by(yardstick_of(self._sweep["spec"]))
        return found

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise ReadOnlyError(READ_ONLY)

    create_new_study = delete_study = _refuse
    set_study_user_attr = set_study_system_attr = _refuse
    create_new_trial = _refuse
    set_trial_param = set_trial_state_values = set_trial_intermediate_value = _refuse
    set_trial_user_attr = set_trial_system_attr = _refuse


def _over(trial: FrozenTrial) -> bool:
    return trial.state.is_finished()


def _check(study_id: int) -> None:
    if study_id != STUDY:
        raise KeyError(study_id)
