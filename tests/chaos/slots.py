"""How many Jobs of a sweep are open at once, and which names came twice: by a watch of Jobs alone.

It needs no history without gaps, as the judge does: servers may die, and people edit records.
"""

from collections.abc import Callable, Iterable

from tests.chaos.report import Finding, Wrong
from tests.integration.conftest import Place
from tests.integration.view import Json, is_strange
from tests.integration.watches import Watches

from sweep_operator.api import paths
from sweep_operator.api.names import LABEL_SWEEP


class Slots(Watches):
    """Watches the Jobs of a namespace. Use as an async context manager.

    A slot is free once the outcome is on record, which comes after the Job's end: so in the one
    order in which Jobs change, open ones are never more than the sweep's parallelism.

    Args:
        place: the namespace.
        most: the parallelism of a sweep.
    """

    def __init__(self, place: Place, most: Callable[[str], int]) -> None:
        super().__init__(place.api, {paths.jobs(place.namespace): self})
        self._most = most
        self._open: dict[str, set[str]] = {}
        self._over: list[str] = []
        self.uids: dict[str, set[str]] = {}
        self.forgotten: set[str] = set()
        """Beginnings of names of Jobs whose runs a person has deleted: they hold no slot."""
        self.earlier: set[str] = set()
        """Names of Jobs of sweeps that are gone: they may come again."""

    @property
    def made(self) -> int:
        """Jobs ever seen."""
        return sum(map(len, self.uids.values()))

    def findings(self, also_twice: Iterable[str] = ()) -> list[Finding]:
        """All that was wrong.

        Args:
            also_twice: names that another watch has seen twice.
        """
        names = {name for name, uids in self.uids.items() if len(uids) > 1}
        twice = (names | set(also_twice)) - self.earlier
        return [
            *(Finding(Wrong.TWICE, f"{name} was made twice") for name in sorted(twice)),
            *(Finding(Wrong.OVER, words) for words in self._over),
        ]

    def put(self, job: Json) -> None:
        """Take in a Job as it is."""
        if is_strange(job):
            return
        name = job["metadata"]["name"]
        sweep = job["metadata"].get("labels", {}).get(LABEL_SWEEP, "")
        self.uids.setdefault(name, set()).add(job["metadata"]["uid"])
        jobs = self._open.setdefault(sweep, set())
        jobs -= {each for each in jobs if each.startswith(tuple(self.forgotten))}
        if has_ended(job) or "deletionTimestamp" in job["metadata"]:
            jobs.discard(name)
            return
        if not name.startswith(tuple(self.forgotten)):
            jobs.add(name)
        if len(jobs) > self._most(sweep):
            self._over.append(f"{name}: {len(jobs)} Jobs at once, {sorted(jobs)}")

    def drop(self, job: Json) -> None:
        """Take in that a Job is gone."""
        for jobs in self._open.values():
            jobs.discard(job["metadata"]["name"])

    def keep_only(self, names: set[tuple[str, str]], version: int) -> None:
        """Take in that all others are gone."""
        there = {name for _, name in names}
        for jobs in self._open.values():
            jobs.intersection_update(there)


def has_ended(job: Json) -> bool:
    """Whether a Job is at its end."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(
        each["type"] in ("Complete", "Failed", "FailureTarget", "SuccessCriteriaMet")
        and each["status"] == "True"
        for each in conditions
    )
