"""What each command takes. Imports nothing that is slow: --help and completion only come here."""

import argparse
import math
from collections.abc import Callable, Iterable
from typing import Any, Final

PREVIEWED: Final = 10

PHASES: Final = ("Pending", "Running", "Finished", "Failed", "Crashed", "Killed")
"""Of runs."""

SWEEP_PHASES: Final = (
    "Running",
    "Paused",
    "Stopped",
    "Cancelled",
    "Finished",
    "Failed",
    "Crashed",
)

FORMATS: Final = ("csv", "json", "parquet")
"""Of an export."""

Commands = Any
"""argparse's own type for subcommands is private."""


def parser() -> argparse.ArgumentParser:
    """All commands."""
    found = argparse.ArgumentParser(
        prog="kubectl sweep",
        description="Hyperparameter sweeps on Kubernetes.",
        epilog="W&B's flags work too: kubectl sweep --pause NAMESPACE/NAME.",
    )
    commands = found.add_subparsers(metavar="COMMAND", required=True)
    _edits(commands)
    _looks(commands)
    _exports(commands)
    _makes(commands)
    _files(commands)
    _shells(commands)
    return found


def _edits(commands: Commands) -> None:
    for name, told in (
        ("pause", "Make no new runs for now; those that run go on."),
        ("resume", "Go on after a pause."),
        ("stop", "Make no new runs, ever; those that run go on to their end."),
        ("cancel", "Make no new runs, ever, and kill those that run."),
    ):
        command = _command(commands, name, told, "edit")
        _several(command)
        _dry_run(command)
        if name == "cancel":
            command.add_argument("-y", "--yes", action="store_true", help="don't ask")
        command.set_defaults(verb=name)
    rerun = _command(commands, "rerun", "Run failed or crashed runs again, as they were.", "rerun")
    _sweep(rerun)
    rerun.add_argument("runs", nargs="*", type=int, metavar="RUN", help="numbers; default: all")

    scale = _command(commands, "scale", "Have so many runs at a time.", "edit")
    _several(scale)
    scale.add_argument("--parallelism", type=_from_one, required=True, metavar="N")
    _dry_run(scale)
    scale.set_defaults(verb="scale")


def _looks(commands: Commands) -> None:
    sweeps = _command(commands, "list", "List sweeps.", "look")
    _cluster(sweeps)
    sweeps.add_argument("-A", "--all-namespaces", action="store_true")
    _selector(sweeps)
    _output(sweeps, "wide", "name")
    sweeps.set_defaults(verb="list")

    status = _command(commands, "status", "Say how a sweep stands.", "look")
    _sweep(status)
    _output(status)
    status.set_defaults(verb="status")

    runs = _command(commands, "runs", "List a sweep's runs.", "look")
    _sweep(runs)
    runs.add_argument("--status", choices=PHASES, help="those alone")
    runs.add_argument(
        "--sort", default="number", metavar="KEY", help="number, value, or a parameter or metric"
    )
    runs.add_argument("--reverse", action="store_true", help="from the other end")
    _output(runs, "wide", "name")
    runs.set_defaults(verb="runs")

    best = _command(commands, "best", "Show a sweep's best runs.", "best")
    _sweep(best)
    best.add_argument("--count", type=_from_one, default=1, metavar="N", help="default: 1")
    _output(best, "env", "name")

    watch = _command(commands, "watch", "Show how far a sweep has come, as it goes on.", "watch")
    _sweep(watch)

    logs = _command(commands, "logs", "Print what the program of a run has printed.", "logs")
    _sweep(logs)
    logs.add_argument("run", nargs="?", type=int, metavar="RUN", help="its number")
    which = logs.add_mutually_exclusive_group()
    which.add_argument("--best", action="store_true", help="of the best run")
    which.add_argument("--failed", action="store_true", help="of all that have failed")
    logs.add_argument("--attempt", type=_from_one, metavar="N", help="default: the last one")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as it is printed")
    logs.add_argument("--tail", type=_from_one, metavar="LINES", help="only the last ones")

    told = (
        "Make an HTML page of a sweep, of the cluster or of what kubectl get has written to files."
    )
    report = _command(commands, "report", told, "report")
    name = report.add_argument("sweep", metavar="[NAMESPACE/]NAME", nargs="?")
    _completed(name, _sweeps)
    _cluster(report)
    report.add_argument(
        "-f",
        "--file",
        metavar="FILE",
        action="append",
        default=[],
        help="the Sweep, its SweepRuns or lists of them, in YAML or JSON; - for the input. May be "
        "given several times",
    )
    report.add_argument(
        "--output", metavar="PAGE", help="the page; - for the output (default: SWEEP.html)"
    )

    told = "Open Optuna's dashboard on a sweep: a page that follows it, on this machine alone."
    dashboard = _command(commands, "dashboard", told, "dashboard")
    _sweep(dashboard)
    dashboard.add_argument(
        "--port", type=_port, default=8080, help="0 for any that is free (default: %(default)s)"
    )

    told = "Wait for a sweep's end, or for a phase; the exit code is 1 for a bad end."
    wait = _command(commands, "wait", told, "wait")
    _sweep(wait)
    wait.add_argument("--for", dest="phase", choices=SWEEP_PHASES, help="default: its end")
    wait.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="default: for ever")


def _exports(commands: Commands) -> None:
    told = "Write all runs of a sweep as a table: CSV, JSON or Parquet."
    export = _command(commands, "export", told, "export")
    _sweep(export)
    export.add_argument("--status", choices=PHASES, help="those alone")
    export.add_argument(
        "--output",
        metavar="FILE",
        default="-",
        help="its ending says the format; - for the output (default)",
    )
    export.add_argument(
        "--format", choices=FORMATS, help="default: by the file's ending; csv for the output"
    )


def _makes(commands: Commands) -> None:
    told = "Create a sweep of a manifest, or of a file of W&B's or Katib's; prints its name."
    create = _command(commands, "create", told, "make")
    _cluster(create)
    _file(create)
    create.add_argument("--paused", action="store_true", help="make no runs before it is resumed")
    _wandb(create)
    _dry_run(create)
    create.set_defaults(verb="create")

    told = "Delete a sweep with all its runs, Jobs and pods."
    delete = _command(commands, "delete", told, "make")
    _several(delete)
    delete.add_argument("-y", "--yes", action="store_true", help="don't ask")
    delete.set_defaults(verb="delete")


def _files(commands: Commands) -> None:
    told = "Show the first runs that a file would make, W&B's and Katib's too, without a cluster."
    preview = _command(commands, "preview", told, "preview")
    _file(preview)
    preview.add_argument(
        "-n",
        "--count",
        type=_from_one,
        default=PREVIEWED,
        help="how many runs (default: %(default)s)",
    )
    preview.add_argument("--seed", type=int, help="instead of spec.seed, or of a random one")
    _output(preview)

    told = "Make a Sweep of W&B's sweep file or of Katib's Experiment, and print it."
    convert = _command(commands, "convert", told, "convert")
    _file(convert)
    _wandb(convert)


def _shells(commands: Commands) -> None:
    told = "Print what a shell needs to complete `sweep`: source <(sweep completion bash)."
    command = _command(commands, "completion", told, "complete")
    command.add_argument("shell", choices=("bash", "zsh", "fish"))


def _command(commands: Commands, name: str, told: str, module: str) -> argparse.ArgumentParser:
    found: argparse.ArgumentParser = commands.add_parser(name, help=told, description=told)
    found.set_defaults(module=f"sweep_operator.cli.{module}")
    return found


def _cluster(command: argparse.ArgumentParser) -> None:
    namespace = command.add_argument("-n", "--namespace", help="default: the context's")
    _completed(namespace, _namespaces)
    command.add_argument("--context", help="of the kubeconfig; default: the current one")
    command.add_argument("--kubeconfig", metavar="FILE")


def _sweep(command: argparse.ArgumentParser) -> None:
    name = command.add_argument("sweep", metavar="[NAMESPACE/]NAME")
    _completed(name, _sweeps)
    _cluster(command)


def _several(command: argparse.ArgumentParser) -> None:
    names = command.add_argument("sweeps", metavar="[NAMESPACE/]NAME", nargs="*")
    _completed(names, _sweeps)
    _selector(command)
    _cluster(command)


def _selector(command: argparse.ArgumentParser) -> None:
    command.add_argument("-l", "--selector", default="", help="by labels: team=vision")


def _file(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", metavar="FILE", help="in YAML or JSON; - for the input")


def _wandb(command: argparse.ArgumentParser) -> None:
    command.add_argument("--name", help="of the Sweep (default: from W&B's or Katib's file)")
    template = command.add_mutually_exclusive_group()
    template.add_argument("--image", help="for W&B's file: what runs the program, W&B offline")
    template.add_argument("--template", metavar="JOB", help="for W&B's file: a Job's manifest")


def _from_one(text: str) -> int:
    """A whole number that is at least 1."""
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number from 1")


def _seconds(text: str) -> float:
    """A time that isn't negative."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if found >= 0:
        return found
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")


def _port(text: str) -> int:
    """A port's number."""
    if text.isdecimal() and int(text) < 65_536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port: write 0 to 65535")


def _dry_run(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--dry-run", choices=("server",), help="only have the API server look at it"
    )


def _output(command: argparse.ArgumentParser, *more: str) -> None:
    names = ("json", "yaml", "jsonpath=TEMPLATE", *more)

    def output(text: str) -> str:
        template = text.removeprefix("jsonpath=") if text.startswith("jsonpath=") else ""
        if template or (text in names and "=" not in text):
            return text
        raise argparse.ArgumentTypeError(f"there is no {text!r}: it takes {', '.join(names)}")

    argument = command.add_argument(
        "-o", "--output", type=output, metavar="FORMAT", help=", ".join(names)
    )
    _completed(argument, lambda **_: [each.partition("TEMPLATE")[0] for each in names])


def _completed(argument: argparse.Action, completer: Callable[..., Iterable[str]]) -> None:
    """Have argcomplete ask a function what an argument may be."""
    vars(argument)["completer"] = completer


def _sweeps(prefix: str, parsed_args: argparse.Namespace, **_: object) -> Iterable[str]:
    from sweep_operator.cli.complete import sweeps  # noqa: PLC0415 (see above)

    return sweeps(prefix, parsed_args)


def _namespaces(parsed_args: argparse.Namespace, **_: object) -> Iterable[str]:
    from sweep_operator.cli.complete import namespaces  # noqa: PLC0415

    return namespaces(parsed_args)
