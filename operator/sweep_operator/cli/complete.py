"""Completion: by argcomplete in shells, and for `kubectl sweep` by kubectl's own protocol.

Names come from the cluster. Where it doesn't answer there are none: completion is never in the way.
"""

import argparse
import io
import os
import shlex
import sys
from collections.abc import Iterable

import argcomplete
from argcomplete.shell_integration import shellcode

from sweep_operator.cli.arguments import parser

NO_FILES = ":4"
"""kubectl's protocol: the last line says that there is nothing else to complete by."""


def run(options: argparse.Namespace) -> int:
    """Print what a shell needs to complete `sweep`."""
    print(shellcode(["sweep"], shell=options.shell), end="")
    return 0


def answer() -> None:
    """Answer a shell that asks how a line may go on, and exit; return where none does."""
    argcomplete.autocomplete(parser(), always_complete_options=False)


def kubectl() -> None:
    """Answer kubectl, which calls `kubectl_complete-sweep` with a line's words."""
    print("\n".join([*candidates(sys.argv[1:]), NO_FILES]))


def candidates(words: list[str]) -> list[str]:
    """How the last word of a line may go on."""
    *before, last = words or [""]
    line = f"{shlex.join(['sweep', *before])} {last}"
    os.environ.update(
        {
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_IFS": "\n",
            "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
            "_ARGCOMPLETE_COMP_WORDBREAKS": "",
            "COMP_LINE": line,
            "COMP_POINT": str(len(line.encode())),
        }
    )
    found = io.StringIO()
    argcomplete.autocomplete(
        parser(),
        always_complete_options=False,
        exit_method=lambda _: None,
        output_stream=found,
    )
    return [each for each in found.getvalue().split("\n") if each]


def sweeps(prefix: str, options: argparse.Namespace) -> Iterable[str]:
    """Names of sweeps, with their namespace where one has been begun with."""
    # Only now: flags are completed without a cluster, and at once.
    from sweep_operator.cli.target import connection  # noqa: PLC0415
    from sweep_operator.client import ClientError, Sweep  # noqa: PLC0415

    namespace, slash, _ = prefix.rpartition("/")
    try:
        found = Sweep.all(namespace or options.namespace, connection(options))
    except ClientError:
        return []
    return [f"{namespace}{slash}{each.name}" for each in found]


def namespaces(options: argparse.Namespace) -> Iterable[str]:
    """Names of namespaces."""
    from sweep_operator.api import paths  # noqa: PLC0415
    from sweep_operator.cli.target import connection  # noqa: PLC0415
    from sweep_operator.client import ClientError  # noqa: PLC0415

    try:
        return [each["metadata"]["name"] for each in connection(options).list(paths.NAMESPACES)]
    except ClientError:
        return []
