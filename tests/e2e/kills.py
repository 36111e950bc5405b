"""Operators that are killed one after the other while a sweep goes on."""

import random
import time
from collections.abc import Iterator

from tests.e2e.kube import Json, Kube
from tests.e2e.sweeps import finished


def kill_leaders(
    count: int, cluster: Kube, kube: Kube, sweep: str, *, longest: float, seed: int
) -> None:
    """Kill each operator that comes to lead, at any moment of what it does first.

    Args:
        count: how many, all of them while the sweep goes on.
        cluster: where the operator is.
        kube: where the sweep is.
        sweep: its name.
        longest: seconds that a leader has at the most.
        seed: of the moments.
    """
    moments = random.Random(seed)
    with cluster.watching("lease", "sweep-operator", within=900) as leases:
        leaders = _leaders(leases)
        for kills in range(count):
            assert next(leaders, ""), f"nobody leads after {kills} kills"
            time.sleep(moments.uniform(0, longest))
            assert not finished(kube.get("sweep", sweep)), f"over after {kills} kills"
            _kill_operator(cluster)


def _leaders(leases: Iterator[Json]) -> Iterator[str]:
    """Who holds the Lease, one after the other."""
    former = ""
    for lease in leases:
        holder = lease["spec"].get("holderIdentity", "")
        if holder not in ("", former):
            former = holder
            yield holder


def _kill_operator(cluster: Kube) -> None:
    """Kill the operator's pod without a word of warning."""
    selector = "app.kubernetes.io/name=sweep-operator"
    cluster.run("delete", "pod", "-l", selector, "--grace-period=0", "--force")
