"""The chart's life on a cluster: installed, upgraded, rolled back, removed and there again.

No other operator may be there meanwhile: the one that all other tests use is removed, CRDs and all,
and put back afterwards.
"""

import secrets
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from tests.e2e.conftest import ROOT, install, uninstall
from tests.e2e.kube import Json, Kube
from tests.e2e.nodes import Nodes
from tests.e2e.releases import LEASE, Release, leader
from tests.e2e.sweeps import finished, phase, runs, sweep

from sweep_operator.effects.leadership import LEASE_DURATION
from sweep_operator.planning.times import seconds

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
CRDS = ("crd/sweeps.sweep-operator.io", "crd/sweepruns.sweep-operator.io")

Releases = Callable[[str], Release]


@pytest.fixture(scope="module")
def alone(cluster: Kube) -> Iterator[Kube]:
    """The cluster with nothing of an operator in it."""
    uninstall(cluster)
    yield cluster
    cluster.run("delete", *CRDS, "--ignore-not-found", "--timeout=60s")
    install(cluster)
    cluster.run("rollout", "status", "deployment/sweep-operator", "--timeout=120s")


@pytest.fixture
def releases(alone: Kube) -> Iterator[Releases]:
    """Makes places for releases, and removes what is installed there."""
    told = subprocess.run([ROOT / "dev/cluster", "path", "helm"], check=True, capture_output=True)
    helm = Path(told.stdout.decode().strip())
    made: list[Release] = []

    def release(name: str) -> Release:
        place = alone.within(f"helm-{name}-{secrets.token_hex(2)}")
        alone.run("create", "namespace", place.namespace)
        alone.run("label", "namespace", place.namespace, RESTRICTED)
        made.append(Release(helm, place, name))
        return made[-1]

    yield release
    for each in made:
        each.uninstall()
        alone.run("delete", "namespace", each.kube.namespace, "--wait=false")
    # Each test begins where no chart has been.
    alone.run("delete", *CRDS, "--ignore-not-found", "--timeout=60s")


def slow_sweep(name: str = "s", count: int = 9, seconds: int = 8) -> Json:
    """Runs that are under way while something befalls the operator."""
    return sweep(name, {"x": {"values": list(range(count))}}, f"sleep {seconds}", parallelism=3)


@contextmanager
def jobs_seen(kube: Kube) -> Iterator[dict[str, set[str]]]:
    """The uids of all Jobs that there ever were, by their names."""
    seen: dict[str, set[str]] = defaultdict(set)

    with kube.watching("job", within=600) as states:

        def follow() -> None:
            for job in states:
                seen[job["metadata"]["name"]].add(job["metadata"]["uid"])

        Thread(target=follow, daemon=True).start()
        yield seen


def ends_with_nothing_twice(kube: Kube, seen: dict[str, set[str]], count: int = 9) -> None:
    """Wait until the sweep has Finished: each run was made once, and each of its attempts."""
    kube.until("sweep", "s", finished, within=300)
    assert sorted(run["spec"]["number"] for run in kube.all("sweeprun")) == [*range(1, count + 1)]
    assert sorted(seen) == sorted(f"s-{number}-1" for number in range(1, count + 1))
    assert {len(uids) for uids in seen.values()} == {1}


def between(held: Json, taken: Json) -> float:
    """Seconds from a leader's last sign of life to the next one's first."""
    return seconds(taken["spec"]["acquireTime"]) - seconds(held["spec"]["renewTime"])


def three_at_work(sweep: Json) -> bool:
    """Whether runs are under way."""
    return int(runs(sweep).get("running", 0)) == 3


def test_its_own_test_runs_three_runs_and_leaves_nothing(alone: Kube, releases: Releases) -> None:
    release = releases("tried")
    release.install()
    assert "Phase:          Succeeded" in release.test()
    release.kube.run("wait", "sweeps,jobs", "--all", "--for=delete", "--timeout=60s")
    left = release.kube.run("get", "pods,roles,rolebindings,serviceaccounts", "--output=name")
    assert "-test" not in left


def test_when_the_leader_is_killed_the_other_replica_takes_over_and_makes_nothing_twice(
    kube: Kube, releases: Releases, nodes: Nodes
) -> None:
    release = releases("twins")
    release.install("--set=replicas=2")
    with jobs_seen(kube) as seen:
        kube.apply(slow_sweep())
        kube.until("sweep", "s", three_at_work)
        killed = release.leader
        (standby,) = {pod["metadata"]["name"] for pod in release.kube.all("pod")} - {killed}
        nodes.kill(release.kube.get("pod", killed))
        held = release.kube.get("lease", LEASE)
        taken = release.kube.until("lease", LEASE, lambda now: leader(now) != killed, within=60)
        assert leader(held) == killed, "it gave the Lease up: it wasn't killed"
        assert leader(taken) == standby
        assert between(held, taken) >= LEASE_DURATION
        ends_with_nothing_twice(kube, seen)


def test_a_running_sweep_goes_on_through_an_upgrade_and_a_rollback(
    kube: Kube, releases: Releases, tmp_path: Path
) -> None:
    release = releases("changing")
    release.install()
    with jobs_seen(kube) as seen:
        kube.apply(slow_sweep())
        kube.until("sweep", "s", three_at_work)
        release.upgrade(release.packaged("0.1.1", tmp_path), "--set=podLabels.colour=blue")
        deployed = release.kube.get("deployment", "changing-sweep-operator")
        assert deployed["metadata"]["labels"]["helm.sh/chart"] == "sweep-operator-0.1.1"
        assert deployed["spec"]["template"]["metadata"]["labels"]["colour"] == "blue"
        release.rollback()
        deployed = release.kube.get("deployment", "changing-sweep-operator")
        assert "colour" not in deployed["spec"]["template"]["metadata"]["labels"]
        ends_with_nothing_twice(kube, seen)


def test_uninstalled_it_leaves_the_sweeps_alone_and_another_release_goes_on_with_them(
    alone: Kube, kube: Kube, releases: Releases
) -> None:
    first = releases("first")
    first.install("--set=rbac.readLogs=true,podDisruptionBudget.enabled=true")
    doomed = kube.within(f"{kube.namespace}-doomed")
    alone.run("create", "namespace", doomed.namespace)
    doomed.apply(slow_sweep(seconds=600))
    doomed.until("sweep", "s", three_at_work)
    with jobs_seen(kube) as seen:
        kube.apply(slow_sweep())
        kube.until("sweep", "s", three_at_work)
        first.uninstall()
        assert first.left() == []
        alone.run("get", *CRDS)
        assert phase(kube.get("sweep", "s")) == "Running"
        # Nothing waits for an operator.
        alone.run("delete", "namespace", doomed.namespace, "--timeout=90s")
        second = releases("second")
        second.install("--take-ownership")
        ends_with_nothing_twice(kube, seen)


def test_with_roles_alone_it_runs_the_sweeps_of_its_namespace_and_may_do_nothing_elsewhere(
    alone: Kube, kube: Kube, releases: Releases
) -> None:
    release = releases("narrow")
    release.install(f"--set=watchNamespaces={{{kube.namespace}}},reports.enabled=false")
    other = kube.within(f"{kube.namespace}-other")
    alone.run("create", "namespace", other.namespace)
    try:
        other.apply(sweep("s", {"x": {"values": [1]}}))
        kube.apply(sweep("s", {"x": {"values": [1, 2, 3]}}))
        kube.until("sweep", "s", finished)
        assert other.get("sweep", "s").get("status", {}).get("observedGeneration") is None
        assert other.all("job") == []
        account = f"{release.kube.namespace}:narrow-sweep-operator"
        assert "sweeps.sweep-operator.io/status" in rights(kube, account)
        assert rights(other, account) == rights(other, f"{other.namespace}:default")
        # What the API server takes for one that may do anything in all namespaces.
        assert "narrow-sweep-operator" not in alone.run(
            "get", "clusterrolebindings", "--output=jsonpath={.items[*].subjects[*].name}"
        )
        assert "Succeeded" in release.test()
    finally:
        alone.run("delete", "namespace", other.namespace, "--wait=false")


def rights(kube: Kube, account: str) -> str:
    """What a service account may do in a namespace, cluster-wide rights included."""
    groups = ("system:serviceaccounts", "system:authenticated")
    listed = kube.run(
        *("auth", "can-i", "--list", f"--as=system:serviceaccount:{account}"),
        *(f"--as-group={group}" for group in groups),
    )
    return "\n".join(sorted(listed.splitlines()))
