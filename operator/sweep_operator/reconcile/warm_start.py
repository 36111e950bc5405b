"""What a search knows before its first run: the records of the sweeps that spec.warmStart names."""

from sweep_operator.effects.cache import Cache, key_of, key_of_owner
from sweep_operator.effects.children import Children
from sweep_operator.effects.recorder import Recorder
from sweep_operator.planning.experience import experience
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.story import Happening
from sweep_operator.planning.sweep import Intent
from sweep_operator.planning.warm_start import foreign, stall_of_missing, why_no_teacher
from sweep_operator.reconcile.refused import RefusedError
from sweep_operator.search.method import Observation


class WarmStart:
    """Finds sweeps by their names, and says what they teach."""

    def __init__(self, children: Children, cache: Cache, recorder: Recorder) -> None:
        self._children = children
        self._cache = cache
        self._recorder = recorder

    async def lessons(self, intent: Intent, ledger: Ledger) -> list[Observation] | None:
        """What other sweeps teach at the moment; None where that is known only in a moment.

        Raises:
            RefusedError: one isn't there, and no run has been made. Later it just teaches nothing:
                a sweep isn't held up by what becomes of others.
        """
        warm_start, metric = intent.spec.warm_start, intent.spec.metric
        if warm_start is None or metric is None:
            return []
        found: list[Observation] = []
        for name in warm_start.sweeps:
            other = self._cache.find_sweep(intent.namespace, name)
            if other is not None:
                why = why_no_teacher(metric, other["spec"])
                if not why:
                    found += experience(self._cache.ledger(key_of(other)), metric.impute)[0]
                elif ledger.last_number == 0:
                    self._warn(intent, f"{name} teaches nothing here: {why}")
            elif await self._children.is_there(intent.namespace, name):
                return None  # the watch will have told of it by the next pass
            elif ledger.last_number == 0:
                raise RefusedError(stall_of_missing(name))
        return foreign(found)

    def _warn(self, intent: Intent, note: str) -> None:
        sweep = self._cache.sweeps.get(key_of_owner(intent))
        if sweep is not None:
            happening = Happening("Discouraged", f"spec.warmStart.sweeps: {note}.", warning=True)
            self._recorder.tell(sweep, happening)
