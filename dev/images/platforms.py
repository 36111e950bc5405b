"""The processors that images are for, by the names that others have for them."""

import platform
from collections.abc import Mapping
from typing import Final, NamedTuple


class Platform(NamedTuple):
    """One kind of machine. An image is put together, never run, so any machine can make any."""

    architecture: str
    """Debian's name, and the registries'."""
    wheels: str
    """uv's name, with the oldest C library that its wheels may want: that of Debian 12."""


PLATFORMS: Final[Mapping[str, Platform]] = {
    "x86_64": Platform("amd64", "x86_64-manylinux_2_36"),
    "aarch64": Platform("arm64", "aarch64-manylinux_2_36"),
}

_MACHINE: Final = platform.machine()
HERE: Final = PLATFORMS.get(_MACHINE, Platform(_MACHINE, f"{_MACHINE}-unknown-linux-gnu"))
