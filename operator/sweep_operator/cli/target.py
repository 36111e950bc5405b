"""Which cluster and which sweeps a command is about."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence

from sweep_operator.api.names import DNS_LABEL, GROUP
from sweep_operator.api.plain import plain
from sweep_operator.client import ClientError, Connection, Sweep


def connection(options: argparse.Namespace) -> Connection:
    """The cluster that --kubeconfig and --context name."""
    return Connection(options.kubeconfig, options.context)


def sweep(options: argparse.Namespace) -> Sweep:
    """The sweep that is named."""
    return _named(options.sweep, options, connection(options))


def sweeps(options: argparse.Namespace) -> list[Sweep]:
    """The sweeps that are named, or that have the labels of --selector.

    Raises:
        ClientError: one of them isn't there, or none is asked for.
    """
    cluster = connection(options)
    if options.sweeps and options.selector:
        raise ClientError("which sweeps? Names and --selector don't go together")
    if options.sweeps:
        return [_named(each, options, cluster) for each in options.sweeps]
    if not options.selector:
        raise ClientError("which sweep? Give its name, or labels by --selector")
    found = Sweep.all(options.namespace, cluster, selector=options.selector)
    if not found:
        where = options.namespace or cluster.namespace
        raise ClientError(f"no sweep in namespace {where} has the labels {options.selector}")
    return found


def each(chosen: Sequence[Sweep], act: Callable[[Sweep], None]) -> int:
    """Act on some sweeps, and on the others too where one can't be; 1 if there was such a one."""
    code = 0
    for found in chosen:
        try:
            act(found)
        except ClientError as error:
            print(f"error: {plain(str(error))}", file=sys.stderr)
            code = 1
    return code


def _named(text: str, options: argparse.Namespace, cluster: Connection) -> Sweep:
    """The sweep that is meant by NAME or NAMESPACE/NAME, or as `list -o name` has it."""
    namespace, slash, name = text.removeprefix(f"sweep.{GROUP}/").rpartition("/")
    if not re.fullmatch(DNS_LABEL, name) or (slash and not re.fullmatch(DNS_LABEL, namespace)):
        raise ClientError(f"{text} names no sweep: it is NAME or NAMESPACE/NAME")
    if slash and options.namespace not in (None, namespace):
        raise ClientError(f"{text} isn't in namespace {options.namespace}: leave one of them out")
    return Sweep.get(name, namespace or options.namespace, cluster)
