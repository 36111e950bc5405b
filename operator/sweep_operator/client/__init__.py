"""Sweeps from Python: what the command line does, for notebooks and scripts.

    from sweep_operator.client import Sweep

    sweep = Sweep.get("digits")
    sweep.pause()
    sweep.wait("Finished", timeout=3600)
    frame = sweep.to_dataframe()

Talks to the cluster of the kubeconfig, or to the one that it runs in; blocks until it is answered.
"""

from sweep_operator.client.connection import Connection
from sweep_operator.client.errors import (
    ClientError,
    NotAcknowledgedError,
    NotFoundError,
    RefusedError,
)
from sweep_operator.client.sweep import Run, Sweep

__all__ = [
    "ClientError",
    "Connection",
    "NotAcknowledgedError",
    "NotFoundError",
    "RefusedError",
    "Run",
    "Sweep",
]
