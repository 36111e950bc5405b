"""An image's bill of materials, from what its layers say of themselves, as CycloneDX."""

import tarfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from images.archive import Contents
from images.layers import EPOCH

DEBIAN: Final = "var/lib/dpkg/status.d/"
PYTHON: Final = ".dist-info/METADATA"


def bill(name: str, version: str, contents: Contents) -> str:
    """The JSON text: every package of Debian's and of Python's in an image."""
    architecture = {"arch": contents.platform.architecture}
    whole = _component(
        PackageURL("oci", None, name, version, architecture), ComponentType.CONTAINER
    )
    found = Bom(
        components=components(contents.layers),
        metadata=BomMetaData(component=whole, timestamp=datetime.fromtimestamp(EPOCH, UTC)),
        # The same image has the same bill.
        serial_number=uuid5(NAMESPACE_URL, str(whole.purl)),
    )
    found.register_dependency(whole, found.components)
    text: str = JsonV1Dot6(found).output_as_string(indent=1)
    return text + "\n"


def components(layers: Sequence[Path]) -> Iterator[Component]:
    """The packages in some layers."""
    for layer in layers:
        with tarfile.open(layer) as tar:
            for member in tar:
                if not member.isfile():
                    continue
                if member.name.startswith(DEBIAN):
                    yield _debian(_read(tar, member))
                elif member.name.endswith(PYTHON):
                    yield _python(_read(tar, member))


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Message:
    file = tar.extractfile(member)
    return message_from_bytes(file.read() if file else b"")


def _debian(control: Message) -> Component:
    name, version = control["Package"], control["Version"]
    where = {"arch": control["Architecture"], "distro": "debian"}
    return _component(PackageURL("deb", "debian", name, version, where))


def _python(metadata: Message) -> Component:
    name, version = metadata["Name"], metadata["Version"]
    found = _component(PackageURL("pypi", None, name, version))
    if spoken := metadata["License-Expression"]:
        found.licenses.add(LicenseFactory().make_from_string(spoken))
    return found


def _component(purl: PackageURL, kind: ComponentType = ComponentType.LIBRARY) -> Component:
    return Component(name=purl.name, version=purl.version, type=kind, purl=purl, bom_ref=str(purl))
