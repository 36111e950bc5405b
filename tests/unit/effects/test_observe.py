"""Facts read out of objects as the API server, the Job controller and the kubelet write them."""

from typing import Any

import pytest

from sweep_operator.api.run import RunPhase
from sweep_operator.effects.observe import job_facts, pod_facts, run_facts, sweep_uid
from sweep_operator.planning.facts import Trouble
from sweep_operator.planning.times import seconds, timestamp

T0, T1, T2 = "2027-01-01T00:00:00Z", "2027-01-01T00:00:10Z", "2027-01-01T00:00:20Z"


def metadata(name: str, **more: Any) -> dict[str, Any]:
    labels = {
        "sweep-operator.io/sweep-uid": "u",
        "sweep-operator.io/run-number": "3",
        "sweep-operator.io/attempt": "2",
        "batch.kubernetes.io/job-name": "a-3-2",
    }
    return {
        "name": name,
        "namespace": "lab",
        "uid": f"uid of {name}",
        "resourceVersion": "17",
        "creationTimestamp": T0,
        "labels": labels,
        **more,
    }


class TestRunFacts:
    def record(self, **status: Any) -> dict[str, Any]:
        spec = {"sweep": "a", "number": 3, "parameters": {"x": 1e-05, "y": None}}
        return {"metadata": metadata("a-3"), "spec": spec, "status": status}

    def test_a_new_record_is_pending_and_has_no_attempt(self) -> None:
        facts = run_facts(self.record(phase="Pending"))
        assert facts.number == 3
        assert facts.resource_version == 17
        assert facts.phase is RunPhase.PENDING
        assert facts.attempt == 0
        assert facts.current_attempt == 1
        assert not facts.attempt_open
        assert facts.parameters == '{"x":1e-05,"y":null}'

    def test_a_record_without_a_status_is_pending(self) -> None:
        record = self.record()
        del record["status"]
        assert run_facts(record).phase is RunPhase.PENDING

    def test_an_attempt_without_an_outcome_is_open_and_is_the_current_one(self) -> None:
        attempts = [
            {"number": 1, "job": "a-3-1", "outcome": "Crashed", "finished": T0},
            {"number": 2, "job": "a-3-2", "started": T1},
        ]
        facts = run_facts(self.record(phase="Running", attempts=attempts))
        assert facts.attempt_open
        assert facts.current_attempt == 2
        assert facts.attempt_started == seconds(T1)
        assert facts.short_lived == 0

    def test_short_lives_in_a_row_are_counted_from_the_last_attempt_back(self) -> None:
        a_minute_later = timestamp(seconds(T1) + 60)
        attempts = [
            {"outcome": "Crashed", "finished": T1},
            {"outcome": "Crashed", "started": T1, "finished": a_minute_later},
            {"outcome": "Crashed", "finished": T1},
            {"outcome": "Failed", "started": T1, "finished": T2},
        ]
        numbered = [{"number": n, "job": "j", **each} for n, each in enumerate(attempts, start=1)]
        facts = run_facts(self.record(phase="Crashed", attempts=numbered))
        assert facts.short_lived == 2
        assert facts.current_attempt == 5
        assert facts.attempt_ended == seconds(T2)

    def test_an_attempt_that_was_held_ends_the_row(self) -> None:
        attempts = [
            {"number": 1, "job": "j", "outcome": "Crashed", "finished": T1},
            {"number": 2, "job": "j", "outcome": "Killed", "finished": T1},
        ]
        assert run_facts(self.record(attempts=attempts)).short_lived == 0

    def test_budgets_and_a_result_are_as_on_record(self) -> None:
        facts = run_facts(self.record(preemptions=2, failures=1, metrics={"loss": 1}))
        assert (facts.preemptions, facts.failures, facts.reported) == (2, 1, True)
        assert run_facts(self.record(nonFinite={"loss": "nan"})).reported
        assert not run_facts(self.record(metrics={})).reported

    def test_a_mark_of_preemption_lasts_for_the_attempt_that_made_it(self) -> None:
        marked = {"number": 1, "job": "j", "preempting": True}
        assert run_facts(self.record(attempts=[marked])).preempting
        attempts = [marked | {"outcome": "Crashed"}, {"number": 2, "job": "j"}]
        assert not run_facts(self.record(attempts=attempts)).preempting

    def test_why_it_is_pending_is_kept_and_why_it_ended_is_not(self) -> None:
        """A hundred thousand ended runs' messages would fill the memory."""
        pending = run_facts(self.record(phase="Pending", reason="Unschedulable", message="m"))
        ended = {"phase": "Failed", "completionTime": T1}
        failed = run_facts(self.record(**ended, reason="ProgramFailed", message="m"))
        assert (pending.reason, pending.message) == ("Unschedulable", "m")
        assert failed.message == ""


class TestJobFacts:
    def job(self, **status: Any) -> dict[str, Any]:
        return {"metadata": metadata("a-3-2"), "spec": {}, "status": status}

    def test_number_and_attempt_are_in_its_labels(self) -> None:
        facts = job_facts(self.job())
        assert (facts.number, facts.attempt) == (3, 2)
        assert facts.created == seconds(T0)
        assert facts.end is None

    @pytest.mark.parametrize(("kind", "complete"), [("Complete", True), ("Failed", False)])
    def test_its_final_condition_is_its_end(self, kind: str, *, complete: bool) -> None:
        condition = {
            "type": kind,
            "status": "True",
            "reason": "R",
            "message": "m",
            "lastTransitionTime": T1,
        }
        end = job_facts(self.job(conditions=[condition])).end
        assert end is not None
        assert end == (complete, "R", "m", seconds(T1))

    @pytest.mark.parametrize("kind", ["FailureTarget", "SuccessCriteriaMet", "Suspended"])
    def test_conditions_on_the_way_to_it_are_no_end(self, kind: str) -> None:
        """Pods may still run, and their last word isn't out."""
        condition = {"type": kind, "status": "True", "lastTransitionTime": T1}
        assert job_facts(self.job(conditions=[condition])).end is None

    def test_a_condition_that_is_false_is_no_end(self) -> None:
        condition = {"type": "Failed", "status": "False", "lastTransitionTime": T1}
        assert job_facts(self.job(conditions=[condition])).end is None

    def test_it_has_pods_while_one_is_active_or_terminating(self) -> None:
        assert job_facts(self.job(active=1)).has_pods
        assert job_facts(self.job(terminating=1)).has_pods
        assert not job_facts(self.job(active=0, failed=1)).has_pods

    def test_it_may_be_suspended_or_on_its_way_out(self) -> None:
        job = self.job()
        job["spec"]["suspend"] = True
        job["metadata"]["deletionTimestamp"] = T1
        facts = job_facts(job)
        assert facts.suspended
        assert facts.deleting


class TestPodFacts:
    def pod(self, state: Any = None, phase: str = "Pending", **status: Any) -> dict[str, Any]:
        if state is not None:
            status["containerStatuses"] = [
                {"name": "side", "state": {"running": {"startedAt": T0}}},
                {"name": "main", "state": state},
            ]
        annotations = {"kubectl.kubernetes.io/default-container": "main"}
        return {
            "metadata": metadata("p", annotations=annotations),
            "spec": {"containers": [{"name": "side"}, {"name": "main"}], "nodeName": "n"},
            "status": {"phase": phase, **status},
        }

    def test_the_main_container_alone_says_whether_it_has_started(self) -> None:
        waiting = pod_facts(self.pod({"waiting": {"reason": "PodInitializing"}}))
        running = pod_facts(self.pod({"running": {"startedAt": T1}}, phase="Running"))
        assert waiting.started is None
        assert waiting.trouble is None
        assert running.started == seconds(T1)
        assert running.node == "n"
        assert running.job == "a-3-2"
        assert not running.terminal

    def test_without_the_annotation_the_first_container_is_the_main_one(self) -> None:
        pod = self.pod({"waiting": {}})
        del pod["metadata"]["annotations"]
        assert pod_facts(pod).started == seconds(T0)

    @pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
    def test_an_ended_pod_is_terminal_and_has_its_last_words(self, phase: str) -> None:
        terminated = {"exitCode": 3, "message": "{}", "startedAt": T1, "finishedAt": T2}
        facts = pod_facts(self.pod({"terminated": terminated}, phase=phase))
        assert facts.terminal
        assert facts.exit_code == 3
        assert facts.termination_message == "{}"
        assert (facts.started, facts.finished) == (seconds(T1), seconds(T2))

    def test_a_container_that_the_runtime_lost_before_it_ran_has_not_started(self) -> None:
        terminated = {"exitCode": 137, "reason": "ContainerStatusUnknown", "startedAt": None}
        assert pod_facts(self.pod({"terminated": terminated}, phase="Failed")).started is None

    def test_a_pod_without_a_node_says_why(self) -> None:
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/2 nodes are available",
            "lastTransitionTime": T1,
        }
        facts = pod_facts(self.pod(conditions=[condition]))
        assert facts.trouble == Trouble("Unschedulable", "0/2 nodes are available", seconds(T1))

    @pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff"])
    def test_both_words_for_an_image_that_can_not_be_pulled_are_one_trouble(
        self, reason: str
    ) -> None:
        trouble = pod_facts(self.pod({"waiting": {"reason": reason, "message": "m"}})).trouble
        assert trouble is not None
        assert trouble.reason == "ImagePullBackOff"
        assert "main" in trouble.message
        assert "m" in trouble.message

    @pytest.mark.parametrize("reason", ["CreateContainerConfigError", "InvalidImageName"])
    def test_any_other_reason_to_wait_is_a_trouble_in_its_own_words(self, reason: str) -> None:
        trouble = pod_facts(self.pod({"waiting": {"reason": reason}})).trouble
        assert trouble is not None
        assert trouble.reason == reason

    def test_a_started_pod_has_no_trouble_even_if_a_sidecar_waits(self) -> None:
        pod = self.pod({"running": {"startedAt": T1}}, phase="Running")
        pod["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
        assert pod_facts(pod).trouble is None

    def test_trouble_of_an_init_container_counts(self) -> None:
        waiting = {"waiting": {"reason": "ErrImagePull"}}
        statuses = [{"name": "fetch", "state": waiting}]
        facts = pod_facts(self.pod(initContainerStatuses=statuses))
        assert facts.trouble is not None
        assert "fetch" in facts.trouble.message

    def test_a_pod_says_by_whom_it_was_told_to_go_and_when(self) -> None:
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "EvictionByEvictionAPI",
            "lastTransitionTime": T1,
        }
        facts = pod_facts(self.pod(conditions=[condition]))
        assert (facts.disruption, facts.told) == ("EvictionByEvictionAPI", seconds(T1))
        assert facts.gone_by is None
        taken_back = pod_facts(self.pod(conditions=[condition | {"status": "False"}]))
        assert (taken_back.disruption, taken_back.told) == ("", None)

    def test_a_kubelet_that_ends_a_pod_says_so_late(self) -> None:
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "TerminationByKubelet",
            "lastTransitionTime": T2,
        }
        ended = {"terminated": {"exitCode": 0, "startedAt": T0, "finishedAt": T1}}
        facts = pod_facts(self.pod(ended, phase="Succeeded", conditions=[condition]))
        assert facts.told == seconds(T1)
        assert not facts.ended_by_itself

    def test_a_deleted_pod_is_to_be_gone_when_its_grace_period_ends(self) -> None:
        pod = self.pod()
        pod["metadata"] |= {"deletionTimestamp": T2, "deletionGracePeriodSeconds": 10}
        facts = pod_facts(pod)
        assert (facts.told, facts.gone_by) == (seconds(T1), seconds(T2))

    def test_the_kubelets_own_words_on_a_pod_and_its_container_are_kept(self) -> None:
        terminated = {"exitCode": 137, "reason": "OOMKilled", "startedAt": T1, "finishedAt": T2}
        facts = pod_facts(
            self.pod({"terminated": terminated}, phase="Failed", reason="Evicted", message="m")
        )
        assert (facts.end_reason, facts.reason, facts.message) == ("OOMKilled", "Evicted", "m")

    @pytest.mark.parametrize(("mark", "preempting"), [("true", True), ("false", False)])
    def test_a_pod_is_marked_by_its_annotation(self, mark: str, *, preempting: bool) -> None:
        pod = self.pod()
        pod["metadata"]["annotations"]["sweep-operator.io/preempting"] = mark
        assert pod_facts(pod).preempting is preempting

    def test_a_pod_that_has_no_status_yet_says_nothing(self) -> None:
        pod = self.pod()
        del pod["status"]
        facts = pod_facts(pod)
        assert (facts.started, facts.trouble, facts.terminal) == (None, None, False)


def test_an_object_without_our_label_belongs_to_no_sweep() -> None:
    assert sweep_uid({"metadata": {"name": "x"}}) is None
    assert sweep_uid({"metadata": metadata("x")}) == "u"


def told(grace: int, deletion: str, finished: str) -> float | None:
    """When a pod that has ended was told to go, as read from its object."""
    terminated = {"exitCode": 143, "startedAt": finished, "finishedAt": finished}
    return pod_facts(
        {
            "metadata": {
                "name": "p",
                "uid": "u",
                "labels": {},
                "creationTimestamp": finished,
                "deletionTimestamp": deletion,
                "deletionGracePeriodSeconds": grace,
            },
            "spec": {"containers": [{"name": "main"}]},
            "status": {
                "phase": "Failed",
                "containerStatuses": [{"name": "main", "state": {"terminated": terminated}}],
            },
        }
    ).told


def test_a_pod_was_told_when_its_grace_period_began() -> None:
    moment = seconds("2026-01-01T00:00:10Z")
    assert told(30, "2026-01-01T00:00:40Z", "2026-01-01T00:00:12Z") == moment


def test_a_pod_that_was_deleted_again_at_its_end_was_told_before_it_ended() -> None:
    ended = seconds("2026-01-01T00:00:12Z")
    assert told(0, "2026-01-01T00:00:40Z", "2026-01-01T00:00:12Z") == ended
