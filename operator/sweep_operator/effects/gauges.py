"""What the operator knows at the moment, told when it is asked: nothing of it is counted along."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from sweep_operator.api.run import RunPhase
from sweep_operator.api.sweep import SweepPhase
from sweep_operator.effects.cache import Cache
from sweep_operator.effects.metrics import (
    LEADER,
    QUEUE_DEPTH,
    RUNS,
    SWEEPS,
    TASKS,
    WATCH_SILENCE,
    Family,
)

UNKNOWN = "Unknown"


class Gauges(Collector):
    """Tells of sweeps, runs, the queue and the watches.

    Args:
        cache: the sweeps and the runs.
        depth: how many sweeps wait for a pass.
        leads: whether this process leads; a standby doesn't know the runs.
        silences: for how many seconds each watch has said nothing, by resource.
        tasks: how many of asyncio's haven't ended.
    """

    def __init__(
        self,
        cache: Cache,
        depth: Callable[[], int],
        leads: Callable[[], bool],
        silences: Callable[[], Mapping[str, float]],
        tasks: Callable[[], int],
    ) -> None:
        self._tasks = tasks
        self._cache = cache
        self._depth = depth
        self._leads = leads
        self._silences = silences

    @override
    def collect(self) -> Iterable[Metric]:
        leads = self._leads()
        yield _gauge(LEADER, {(): float(leads)})
        yield _gauge(QUEUE_DEPTH, {(): float(self._depth())})
        yield _gauge(WATCH_SILENCE, {(of,): seconds for of, seconds in self._silences().items()})
        yield _gauge(TASKS, {(): float(self._tasks())})
        yield _gauge(SWEEPS, self._sweeps() if leads else {})
        yield _gauge(RUNS, self._runs() if leads else {})

    def _sweeps(self) -> dict[tuple[str, ...], float]:
        """Each phase of each namespace that has sweeps, so that none vanishes from a plot."""
        told: dict[tuple[str, ...], float] = {}
        for key, sweep in self._cache.sweeps.items():
            phase = (sweep.get("status") or {}).get("phase", UNKNOWN)
            if (key.namespace, UNKNOWN) not in told:
                told |= {(key.namespace, each): 0.0 for each in (*SweepPhase, UNKNOWN)}
            at = key.namespace, phase
            told[at] = told.get(at, 0.0) + 1
        return told

    def _runs(self) -> dict[tuple[str, ...], float]:
        told: dict[tuple[str, ...], float] = {}
        for key in self._cache.sweeps:
            for status in RunPhase:
                at = key.namespace, status.value
                told[at] = told.get(at, 0.0) + self._cache.ledger(key).counts[status]
        return told


def _gauge(family: Family, values: Mapping[tuple[str, ...], float]) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(family.name, family.help, labels=family.labels)
    for labels, value in values.items():
        gauge.add_metric(labels, value)
    return gauge
