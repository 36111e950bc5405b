"""What a machine makes of its host's cgroups, and what an image is made of."""

import io
import json
import tarfile

from local_cluster.images import docker_archive
from local_cluster.machine_init import _cgroup_mounts

VERSION_1 = """\
24 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 24 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/systemd rw shared:9 - cgroup cgroup rw,name=systemd
33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
"""
VERSION_2 = "30 24 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"


def test_version_1_is_mounted_hierarchy_by_hierarchy() -> None:
    assert _cgroup_mounts(VERSION_1) == [
        ("/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct"),
        ("/sys/fs/cgroup/systemd", "cgroup", "rw,name=systemd"),
    ]


def test_version_2_is_one() -> None:
    assert _cgroup_mounts(VERSION_2) == [("/sys/fs/cgroup", "cgroup2", "rw,nsdelegate")]


def test_an_archive_is_what_docker_save_writes() -> None:
    archive = docker_archive("localhost/x:1", ["sh"], b"a layer")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        files = {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
    manifest = json.loads(files["manifest.json"])[0]
    assert manifest["RepoTags"] == ["localhost/x:1"]
    assert [files[layer] for layer in manifest["Layers"]] == [b"a layer"]
    assert json.loads(files[manifest["Config"]])["config"]["Cmd"] == ["sh"]


def test_an_archive_is_the_same_each_time() -> None:
    first, second = (docker_archive("localhost/x:1", ["sh"], b"a layer") for _ in range(2))
    assert first == second
