"""`kubectl sweep`: what commands there are, and what they take. Nothing slow is imported here."""

import argparse
import sys
from collections.abc import Callable, Sequence

PREVIEWED = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is 0, or 1 where it can't be done, or 2 for a wrong call."""
    parser = argparse.ArgumentParser(prog="kubectl sweep", description="Hyperparameter sweeps.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_preview(commands)
    _add_convert(commands)
    options = parser.parse_args(arguments)
    code: int = options.run(options)
    return code


def _add_preview(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    told = "Show the first runs that a file's Sweep would make, or W&B's file, without a cluster."
    parser = commands.add_parser("preview", help=told, description=told)
    parser.add_argument("file", metavar="FILE", help="a manifest in YAML or JSON; - for the input")
    parser.add_argument(
        "-n", "--count", type=int, default=PREVIEWED, help="how many runs (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, help="instead of spec.seed, or of a random one")
    parser.add_argument("-o", "--output", choices=("table", "json", "yaml"), default="table")
    parser.set_defaults(run=_preview)


def _add_convert(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    told = "Make a Sweep of W&B's sweep file, and print it."
    parser = commands.add_parser("convert", help=told, description=told)
    parser.add_argument("file", metavar="FILE", help="W&B's file in YAML or JSON; - for the input")
    parser.add_argument("--name", help="of the Sweep (default: from the file's name or program)")
    template = parser.add_mutually_exclusive_group(required=True)
    template.add_argument("--image", help="of the container that runs the program, W&B offline")
    template.add_argument("--template", metavar="JOB", help="a manifest of a Job that runs it")
    parser.set_defaults(run=_convert)


def _preview(options: argparse.Namespace) -> int:
    from sweep_operator.cli.preview import previews, rendered  # noqa: PLC0415 (see above)

    return _printed(
        options.file,
        lambda: rendered(previews(options.file, options.count, options.seed), options.output),
    )


def _convert(options: argparse.Namespace) -> int:
    from sweep_operator.cli.convert import convert  # noqa: PLC0415

    return _printed(
        options.file,
        lambda: convert(options.file, options.name, options.image, options.template),
    )


def _printed(file: str, make: Callable[[], str]) -> int:
    """Print what a file gives, or what is wrong with it."""
    from sweep_operator.cli.files import FileError  # noqa: PLC0415

    try:
        print(make(), end="")
    except FileError as error:
        print(f"{file}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
