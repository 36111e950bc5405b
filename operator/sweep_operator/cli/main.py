"""`kubectl sweep`: what commands there are, and what they take. Nothing slow is imported here."""

import argparse
import sys
from collections.abc import Sequence

PREVIEWED = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is 0, or 1 where it can't be done, or 2 for a wrong call."""
    parser = argparse.ArgumentParser(prog="kubectl sweep", description="Hyperparameter sweeps.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_preview(commands)
    options = parser.parse_args(arguments)
    code: int = options.run(options)
    return code


def _add_preview(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    told = "Show the first runs that a file's Sweeps would make, without a cluster."
    parser = commands.add_parser("preview", help=told, description=told)
    parser.add_argument("file", metavar="FILE", help="a manifest in YAML or JSON; - for the input")
    parser.add_argument(
        "-n", "--count", type=int, default=PREVIEWED, help="how many runs (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, help="instead of spec.seed, or of a random one")
    parser.add_argument("-o", "--output", choices=("table", "json", "yaml"), default="table")
    parser.set_defaults(run=_preview)


def _preview(options: argparse.Namespace) -> int:
    from sweep_operator.cli.files import FileError, read, sweeps  # noqa: PLC0415 (see above)
    from sweep_operator.cli.preview import preview, rendered  # noqa: PLC0415

    try:
        found = sweeps(read(options.file))
        previews = [preview(each, options.count, options.seed) for each in found]
    except FileError as error:
        print(f"{options.file}: {error}", file=sys.stderr)
        return 1
    print(rendered(previews, options.output), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
