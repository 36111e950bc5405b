"""The host's own settings that clusters need: raised where they are too low, never lowered."""

from __future__ import annotations

from pathlib import Path

from local_cluster.console import Console

# Each kubelet, containerd and container takes some; Debian's default of 128 instances ends with the
# third cluster ("too many open files"). The same values as in kind's list of known issues, doubled.
_AT_LEAST = {
    "fs.inotify.max_user_instances": 1024,
    "fs.inotify.max_user_watches": 1048576,
}


def raise_limits(console: Console) -> None:
    for setting, least in _AT_LEAST.items():
        file = Path("/proc/sys", *setting.split("."))
        current = int(file.read_text())
        if current < least:
            console.say(f" • Raising {setting} from {current} to {least}")
            file.write_text(str(least))
