"""The Job of an attempt: the template, and what makes it one run."""

import copy
import json
from typing import Any

import pytest
from tests.unit.planning.conftest import Kubelet
from tests.unit.planning.facts import intent

from sweep_operator.planning.job import build_job
from sweep_operator.planning.verdict import DISRUPTION_RULE

RECORD: dict[str, Any] = {
    "metadata": {"name": "a-7", "namespace": "lab", "uid": "uid-of-a-7"},
    "spec": {"sweep": "a", "number": 7, "parameters": {"x": 0.25, "model": {"depth": 3}}},
}


def build(
    container: dict[str, Any] | None = None,
    pod: dict[str, Any] | None = None,
    job: dict[str, Any] | None = None,
    attempt: int = 1,
    **spec: Any,
) -> dict[str, Any]:
    """A Job from a template with these fields in its container, pod and Job."""
    main = {"name": "main", "image": "i", **(container or {})}
    template = {"spec": {"template": {"spec": {"containers": [main], **(pod or {})}}}}
    return build_job(intent(template=template | (job or {}), **spec), RECORD, attempt)


def pod_of(built: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = built["spec"]["template"]["spec"]
    return found


def env_of(built: dict[str, Any]) -> dict[str, Any]:
    return {entry["name"]: entry.get("value") for entry in pod_of(built)["containers"][0]["env"]}


class TestIdentity:
    def test_its_name_is_the_same_however_often_it_is_built(self) -> None:
        assert build()["metadata"]["name"] == "a-7-1"
        assert build(attempt=12)["metadata"]["name"] == "a-7-12"
        assert build() == build()

    def test_it_and_its_pod_bear_sweep_number_and_attempt(self) -> None:
        built = build(attempt=2)
        expected = {
            "sweep-operator.io/sweep": "a",
            "sweep-operator.io/sweep-uid": "u",
            "sweep-operator.io/run-number": "7",
            "sweep-operator.io/attempt": "2",
        }
        assert built["metadata"]["labels"] == expected
        assert built["spec"]["template"]["metadata"]["labels"] == expected

    def test_it_goes_with_its_record(self) -> None:
        (owner,) = build()["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("SweepRun", "a-7", "uid-of-a-7")
        assert owner["controller"] is True

    def test_the_sweeps_template_is_not_touched(self) -> None:
        wanted = intent()
        before = copy.deepcopy(wanted.template)
        build_job(wanted, RECORD, 1)
        assert wanted.template == before


class TestRepeats:
    """The record is that of run 7."""

    @pytest.mark.parametrize(("repeats", "repeat"), [(1, "1"), (2, "1"), (3, "1"), (4, "3")])
    def test_the_program_learns_which_of_its_points_runs_it_is(
        self, repeats: int, repeat: str
    ) -> None:
        assert env_of(build(repeats=repeats))["SWEEP_REPEAT"] == repeat

    def test_its_seed_depends_on_the_sweeps_and_the_repeat_alone(self) -> None:
        def seed(**spec: Any) -> str:
            found: str = env_of(build(**spec))["SWEEP_SEED"]
            return found

        assert seed(repeats=2) == seed(repeats=3) == seed(attempt=2) == seed()
        assert seed(repeats=4) != seed()
        assert seed(seed=8) != seed()

    def test_it_may_stand_in_the_command(self, kubelet: Kubelet) -> None:
        built = build(command=["train", "--seed=${envvar:SWEEP_SEED}"])
        env = env_of(built)
        (_, flag) = pod_of(built)["containers"][0]["command"]
        assert kubelet(flag, env) == f"--seed={env['SWEEP_SEED']}"


class TestOneRun:
    def test_nothing_is_tried_again_within_it(self) -> None:
        built = build()
        assert built["spec"]["backoffLimit"] == 0
        assert pod_of(built)["restartPolicy"] == "Never"

    def test_its_failure_says_whether_the_pod_was_told_to_go(self) -> None:
        rules = build()["spec"]["podFailurePolicy"]["rules"]
        assert [rule["action"] for rule in rules] == ["FailJob", "FailJob"]
        told = rules[DISRUPTION_RULE]["onPodConditions"]
        assert told == [{"type": "DisruptionTarget", "status": "True"}]
        assert rules[1]["onExitCodes"] == {"operator": "NotIn", "values": [0]}

    def test_the_program_gets_no_token_unless_it_is_asked_for(self) -> None:
        assert pod_of(build())["automountServiceAccountToken"] is False
        asked = build(pod={"automountServiceAccountToken": True})
        assert pod_of(asked)["automountServiceAccountToken"] is True


class TestParameters:
    def test_the_program_runs_with_those_on_record(self) -> None:
        env = env_of(build(attempt=3))
        assert json.loads(env["SWEEP_PARAMETERS"]) == RECORD["spec"]["parameters"]
        assert env["SWEEP_RUN_ID"] == "a-7"
        assert env["SWEEP_ATTEMPT"] == "3"

    def test_the_program_learns_the_sweeps_metric_where_it_has_one(self) -> None:
        assert env_of(build(metric={"name": "val/loss"}))["SWEEP_METRIC"] == "val/loss"
        assert "SWEEP_METRIC" not in env_of(build(metric=None))

    def test_they_are_files_too(self) -> None:
        (mount,) = pod_of(build())["containers"][0]["volumeMounts"]
        assert mount["mountPath"] == "/etc/sweep"
        assert mount["name"] in [volume["name"] for volume in pod_of(build())["volumes"]]

    def test_a_command_of_the_sweep_replaces_the_templates_command_and_args(self) -> None:
        built = build(
            {"command": ["old"], "args": ["older"]}, command=["python", "train.py", "${args}"]
        )
        (container,) = pod_of(built)["containers"]
        assert container["command"] == ["python", "train.py", "--model.depth=3", "--x=0.25"]
        assert "args" not in container

    def test_without_one_the_macros_work_in_the_templates_own(self) -> None:
        built = build({"command": ["train"], "args": ["--x", "${param:x}", "${HOME}"]})
        (container,) = pod_of(built)["containers"]
        assert container["command"] == ["train"]
        assert container["args"] == ["--x", "0.25", "${HOME}"]

    def test_an_image_with_its_own_command_keeps_it(self) -> None:
        (container,) = pod_of(build())["containers"]
        assert "command" not in container
        assert "args" not in container


class TestTemplate:
    def test_what_the_models_do_not_know_passes_through(self) -> None:
        pod = {"nodeSelector": {"gpu": "yes"}, "schedulerName": "other", "future": {"a": None}}
        job = {"suspend": True, "activeDeadlineSeconds": 60}
        built = build({"resources": {"limits": {"cpu": "1"}}}, pod)
        assert pod.items() <= pod_of(built).items()
        assert pod_of(built)["containers"][0]["resources"] == {"limits": {"cpu": "1"}}
        main = {"containers": [{"name": "main", "image": "i"}]}
        whole = build_job(intent(template={"spec": {**job, "template": {"spec": main}}}), RECORD, 1)
        assert job.items() <= whole["spec"].items()

    def test_its_own_volumes_mounts_and_variables_stay(self) -> None:
        built = build(
            {
                "env": [{"name": "A", "value": "1"}],
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
            },
            {"volumes": [{"name": "v", "emptyDir": {}}]},
        )
        assert env_of(built)["A"] == "1"
        assert len(pod_of(built)["volumes"]) == 2
        assert len(pod_of(built)["containers"][0]["volumeMounts"]) == 2

    @pytest.mark.parametrize("field", ["env", "volumeMounts", "args", "command"])
    def test_an_empty_list_written_as_null_is_an_empty_list(self, field: str) -> None:
        assert build({field: None})["metadata"]["name"] == "a-7-1"

    def test_labels_and_annotations_of_job_and_pod_stay(self) -> None:
        metadata = {"labels": {"team": "vision"}, "annotations": {"note": "x"}}
        built = build(job={"metadata": metadata})
        assert built["metadata"]["labels"]["team"] == "vision"
        assert built["metadata"]["annotations"]["note"] == "x"

    def test_nobody_can_write_our_labels(self) -> None:
        labels = {"sweep-operator.io/sweep-uid": "another", "sweep-operator.io/run-number": "1"}
        built = build(job={"metadata": {"labels": labels}})
        assert built["metadata"]["labels"]["sweep-operator.io/sweep-uid"] == "u"
        assert built["metadata"]["labels"]["sweep-operator.io/run-number"] == "7"

    @pytest.mark.parametrize(
        "mark",
        [
            "argocd.argoproj.io/tracking-id",
            "kubectl.kubernetes.io/last-applied-configuration",
            "helm.sh/hook",
            "meta.helm.sh/release-name",
        ],
    )
    @pytest.mark.parametrize("kind", ["labels", "annotations"])
    def test_tracking_marks_are_not_copied(self, mark: str, kind: str) -> None:
        marked = {"metadata": {kind: {mark: "x"}}}
        main = {"containers": [{"name": "main", "image": "i"}]}
        template = marked | {"spec": {"template": marked | {"spec": main}}}
        assert mark not in json.dumps(build_job(intent(template=template), RECORD, 1))

    def test_the_main_container_is_named_for_kubectl_logs(self) -> None:
        annotations = build()["spec"]["template"]["metadata"]["annotations"]
        assert annotations["kubectl.kubernetes.io/default-container"] == "main"


class TestTolerations:
    KEYS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")

    def seconds(self, *written: dict[str, Any]) -> dict[str, int | None]:
        """For how long each key's taint is tolerated."""
        found = pod_of(build(pod={"tolerations": list(written)}))["tolerations"]
        assert found[: len(written)] == list(written)
        return {each.get("key", ""): each.get("tolerationSeconds") for each in found}

    def test_a_pod_leaves_a_silent_node_after_half_a_minute(self) -> None:
        assert self.seconds() == dict.fromkeys(self.KEYS, 30)

    def test_the_templates_own_word_counts(self) -> None:
        own = {"key": self.KEYS[1], "operator": "Exists", "tolerationSeconds": 600}
        assert self.seconds(own) == {self.KEYS[1]: 600, self.KEYS[0]: 30}

    def test_a_pod_that_tolerates_everything_tolerates_that_too(self) -> None:
        assert self.seconds({"operator": "Exists"}) == {"": None}

    def test_tolerating_another_effect_or_key_says_nothing_about_it(self) -> None:
        spot = {"key": "spot", "operator": "Exists"}
        scheduling = {"key": self.KEYS[0], "operator": "Exists", "effect": "NoSchedule"}
        found = pod_of(build(pod={"tolerations": [spot, scheduling]}))["tolerations"]
        assert [each["key"] for each in found[2:]] == list(self.KEYS)
