"""`kubectl sweep`: runs a command, and says in a sentence what went wrong if something did."""

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from sweep_operator.cli.arguments import parser

RARELY = 100_000
"""Objects made between two searches for cycles of them: a sweep's records are a million, with none,
and to look through them as often as usual takes as long as to read them."""

WANDB_FLAGS = ("--pause", "--resume", "--stop", "--cancel")
"""How W&B's command line spells its commands: `wandb sweep --pause ENTITY/PROJECT/ID`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit code: 0, or 1 where it didn't work, 2 for a wrong call, 130 when interrupted.
    """
    if "_ARGCOMPLETE" in os.environ:
        import_module("sweep_operator.cli.complete").answer()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in WANDB_FLAGS:
        given[0] = given[0].removeprefix("--")
    options = parser().parse_args(given)
    # Only now, and only what the command needs: --help must be quick.
    from sweep_operator.api.plain import plain  # noqa: PLC0415
    from sweep_operator.cli.files import FileError  # noqa: PLC0415
    from sweep_operator.client.errors import ClientError  # noqa: PLC0415

    gc.set_threshold(RARELY)
    try:
        code: int = import_module(options.module).run(options)
        sys.stdout.flush()
    except FileError as error:
        print(f"error: {error.file or options.file}: {plain(str(error))}", file=sys.stderr)
        return 1
    except (ClientError, TimeoutError) as error:
        print(f"error: {plain(str(error))}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            print(file=sys.stderr)  # after the terminal's ^C, or the next prompt stands beside it
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
