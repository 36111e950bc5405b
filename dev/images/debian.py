"""The base layer: Python and the certificates of this machine's own Debian release, nothing more.

apt downloads the packages (with its lists, its mirrors and its keys, into a folder of ours, as if
nothing were installed) and dpkg-deb unpacks them. No package's scripts run, so neither root nor a
chroot is needed; the little that those scripts would do is done here.

Which versions, requirements/debian-*.txt says. Debian's mirrors keep only the last ones, so where
one is no longer to be had, the next is taken, and a release is refused until `make lock`.
"""

import platform
import re
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from images import bytecode
from images.archive import sha256
from images.catalog import REPOSITORY
from images.errors import BuildError, run
from images.layers import digest, layer
from images.platforms import Platform

Pins = Mapping[str, tuple[str, str]]
"""Each package's version and SHA-256."""

PACKAGES = ("python3-minimal", "libpython3-stdlib", "libstdc++6", "ca-certificates")
"""libstdc++ is for the wheels: numpy and its like are linked to it and don't bring it."""

FOR_SCRIPTS_ONLY = ("debconf", "dpkg", "openssl", "readline-common", "tar")
"""Dependencies that only the packages' own scripts use."""

MERGED = ("bin", "lib", "lib64", "sbin")
"""Folders that are links into /usr, as on every Debian."""

NOT_NEEDED = (
    *("usr/share/" + name for name in ("bug", "doc", "info", "lintian", "locale", "man", "perl5")),
    *("usr/lib/" + name for name in ("systemd", "valgrind")),
)

USER = 65532
PASSWD = f"root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:{USER}:{USER}::/tmp:/sbin/nologin\n"
GROUP = f"root:x:0:\nnonroot:x:{USER}:\n"


def base(for_: Platform, *, locked: bool = False) -> Path:
    """The base layer; made anew when the release, its lock or the recipe changes.

    Args:
        for_: which machines.
        locked: of the very packages in the lock, or not at all.
    """
    recipe = Path(__file__).read_bytes() + Path(bytecode.__file__).read_bytes()
    strictly = "locked" if locked else ""
    key = digest(release(), lock(for_), for_.architecture, recipe, strictly)
    return layer("debian", key, lambda root: _fill(root, for_, locked=locked))


def lock(for_: Platform) -> str:
    """The text that names the packages; empty for a release that has none."""
    file = _lock_file(for_)
    return file.read_text() if file.exists() else ""


def write_lock(for_: Platform) -> Path:
    """Lock the packages that there are now; give the file."""
    with tempfile.TemporaryDirectory(prefix="sweep-image-") as folder:
        found = _download(Path(folder, "packages"), for_, {})
        lines = [
            f"{_field(each, 'Package')}={_field(each, 'Version')} {sha256(each)}" for each in found
        ]
    file = _lock_file(for_)
    file.write_text(
        "# The packages of the images' base. Written by `make lock`.\n" + "\n".join(lines) + "\n"
    )
    return file


def _lock_file(for_: Platform) -> Path:
    return REPOSITORY / f"requirements/debian-{release()}-{for_.architecture}.txt"


def _pins(for_: Platform) -> Pins:
    lines = (line.split() for line in lock(for_).splitlines() if not line.startswith("#"))
    named = ((package.partition("="), found) for package, found in lines)
    return {name: (version, found) for (name, _, version), found in named}


def python_version(base_layer: Path) -> str:
    """The version (3.11) of the Python in the base layer."""
    with tarfile.open(base_layer) as tar:
        names = (re.fullmatch(r"usr/bin/python(3\.\d+)", member.name) for member in tar)
        return next(name[1] for name in names if name)


def is_debian() -> bool:
    """Whether this machine can build images from Debian packages."""
    return bool(release() and shutil.which("apt-get") and shutil.which("dpkg-deb"))


def release() -> str:
    """The code name of this machine's release: bookworm, trixie; empty where there is none."""
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    except OSError:
        return ""


def _fill(root: Path, for_: Platform, *, locked: bool) -> None:
    for folder in MERGED:
        (root / "usr" / folder).mkdir(parents=True)
        (root / folder).symlink_to(f"usr/{folder}")
    for package in _packages(root.parent / "packages", for_, locked=locked):
        name = _field(package, "Package")
        if name in FOR_SCRIPTS_ONLY:
            continue
        run(["dpkg-deb", "--extract", str(package), str(root)], failing=f"could not unpack {name}")
        # Where vulnerability scanners look in an image without dpkg.
        control = run(["dpkg-deb", "--field", str(package)], failing="bad package")
        _write(root / "var/lib/dpkg/status.d" / name, control)
    for folder in NOT_NEEDED:
        shutil.rmtree(root / folder, ignore_errors=True)
    for folder in ("dev", "proc", "run", "sys", "tmp"):
        (root / folder).mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    _write(root / "etc/passwd", PASSWD)
    _write(root / "etc/group", GROUP)
    _write(root / "etc/nsswitch.conf", "hosts: files dns\n")
    authorities = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    bundle = "".join(path.read_text() for path in authorities)
    _write(root / "etc/ssl/certs/ca-certificates.crt", bundle)
    library = next((root / "usr/lib").glob("python3.*"))
    bytecode.compile_folder(root, f"usr/lib/{library.name}", library.name.removeprefix("python"))


def _packages(folder: Path, for_: Platform, *, locked: bool) -> list[Path]:
    """The locked packages; the release's own, where these are gone or none are locked."""
    pins = _pins(for_)
    if locked and not pins:
        raise BuildError(f"{_lock_file(for_).name} is missing: run `make lock` on this release")
    try:
        found = _download(folder, for_, pins)
    except BuildError as error:
        if locked:
            raise BuildError(f"{error}: run `make lock`, and look at what has changed") from error
        if not pins:
            raise
        print("  a locked package is no longer to be had: newer ones are taken", flush=True)
        shutil.rmtree(folder)
        return _download(folder, for_, {})
    for package in found:
        name = _field(package, "Package")
        if pins and sha256(package) != pins[name][1]:
            raise BuildError(f"{name} isn't the package that {_lock_file(for_).name} names")
    return found


def _download(folder: Path, for_: Platform, pins: Pins) -> list[Path]:
    """Download the packages and all that they depend on, without touching the machine's state."""
    (folder / "partial").mkdir(parents=True)
    (folder / "lists/partial").mkdir(parents=True)
    (folder / "status").touch()
    own_files = {
        "APT::Architecture": for_.architecture,
        "APT::Architectures": for_.architecture,
        "APT::Sandbox::User": "",
        "Debug::NoLocking": "1",
        "Dir::Cache::Archives": str(folder),
        "Dir::Cache::PkgCache": "",
        "Dir::Cache::SrcPkgCache": "",
        "Dir::State::Extended_States": str(folder / "extended_states"),
        "Dir::State::Status": str(folder / "status"),
    }
    own_lists = own_files | {"Dir::State::Lists": str(folder / "lists")}
    wanted = [f"{name}={version}" for name, (version, _) in pins.items()] or PACKAGES
    install = ("--yes", "--no-install-recommends", "--download-only", "install", *wanted)
    failing = "could not download Debian packages"
    try:
        run(_apt_get(own_files, *install), failing=failing)
    except BuildError:
        # A new machine has no package lists, and one left alone lists what is no longer there.
        print("  the machine's package lists are missing or old: fetching new ones", flush=True)
        run(_apt_get(own_lists, "update"), failing="could not fetch package lists")
        run(_apt_get(own_lists, *install), failing=failing)
    return sorted(folder.glob("*.deb"))


def _field(package: Path, name: str) -> str:
    return run(["dpkg-deb", "--field", str(package), name], failing="bad package").strip()


def _apt_get(options: Mapping[str, str], *arguments: str) -> list[str]:
    given = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    return ["apt-get", "--quiet", *given, *arguments]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o644)
