"""Which cluster and which sweep a command is about."""

import argparse

from sweep_operator.client import Connection, Sweep


def connection(options: argparse.Namespace) -> Connection:
    """The cluster that --kubeconfig and --context name."""
    return Connection(options.kubeconfig, options.context)


def sweep(options: argparse.Namespace) -> Sweep:
    """The sweep that is named, as NAME or NAMESPACE/NAME."""
    namespace, _, name = options.sweep.rpartition("/")
    return Sweep.get(name, namespace or options.namespace, connection(options))
