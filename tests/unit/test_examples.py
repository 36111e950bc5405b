"""The examples can be run, and checkpoints of examples/spot are safe from late attempts."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

from sweep_operator.planning.job import build_job
from sweep_operator.planning.record import new_record
from sweep_operator.planning.sweep import Intent

EXAMPLES = Path(__file__).parents[2] / "examples"
CHECKPOINT = runpy.run_path(str(EXAMPLES / "spot/checkpoint.py"))
Checkpoints: Any = CHECKPOINT["Checkpoints"]

Json = dict[str, Any]


def objects(example: str) -> dict[str, Json]:
    """What an example's manifest holds, by kind."""
    text = (EXAMPLES / example / "sweep.yaml").read_text()
    return {each["kind"]: each for each in yaml.safe_load_all(text)}


def second_attempt(example: str) -> Json:
    """The pod of an example's first run in its second attempt."""
    sweep = objects(example)["Sweep"]
    intent = Intent.of(sweep | {"metadata": sweep["metadata"] | {"namespace": "ml", "uid": "u-1"}})
    record = new_record(intent, 1, intent.suggest(1) or {})
    job = build_job(intent, record | {"metadata": record["metadata"] | {"uid": "u-2"}}, 2)
    pod: Json = job["spec"]["template"]["spec"]
    return pod


@pytest.mark.parametrize("example", ["digits", "spot"])
def test_an_example_can_be_run(example: str) -> None:
    assert second_attempt(example)["containers"]


def test_each_run_of_the_spot_example_has_a_folder_that_its_attempts_share() -> None:
    pod = second_attempt("spot")
    (container,) = pod["containers"]
    variables = {entry["name"]: entry["value"] for entry in container["env"]}
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    (name,) = re.findall(r"^\$\((\w+)\)$", mounts["checkpoints"]["subPathExpr"])
    assert variables[name] == "spot-1"
    claim = objects("spot")["PersistentVolumeClaim"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    claimed = volumes["checkpoints"]["persistentVolumeClaim"]["claimName"]
    assert claimed == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_the_spot_example_runs_the_code_beside_it() -> None:
    pod = second_attempt("spot")
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    (code,) = yaml.safe_load((EXAMPLES / "spot/kustomization.yaml").read_text())[
        "configMapGenerator"
    ]
    assert volumes["code"]["configMap"]["name"] == code["name"]
    assert {"train.py", "checkpoint.py"} == set(code["files"])
    assert all((EXAMPLES / "spot" / file).is_file() for file in code["files"])


def test_the_spot_example_names_the_spot_nodes_of_each_cloud() -> None:
    """Its comments are what people uncomment: they are lines of a pod."""
    text = (EXAMPLES / "spot/sweep.yaml").read_text()
    pods = []
    for cloud in ("GKE", "EKS", "AKS"):
        (lines,) = re.findall(rf"^ +# {cloud}\b.*\n((?: +# .+\n)+)", text, re.MULTILINE)
        pods.append(yaml.safe_load(re.sub(r"^ +# ", "", lines, flags=re.MULTILINE)))
    assert [pod["nodeSelector"] for pod in pods] == [
        {"cloud.google.com/gke-spot": "true"},
        {"eks.amazonaws.com/capacityType": "SPOT"},
        {"kubernetes.azure.com/scalesetpriority": "spot"},
    ]
    for pod in pods:
        for toleration in pod.get("tolerations", ()):
            assert pod["nodeSelector"][toleration["key"]] == toleration["value"]


class TestCheckpointsOfTheSpotExample:
    def test_a_run_begins_without_one(self, tmp_path: Path) -> None:
        assert Checkpoints(tmp_path, 1).load() is None

    def test_an_attempt_goes_on_from_the_latest_before_it(self, tmp_path: Path) -> None:
        Checkpoints(tmp_path, 9).save("epoch 7")
        Checkpoints(tmp_path, 10).save("epoch 8")
        assert Checkpoints(tmp_path, 11).load() == "epoch 8"

    def test_it_goes_on_from_its_own_in_another_pod(self, tmp_path: Path) -> None:
        """As when a Job is suspended and goes on."""
        Checkpoints(tmp_path, 1).save("epoch 7")
        assert Checkpoints(tmp_path, 1).load() == "epoch 7"

    def test_a_late_attempt_spoils_nothing_and_gives_up(self, tmp_path: Path) -> None:
        late, later = (Checkpoints(tmp_path, attempt) for attempt in (1, 2))
        late.save("epoch 5")
        later.save(later.load())
        later.save("epoch 6")
        with pytest.raises(CHECKPOINT["SupersededError"], match="attempt 2 is at work"):
            late.save("epoch 50")
        assert later.load() == "epoch 6"
        assert Checkpoints(tmp_path, 3).load() == "epoch 6"

    def test_a_late_attempt_reads_none_of_a_later_one(self, tmp_path: Path) -> None:
        Checkpoints(tmp_path, 2).save("epoch 6")
        assert Checkpoints(tmp_path, 1).load() is None

    def test_what_was_cut_off_counts_for_nothing(self, tmp_path: Path) -> None:
        Checkpoints(tmp_path, 1).save("epoch 5")
        (tmp_path / "checkpoint-1.partial").write_bytes(b"\x80")
        (tmp_path / "checkpoint-2.partial").write_bytes(b"\x80")
        assert Checkpoints(tmp_path, 2).load() == "epoch 5"

    def test_the_volume_does_not_fill_with_those_of_earlier_attempts(self, tmp_path: Path) -> None:
        Checkpoints(tmp_path, 1).save("epoch 5")
        (tmp_path / "checkpoint-1.partial").write_bytes(b"\x80")
        Checkpoints(tmp_path, 2).save("epoch 5")
        assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-2"]
