"""The command line takes what pytest-kind and kind's users type."""

import json
from pathlib import Path

import pytest

from local_cluster import docker_kind, kubeconfig
from local_cluster.cli import main, parser
from local_cluster.errors import ClusterError
from local_cluster.layout import Cache


@pytest.mark.parametrize(
    "line",
    [
        "get clusters",
        "create cluster --name=n --kubeconfig=f",
        "create cluster --name=n --kubeconfig=f --image=kindest/node:v1.37.2 --config f.yaml",
        "load docker-image --name n example.com/image:tag",
        "delete cluster --name=n --kubeconfig=f",
        "export kubeconfig --name n --kubeconfig f",
        "load image-archive image.tar --name n",
    ],
)
def test_kinds_verbs_are_understood(line: str) -> None:
    assert parser().parse_args(line.split()).verb == line.partition(" ")[0]


@pytest.mark.parametrize("line", ["", "get", "create cluster --kwok-nodes 0", "build nonsense"])
def test_other_lines_are_refused(line: str) -> None:
    with pytest.raises(SystemExit) as error:
        parser().parse_args(line.split())
    assert error.value.code == 2


def test_an_image_of_another_version_is_refused(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(docker_kind, "engine_answers", lambda: False)
    assert main(["create", "cluster", "--image=kindest/node:v1.30.0"]) == 1
    assert "leave the option out" in capsys.readouterr().err


def test_kind_never_gets_the_chance_to_write_the_persons_own_kubeconfig(tmp_path: Path) -> None:
    target = docker_kind.kubeconfig_of("n", None, Cache(tmp_path))
    assert target.is_relative_to(tmp_path)
    assert f"--kubeconfig={target}" in docker_kind.create("n", target, None, None)
    assert f"--kubeconfig={target}" in docker_kind.delete("n", target)


def test_kind_loads_a_cached_archive_as_an_archive(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.images.mkdir()
    archive = cache.image_archive("operator:dev")
    archive.touch()
    assert docker_kind.load("n", ["operator:dev", "other:1"], cache) == [
        ["load", "image-archive", str(archive), "--name=n"],
        ["load", "docker-image", "other:1", "--name=n"],
    ]


def test_somebody_elses_kubeconfig_is_neither_replaced_nor_removed(tmp_path: Path) -> None:
    own = tmp_path / "config"
    own.write_text("apiVersion: v1\nkind: Config\ncontexts: []\n")
    with pytest.raises(ClusterError, match="left as it is"):
        kubeconfig.check_replaceable(own, "kind-n")
    kubeconfig.remove(own, "kind-n")
    assert own.exists()


def test_the_clusters_own_kubeconfig_is(tmp_path: Path) -> None:
    own = tmp_path / "config"
    own.write_text(json.dumps({"contexts": [{"name": "kind-n"}]}))
    kubeconfig.check_replaceable(own, "kind-n")
    kubeconfig.remove(own, "kind-n")
    assert not own.exists()
