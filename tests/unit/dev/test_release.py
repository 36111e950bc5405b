"""A release's files: each blob is what its digest says, and the bill names what is in the image."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from images import layers
from images.archive import Contents
from images.errors import BuildError
from images.platforms import PLATFORMS
from releasing.chart import with_image
from releasing.oci import HELM_CHART, Layout
from releasing.sbom import bill

DEBIAN = "Package: libc6\nVersion: 2.36-9\nArchitecture: amd64\n"
PYTHON = "Metadata-Version: 2.4\nName: Some_Thing\nVersion: 1.2\nLicense-Expression: MIT\n"


@pytest.fixture
def contents(tmp_path: Path) -> list[Contents]:
    """An image of one layer with two packages, for each platform."""
    for name, text in (
        ("var/lib/dpkg/status.d/libc6", DEBIAN),
        ("usr/lib/some_thing-1.2.dist-info/METADATA", PYTHON),
    ):
        file = tmp_path / "root" / name
        file.parent.mkdir(parents=True)
        file.write_text(text)
    layers.pack(tmp_path / "root", tmp_path / "layer.tar")
    return [
        Contents([tmp_path / "layer.tar"], 65532, ["python3"], {"A": "b"}, platform)
        for platform in PLATFORMS.values()
    ]


def blob(layout: Path, descriptor: Mapping[str, Any]) -> bytes:
    """What a descriptor names, which must be what it says."""
    algorithm, _, digest = descriptor["digest"].partition(":")
    data = (layout / "blobs" / algorithm / digest).read_bytes()
    assert hashlib.new(algorithm, data).hexdigest() == digest
    assert len(data) == descriptor["size"]
    return data


def tagged(layout: Path) -> dict[str, Any]:
    """The one thing that a layout has a tag for."""
    (found,) = json.loads((layout / "index.json").read_text())["manifests"]
    assert found["annotations"]["org.opencontainers.image.ref.name"] == "1.0"
    return dict(found)


def test_an_image_is_there_for_each_platform(tmp_path: Path, contents: list[Contents]) -> None:
    digest = Layout(tmp_path / "oci").add_image(contents, "1.0")

    index = tagged(tmp_path / "oci")
    assert index["digest"] == digest
    manifests = json.loads(blob(tmp_path / "oci", index))["manifests"]
    assert [each["platform"]["architecture"] for each in manifests] == ["amd64", "arm64"]
    for each in manifests:
        manifest = json.loads(blob(tmp_path / "oci", each))
        config = json.loads(blob(tmp_path / "oci", manifest["config"]))
        assert config["architecture"] == each["platform"]["architecture"]
        assert config["config"]["User"] == "65532:65532"
        (layer,) = manifest["layers"]
        packed = gzip.decompress(blob(tmp_path / "oci", layer))
        assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(packed).hexdigest()}"]
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            assert "var/lib/dpkg/status.d/libc6" in tar.getnames()


def test_the_same_image_has_the_same_digest(tmp_path: Path, contents: list[Contents]) -> None:
    first, second = (Layout(tmp_path / name).add_image(contents, "1.0") for name in "ab")
    assert first == second


def test_a_chart_is_there_as_helm_pushes_one(tmp_path: Path) -> None:
    (tmp_path / "x-1.0.tgz").write_bytes(b"packed")
    Layout(tmp_path / "oci").add_chart({"name": "x"}, tmp_path / "x-1.0.tgz", "1.0")

    manifest = json.loads(blob(tmp_path / "oci", tagged(tmp_path / "oci")))
    assert json.loads(blob(tmp_path / "oci", manifest["config"])) == {"name": "x"}
    (layer,) = manifest["layers"]
    assert layer["mediaType"] == HELM_CHART
    assert blob(tmp_path / "oci", layer) == b"packed"


def test_the_bill_names_each_package_of_debians_and_pythons(contents: list[Contents]) -> None:
    text = bill("x", "1.0", contents[1])
    found = json.loads(text)

    assert [each["purl"] for each in found["components"]] == [
        "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian",
        "pkg:pypi/some-thing@1.2",
    ]
    assert found["components"][1]["licenses"][0]["license"]["id"] == "MIT"
    assert found["metadata"]["component"]["purl"] == "pkg:oci/x@1.0?arch=arm64"
    assert bill("x", "1.0", contents[1]) == text


def test_the_chart_names_the_image_by_its_digest() -> None:
    values = 'image:\n  # Where.\n  repository: localhost/x\n  digest: ""\nother: 1\n'
    assert with_image(values, "there/x", "sha256:1") == (
        "image:\n  # Where.\n  repository: there/x\n  digest: sha256:1\nother: 1\n"
    )
    with pytest.raises(BuildError, match="0 lines"):
        with_image("image: x\n", "there/x", "sha256:1")
