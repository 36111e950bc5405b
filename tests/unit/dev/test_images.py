"""Images: the same files give the same bytes, and one name stands in all places."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import yaml

import sweep_run
from images import layers
from images.archive import Contents, write_archive
from images.catalog import IMAGES, REPOSITORY, version
from sweep_operator.api.sweep import Sweep


def tree(root: Path) -> Path:
    (root / "app").mkdir(parents=True)
    (root / "app/train.py").write_text("print(1)\n")
    (root / "bin").symlink_to("usr/bin")
    return root


def test_the_same_files_give_the_same_layer(tmp_path: Path) -> None:
    for name in ("a", "b"):
        layers.pack(tree(tmp_path / name), tmp_path / f"{name}.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert {(m.name, m.uid, m.mtime) for m in tar} == {
            ("app", 0, 0),
            ("app/train.py", 0, 0),
            ("bin", 0, 0),
        }


def test_an_archive_names_its_image_and_its_layers(tmp_path: Path) -> None:
    layer = tmp_path / "sources-1.tar"
    layers.pack(tree(tmp_path / "root"), layer)
    archive = tmp_path / "image.tar"
    contents = Contents([layer], user=65532, command=["python3"], environment={"A": "b"})
    write_archive(archive, "localhost/x:1", contents)
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        manifest = json.load(tar.extractfile("manifest.json") or (tmp_path / "none").open())
        config = json.load(tar.extractfile(manifest[0]["Config"]) or (tmp_path / "none").open())
    assert manifest[0]["RepoTags"] == ["localhost/x:1"]
    assert manifest[0]["Layers"] == ["sources-1.tar"]
    assert set(names) == {"manifest.json", manifest[0]["Config"], "sources-1.tar"}
    assert config["config"]["User"] == "65532:65532"
    assert config["config"]["Env"] == ["A=b"]


def test_digests_tell_parts_apart() -> None:
    assert layers.digest("ab", "c") != layers.digest("a", "bc")


def test_what_python_leaves_behind_is_no_source(tmp_path: Path) -> None:
    before = layers.digest_files(tree(tmp_path / "root"))
    (tmp_path / "root/app/__pycache__").mkdir()
    (tmp_path / "root/app/__pycache__/train.cpython-311.pyc").write_bytes(b"x")
    assert layers.digest_files(tmp_path / "root") == before


def test_the_example_is_a_sweep_that_runs_the_image_built_for_it() -> None:
    text = (REPOSITORY / "examples/digits/sweep.yaml").read_text()
    sweep = Sweep.model_validate(yaml.safe_load(text))
    container = sweep.spec.template.spec.template.spec.containers[0]
    assert (container.model_extra or {})["image"] == IMAGES["digits"].name


def test_the_chart_installs_the_image_that_is_built() -> None:
    chart = REPOSITORY / "helm/sweep-operator"
    values = yaml.safe_load((chart / "values.yaml").read_text())
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    assert about["appVersion"] == about["version"] == sweep_run.__version__ == version()
    assert f"{values['image']['repository']}:{about['appVersion']}" == IMAGES["operator"].name


PROGRAM = """
import sys
from importlib import import_module
from importlib.metadata import packages_distributions

class Missing:
    def find_spec(self, name, *_):
        if distributions.get(name.partition(".")[0], "") in left_out:
            raise ModuleNotFoundError(f"the image has no {name}", name=name)

left_out = set(sys.argv[1].split())
distributions = {
    name: each[0].lower().replace("_", "-") for name, each in packages_distributions().items()
}
assert left_out <= {*distributions.values()}, left_out - {*distributions.values()}
sys.meta_path.insert(0, Missing())
for name in sys.argv[2:]:
    import_module(name)
"""

UNUSED = {"sweep_operator.cli.dashboard", "sweep_operator.cli.live", "sweep_operator.cli.serving"}
"""Of an extra, which the operator's image doesn't have."""


def test_the_operator_imports_nothing_that_its_image_leaves_out() -> None:
    package = REPOSITORY / "operator/sweep_operator"
    paths = (file.relative_to(package.parent).with_suffix("") for file in package.rglob("*.py"))
    modules = {".".join(path.parts).removesuffix(".__init__") for path in paths} - UNUSED
    left_out = " ".join(IMAGES["operator"].leaves_out)
    command = [sys.executable, "-c", PROGRAM, left_out, *sorted(modules)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    assert not done.returncode, done.stderr
