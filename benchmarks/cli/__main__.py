"""What the command line costs: `python -m benchmarks.cli --kubeconfig FILE`.

Through a real API server, whose sweeps it makes in a namespace of its own and takes away again: one
of ten runs, and one of ten thousand. Each command is a process, with its bytecode as pip leaves it;
its times are the medians of some, its memory the peak of all. Nothing needs to be installed in the
cluster but the CRDs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from benchmarks.cli.records import records, sweep, sweep_status

from sweep_operator.api import paths
from sweep_operator.client import Connection

Json = dict[str, Any]

SMALL: Final = 10
LARGE: Final = 10_000
POINTS: Final = 20
"""Of a run's history: a sweep of this size is one of short runs."""

WRITERS: Final = 8
MEGABYTE: Final = 1_000_000

CLI: Final = ("-m", "sweep_operator.cli.main")
COMPLETION: Final = ("-c", "from sweep_operator.cli.complete import kubectl; kubectl()")


class Case(NamedTuple):
    """A command, and what it may cost."""

    told: str
    words: Sequence[str]
    seconds: float
    megabytes: float = 500
    program: Sequence[str] = CLI


class Cost(NamedTuple):
    """What a command has cost."""

    seconds: float
    """From its start to its end: with all that the API server takes."""
    cpu: float
    """Seconds of its own."""
    bytes: int


def cases(written: Path) -> list[Case]:
    """All commands that are measured, quick ones first."""
    return [
        Case("--help", ["--help"], 0.15),
        Case("completion of a flag", ["runs", "s", "--so"], 0.15, program=COMPLETION),
        Case("list", ["list"], 0.6),
        Case(f"status, {SMALL} runs", ["status", "small"], 0.6),
        Case(f"best, {SMALL} runs", ["best", "small"], 0.6),
        Case(f"runs, {SMALL} runs", ["runs", "small"], 0.6),
        Case("status", ["status", "large"], 0.6),
        Case("best", ["best", "large"], 5),
        Case("runs", ["runs", "large"], 5),
        *(
            Case(f"export, {form}", ["export", "large", "--output", f"{written}/runs.{form}"], 5)
            for form in ("csv", "json", "parquet")
        ),
        Case("report", ["report", "large", "--output", f"{written}/page.html"], 15),
    ]


def main() -> None:
    """Make the sweeps, measure the commands and print a table; exit with 1 over a goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", help="of the cluster to measure by")
    parser.add_argument("--runs", type=int, default=LARGE, help="of the large sweep")
    parser.add_argument("--points", type=int, default=POINTS, help="of each run's history")
    parser.add_argument("--times", type=int, default=5, help="that each command is run")
    given = parser.parse_args()
    connection = Connection(given.kubeconfig)
    with namespace(connection) as name, tempfile.TemporaryDirectory() as written:
        store(connection, name, "small", SMALL, given.points)
        store(connection, name, "large", given.runs, given.points)
        where = ["-n", name, *(["--kubeconfig", given.kubeconfig] if given.kubeconfig else [])]
        found = [
            (case, measured(case, where, given.times, written)) for case in cases(Path(written))
        ]
    print(table(found))
    sys.exit(any(over(case, cost) for case, cost in found))


@contextmanager
def namespace(connection: Connection) -> Iterator[str]:
    """A namespace that is there for as long as it is needed."""
    made = connection.create(paths.NAMESPACES, {"metadata": {"generateName": "benchmark-cli-"}})
    name: str = made["metadata"]["name"]
    try:
        yield name
    finally:
        connection.delete(f"{paths.NAMESPACES}/{name}")


def store(connection: Connection, namespace: str, name: str, runs: int, points: int) -> None:
    """Write a sweep and its records, each with its status, as the operator does."""
    owner = connection.create(paths.sweeps(namespace), sweep(name, runs))
    status = {"status": sweep_status(runs)}
    connection.patch(f"{paths.sweeps(namespace, name)}/status", status)

    def write(record: Json) -> None:
        connection.create(paths.sweepruns(namespace), record)
        path = paths.sweepruns(namespace, record["metadata"]["name"])
        connection.patch(f"{path}/status", {"status": record["status"]})

    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in pool.map(write, records(owner, runs, points)):
            pass


def measured(case: Case, where: Iterable[str], times: int, bytecode: str) -> Cost:
    """Run a command so many times; and once more before, for the disk's and the bytecode's sake."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    place = [] if case.program is COMPLETION or case.words == ["--help"] else where
    command = [sys.executable, "-m", "benchmarks.cli.measure", sys.executable, *case.program]
    costs = []
    for _ in range(times + 1):
        whole = [*command, *case.words, *place]
        said = subprocess.check_output(whole, env=environment)  # noqa: S603
        costs.append(Cost(**json.loads(said)))
    seconds, cpu, peaks = zip(*costs[1:], strict=True)
    found = Cost(median(seconds), median(cpu), max(peaks))
    print(case.told, f"{found.seconds:.2f} s", file=sys.stderr, flush=True)
    return found


def over(case: Case, cost: Cost) -> bool:
    """Whether a command costs more than it may."""
    return cost.seconds > case.seconds or cost.bytes > case.megabytes * MEGABYTE


def table(found: Iterable[tuple[Case, Cost]]) -> str:
    """As it stands in docs/cli.md."""
    lines = ["| command | takes | at most | CPU | memory | at most |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {case.told} | {cost.seconds:.2f} s | {case.seconds:g} s | {cost.cpu:.2f} s "
        f"| {cost.bytes / MEGABYTE:.0f} MB | {case.megabytes:g} MB |"
        for case, cost in found
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
