"""Argo CD and Sweeps: what docs/gitops.md says, seen with the real one.

A test commits to a Git repository of its own and watches what becomes of the Application.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e import argocd as argo
from tests.e2e.argocd import Application, ArgoCD, ArgoCDError
from tests.e2e.conftest import ROOT, install, uninstall
from tests.e2e.kube import Json, Kube
from tests.e2e.sweeps import complete, finished, is_now, main_of, runs, sweep

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NINE = {"x": {"values": list(range(9))}}
HOLD = "sleep 600"
IGNORED = [{"group": "sweep-operator.io", "kind": "Sweep", "jsonPointers": ["/spec/state"]}]


def held(name: str = "s", **spec: object) -> list[Json]:
    """A Sweep whose runs end when they are killed."""
    return [sweep(name, NINE, HOLD, **spec)]


@pytest.fixture(scope="module")
def argocd(cluster: Kube, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArgoCD]:
    """Argo CD, for all tests here."""
    with argo.running(cluster, tmp_path_factory.mktemp("argocd")) as found:
        yield found


@pytest.fixture
def application(argocd: ArgoCD, kube: Kube, tmp_path: Path) -> Iterator[Application]:
    """An Application that heals itself, for a namespace of the test's own."""
    with argocd.application(kube.namespace, kube.namespace, tmp_path) as found:
        yield found


@pytest.fixture
def lenient(argocd: ArgoCD, kube: Kube, tmp_path: Path) -> Iterator[Application]:
    """The same, which leaves the state to people, as manifests/argocd/application.yaml does."""
    with argocd.application(
        kube.namespace, kube.namespace, tmp_path, ignoreDifferences=IGNORED
    ) as found:
        yield found


def state(kube: Kube, name: str = "s") -> str:
    """What a Sweep is to do."""
    found: str = kube.get("sweep", name)["spec"]["state"]
    return found


def test_the_example_is_an_application(argocd: ArgoCD) -> None:
    example = str(ROOT / "manifests/argocd/application.yaml")
    argocd.kube.run("create", "--dry-run=server", "--validate=strict", "-f", example)


class TestCommits:
    def test_each_state_in_git_does_what_it_says_and_the_health_follows(
        self, application: Application, kube: Kube
    ) -> None:
        application.sync(sweep=held(state="Running"))
        kube.until("sweep", "s", lambda found: runs(found).get("running") == 1)
        application.until_healthy("Progressing")

        application.sync(sweep=held(state="Paused"))
        paused = kube.until("sweep", "s", is_now("Paused"))
        assert runs(paused)["running"] == 1
        application.until_healthy("Suspended")

        application.sync(sweep=held(state="Running", parallelism=2))
        kube.until("sweep", "s", lambda found: runs(found).get("running") == 2)
        application.until_healthy("Progressing")

        application.sync(sweep=held(state="Stopped", parallelism=2))
        stopped = kube.until("sweep", "s", is_now("Stopped"))
        assert runs(stopped)["running"] == 2
        assert not complete(stopped)
        application.until_healthy("Progressing")

        application.sync(sweep=held(state="Cancelled", parallelism=2))
        cancelled = kube.until("sweep", "s", complete)
        assert runs(cancelled)["killed"] == 2
        application.until_healthy("Healthy")

    def test_what_ends_well_is_healthy_and_what_ends_badly_degraded(
        self, application: Application, kube: Kube
    ) -> None:
        two = {"x": {"values": [1, 2]}}
        application.sync(sweep=[sweep("s", two)])
        application.until_healthy("Healthy")
        assert finished(kube.get("sweep", "s"))

        failing = sweep("s", two, "exit 3", failurePolicy={"maxFailures": 1})
        failing["metadata"]["name"] = "failing"
        application.sync(sweep=[failing])
        application.until_healthy("Degraded")

        refused = sweep("refused", two)
        main_of(refused)["volumeMounts"] = [{"name": "nowhere", "mountPath": "/nowhere"}]
        application.sync(sweep=[refused])
        application.until_healthy("Degraded")
        assert kube.get("sweep", "refused")["status"]["phase"] == "Crashed"

    def test_a_commit_that_goes_back_is_refused_in_words_and_the_next_one_is_taken(
        self, application: Application, kube: Kube
    ) -> None:
        application.sync(sweep=held(state="Stopped"))
        application.commit(sweep=held(state="Running"))
        said = application.until(refused)["status"]["operationState"]["message"]
        assert "a stopped sweep doesn't go on" in said
        application.sync(sweep=held(state="Stopped"))

    def test_marks_of_argo_cd_stay_on_the_sweep(self, application: Application, kube: Kube) -> None:
        application.sync(sweep=held())
        kube.until("sweep", "s", lambda found: runs(found).get("running") == 1)
        assert "argocd.argoproj.io/tracking-id" in kube.get("sweep", "s")["metadata"]["annotations"]
        for kind in ("sweepruns", "jobs", "pods"):
            (child,) = kube.all(kind)
            assert "tracking-id" not in json.dumps(child["metadata"])
        listed = application.until(lambda _: True)["status"]["resources"]
        assert [each["kind"] for each in listed] == ["Sweep"]


def refused(application: Json) -> bool:
    """Whether Argo CD has given up on the newest commit."""
    status = application["status"]
    done = status.get("operationState", {})
    return bool(
        done.get("phase") == "Failed"
        and done["operation"]["sync"]["revision"] == status["sync"]["revision"]
        and any(each["type"] == "SyncError" for each in status.get("conditions", ()))
    )


class TestSelfHeal:
    def test_a_pause_by_hand_is_undone_where_git_has_the_state(
        self, application: Application, kube: Kube
    ) -> None:
        application.sync(sweep=held(state="Running"))
        kube.until("sweep", "s", is_now("Running"))
        kube.edit("s", state="Paused")
        kube.until("sweep", "s", lambda found: found["metadata"]["generation"] == 3)
        assert state(kube) == "Running"

    def test_a_pause_by_hand_stays_where_git_has_none(
        self, application: Application, kube: Kube
    ) -> None:
        application.sync(sweep=held())
        kube.until("sweep", "s", is_now("Running"))
        kube.edit("s", state="Paused")
        application.until_healthy("Suspended")
        application.sync(sweep=held(parallelism=2))
        found = kube.until("sweep", "s", is_now("Paused"))
        assert found["spec"]["parallelism"] == 2

    def test_a_state_that_counts_at_creation_alone_is_peoples_business_from_then_on(
        self, lenient: Application, kube: Kube
    ) -> None:
        lenient.sync(sweep=held(state="Paused"))
        kube.until("sweep", "s", is_now("Paused"))
        kube.edit("s", state="Running")
        lenient.until_healthy("Progressing")
        lenient.sync(sweep=held(state="Paused", parallelism=2))
        found = kube.until("sweep", "s", is_now("Running"))
        assert found["spec"]["parallelism"] == 2

    def test_a_cancel_by_hand_makes_it_give_up_until_git_says_so_too(
        self, application: Application, kube: Kube
    ) -> None:
        application.sync(sweep=held(state="Running"))
        kube.until("sweep", "s", is_now("Running"))
        kube.edit("s", state="Cancelled")
        kube.until("sweep", "s", complete)
        said = application.until(refused)["status"]["operationState"]["message"]
        assert "a cancelled sweep doesn't go on" in said
        application.sync(sweep=held(state="Cancelled"))
        application.until_healthy("Healthy")


class TestActions:
    def test_each_does_what_it_says_and_is_offered_while_it_can(
        self, application: Application, kube: Kube
    ) -> None:
        application.sync(sweep=held())
        kube.until("sweep", "s", lambda found: runs(found).get("running") == 1)
        assert offered(application) == {"pause", "stop", "cancel"}
        application.act("s", "pause")
        kube.until("sweep", "s", is_now("Paused"))
        assert offered(application) == {"resume", "stop", "cancel"}
        application.act("s", "resume")
        kube.until("sweep", "s", is_now("Running"))
        application.act("s", "stop")
        kube.until("sweep", "s", is_now("Stopped"))
        assert offered(application) == {"cancel"}
        application.act("s", "cancel")
        kube.until("sweep", "s", complete)
        assert offered(application) == set()

    def test_failed_runs_are_run_again_as_often_as_it_is_asked(
        self, application: Application, kube: Kube
    ) -> None:
        application.sync(sweep=[sweep("s", {"x": {"values": [1]}}, "exit 3")])
        for attempts in (1, 2, 3):
            kube.until("sweeprun", "s-1", lambda found: ended(found, attempts))  # noqa: B023
            kube.until("sweep", "s", finished)
            assert offered(application) == {"rerun-failed"}
            application.act("s", "rerun-failed")
        kube.until("sweeprun", "s-1", lambda found: ended(found, 4))
        assert kube.get("sweep", "s")["spec"]["rerunFailed"] == 3

    def test_one_that_cannot_carry_the_sweep_whole_is_refused(
        self, application: Application, kube: Kube
    ) -> None:
        application.sync(sweep=[sweep("s", {"x": {"values": [None, 1]}}, HOLD)])
        kube.until("sweep", "s", is_now("Running"))
        with pytest.raises(ArgoCDError, match="parameters"):
            application.act("s", "pause")
        assert kube.get("sweep", "s")["spec"]["parameters"]["x"]["values"] == [None, 1]


def offered(application: Application) -> set[str]:
    """The actions that can be chosen."""
    return {name for name, enabled in application.actions("s").items() if enabled}


def ended(run: Json, attempts: int) -> bool:
    """Whether a run is at its end after so many attempts."""
    status = run.get("status", {})
    return "completionTime" in status and status["attemptsMade"] == attempts


class TestTheOperatorToo:
    """The operator and a Sweep in one Application."""

    @pytest.fixture
    def whole(self, argocd: ArgoCD, cluster: Kube, tmp_path: Path) -> Iterator[Application]:
        """An Application that may hold everything; all is put back at the end."""
        uninstall(cluster)
        try:
            with argocd.application("whole", "default", tmp_path) as found:
                yield found
        finally:
            install(cluster)
            cluster.run("rollout", "status", "deployment/sweep-operator", "--timeout=120s")

    def test_they_install_sync_and_go_without_hanging(
        self, whole: Application, cluster: Kube
    ) -> None:
        kube = cluster.within("default")
        operator = (ROOT / "manifests/install.yaml").read_text()
        whole.sync(operator=operator, sweep=in_wave(1, held(state="Running")))
        kube.until("sweep", "s", lambda found: runs(found).get("running") == 1)
        # The last wave isn't waited for: the sweep is Progressing, and commits go on.
        whole.sync(sweep=in_wave(1, held(state="Paused")))
        kube.until("sweep", "s", is_now("Paused"))
        # The sweep alone, with runs that are active.
        whole.sync(sweep=None)
        assert left(kube) == []
        whole.sync(sweep=in_wave(1, held(state="Running")))
        kube.until("sweep", "s", lambda found: runs(found).get("running") == 1)
        # The operator and the sweep in one commit. Argo CD never prunes a CRD.
        whole.sync(operator=None, sweep=None)
        assert left(kube) == []
        assert "NotFound" in cluster.refusal("get", "namespace", "sweep-system")
        # And the Application with everything.
        whole.sync(operator=operator, sweep=in_wave(1, held(state="Running")))
        kube.until("sweep", "s", lambda found: runs(found).get("running") == 1)
        whole.delete()
        assert left(kube) == []
        assert "NotFound" in cluster.refusal("get", "namespace", "sweep-system")


def in_wave(number: int, things: list[Json]) -> list[Json]:
    """The same in a later wave of a sync."""
    for each in things:
        wave = {"argocd.argoproj.io/sync-wave": str(number)}
        each["metadata"].setdefault("annotations", {}).update(wave)
    return things


def left(kube: Kube) -> list[str]:
    """What there is of sweeps."""
    return kube.run("get", "sweeps,sweepruns,jobs,pods", "--output=name").split()
