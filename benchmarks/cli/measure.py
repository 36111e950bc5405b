"""One command's times and peak memory, by the operating system's own account.

It is run as a process of its own that imports next to nothing: on Linux a process begins with the
peak memory of the one that starts it.
"""

import json
import os
import subprocess
import sys
import time


def main() -> None:
    """Run the command that the arguments are, and print what it has cost."""
    before = time.perf_counter()
    process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)  # noqa: S603
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - before
    if status != 0:
        sys.exit(f"{sys.argv[1:]} has failed")
    cpu = usage.ru_utime + usage.ru_stime
    print(json.dumps({"seconds": seconds, "cpu": cpu, "bytes": usage.ru_maxrss * 1024}))


if __name__ == "__main__":
    main()
