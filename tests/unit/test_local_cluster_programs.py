"""What decides whether a program is built again."""

import shutil
from pathlib import Path

import pytest

from local_cluster.errors import ClusterError
from local_cluster.programs import MODULES, PROGRAMS, flags, key, pinned_version


@pytest.fixture
def module(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODULES / "kubernetes", tmp_path / "kubernetes"))


def test_the_same_lock_has_the_same_key(module: Path) -> None:
    assert key(module) == key(MODULES / "kubernetes")


@pytest.mark.parametrize("file", ["go.mod", "go.sum", "coredns/main.go"])
def test_a_changed_lock_or_main_package_has_another(module: Path, file: str) -> None:
    before = key(module)
    with (module / file).open("a") as changed:
        changed.write("// changed\n")
    assert key(module) != before


def test_other_files_do_not_matter(module: Path) -> None:
    before = key(module)
    (module / "README.md").write_text("Read me.")
    assert key(module) == before


def test_the_version_comes_from_the_lock() -> None:
    go_mod = (
        "require k8s.io/kubernetes v1.37.2\n\nrequire (\n\texample.com/a v0.1.0 // indirect\n)\n"
    )
    assert pinned_version(go_mod, "k8s.io/kubernetes") == "v1.37.2"
    assert pinned_version(go_mod, "example.com/a") == "v0.1.0"
    with pytest.raises(ClusterError, match=r"does not require example\.com/b"):
        pinned_version(go_mod, "example.com/b")


def test_kubernetes_is_told_its_version() -> None:
    linker = flags("kubernetes", "require k8s.io/kubernetes v1.37.2\n")[-1]
    assert "gitVersion=v1.37.2" in linker
    assert "gitMinor=37" in linker


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_every_program_is_in_a_locked_module(name: str) -> None:
    program = PROGRAMS[name]
    go_mod = (MODULES / program.module / "go.mod").read_text()
    assert (MODULES / program.module / "go.sum").exists()
    if program.package.startswith("./"):
        assert (MODULES / program.module / program.package).is_dir()
    else:
        assert f"\t{program.package}\n" in go_mod or f"tool {program.package}\n" in go_mod


@pytest.mark.parametrize("module_name", ["kwok", "helm"])
def test_modules_share_the_versions_that_kubernetes_is_built_with(module_name: str) -> None:
    """Or Go's build cache is of no use to them, and each takes a minute longer."""
    kubernetes = (MODULES / "kubernetes/go.mod").read_text()
    other = (MODULES / module_name / "go.mod").read_text()
    for shared in ("k8s.io/client-go => k8s.io/client-go", "k8s.io/api => k8s.io/api"):
        line = next(line for line in kubernetes.splitlines() if shared in line)
        assert line in other
