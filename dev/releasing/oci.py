"""OCI image layouts: folders that hold what a registry would, to push images and charts from.

https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
"""

import gzip
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from images.archive import Contents

IMAGE_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
IMAGE_INDEX: Final = "application/vnd.oci.image.index.v1+json"
IMAGE_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
IMAGE_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
HELM_CHART: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
HELM_CONFIG: Final = "application/vnd.cncf.helm.config.v1+json"

Descriptor = dict[str, Any]
"""A blob's media type, digest and size."""


class Layout:
    """One folder, which is made anew.

    Args:
        folder: where.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "blobs/sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}\n')

    def add_image(self, contents: Sequence[Contents], tag: str) -> str:
        """Add an image that is there for several platforms; give its digest."""
        index = {
            "schemaVersion": 2,
            "mediaType": IMAGE_INDEX,
            "manifests": [self._image(each) for each in contents],
        }
        return self._tagged(self._json(IMAGE_INDEX, index), tag)

    def add_chart(self, about: Mapping[str, Any], package: Path, tag: str) -> str:
        """Add a chart as helm pushes one, by its Chart.yaml and its package; give its digest."""
        return self._tagged(
            self._manifest(
                self._json(HELM_CONFIG, about), [self._blob(HELM_CHART, package.read_bytes())]
            ),
            tag,
        )

    def _image(self, contents: Contents) -> Descriptor:
        config = self._blob(IMAGE_CONFIG, contents.config())
        layers = [
            self._blob(IMAGE_LAYER, gzip.compress(layer.read_bytes(), 6, mtime=0))
            for layer in contents.layers
        ]
        platform = {"architecture": contents.platform.architecture, "os": "linux"}
        return {**self._manifest(config, layers), "platform": platform}

    def _manifest(self, config: Descriptor, layers: Sequence[Descriptor]) -> Descriptor:
        manifest = {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "config": config,
            "layers": layers,
        }
        return self._json(IMAGE_MANIFEST, manifest)

    def _tagged(self, descriptor: Descriptor, tag: str) -> str:
        named = {**descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}}
        index = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [named]}
        (self._folder / "index.json").write_bytes(_json(index))
        return str(descriptor["digest"])

    def _json(self, kind: str, found: Mapping[str, Any]) -> Descriptor:
        return self._blob(kind, _json(found))

    def _blob(self, kind: str, data: bytes) -> Descriptor:
        digest = hashlib.sha256(data).hexdigest()
        (self._folder / "blobs/sha256" / digest).write_bytes(data)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}


def _json(found: Mapping[str, Any]) -> bytes:
    return json.dumps(found, sort_keys=True, separators=(",", ":")).encode()
