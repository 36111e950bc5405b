"""The container's last words: metrics that reach the operator where no report does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from sweep_run.notices import Notices

MOST_BYTES = 4096
"""What Kubernetes keeps."""


def write(path: Path, metrics: Mapping[str, float], notices: Notices) -> None:
    """Write metrics to the file, if it is there and can be written to.

    Of more than fit the first ones are kept.
    NaN and infinities are bare words, as Python's json writes and reads them.
    """
    kept = dict(metrics)
    while len(text := json.dumps(kept)) > MOST_BYTES:  # ASCII, so these are bytes
        name, _ = kept.popitem()
        notices.say("termination", f"{name!r} and others don't fit into the termination message")
    try:
        # Not created: it is there in a container, and nobody's business elsewhere.
        with path.open("r+", encoding="ascii") as file:
            file.truncate()
            file.write(text)
    except FileNotFoundError:
        pass
    except OSError as error:
        notices.say("termination", f"no termination message: {error}")
