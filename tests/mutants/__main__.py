"""Put each deliberate bug into the operator, one at a time, and see who finds it.

A mutant is a patch: a sentence that says what is wrong with such an operator, and the lines. It is
looked for by the model, by the simulation and, where neither sees it, by the tests of its layer.
`python -m tests.mutants --help`.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PATCHES = Path(__file__).parent
PAGE = ROOT / "docs/reliability.md"
BEGIN, END = "<!-- mutants -->\n", "<!-- end of mutants -->\n"

MODEL = ("-m", "tests.model", "--small")
SIMULATION = ("-m", "tests.simulation", "--seeds=4000", "--as-found")
TESTS = (
    *("-m", "pytest", "-qx", "-p", "no:cacheprovider", "-m", "not slow"),
    *("tests/unit", "--ignore=tests/unit/dev"),  # where it is held that patches fit
)
NOT_FOUND = "-"


class Mutant(NamedTuple):
    """A deliberate bug."""

    path: Path

    @property
    def name(self) -> str:
        """What is wrong, in few words."""
        return self.path.stem.replace("-", " ")

    @property
    def layer(self) -> str:
        """Which part of the operator it is in."""
        found = re.search(
            r"^--- a/operator/sweep_operator/(\w+)/", self.path.read_text(), re.MULTILINE
        )
        assert found is not None, f"{self.path} is no patch of the operator"
        return found[1]


class Found(NamedTuple):
    """Who has found a mutant, and by what; a dash for who hasn't."""

    mutant: Mutant
    model: str
    simulation: str
    test: str

    @property
    def row(self) -> str:
        """A line of the table."""
        cells = (self.mutant.name, self.mutant.layer, self.model, self.simulation, self.test)
        return f"| {' | '.join(cells)} |\n"


def main() -> None:
    """Look for mutants; exit with 1 where one isn't found."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=main.__doc__)
    parser.add_argument("names", nargs="*", help="of patches (default: all)")
    parser.add_argument("--write", action="store_true", help=f"the table in {PAGE.name}")
    options = parser.parse_args()
    mutants = [
        Mutant(path)
        for path in sorted(PATCHES.glob("*.patch"))
        if not options.names or path.stem in options.names
    ]
    results: list[Found] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(look_for, mutants):
            print(found.row, end="", flush=True)
            results.append(found)
    missed = [each for each in results if {*each[1:]} == {NOT_FOUND}]
    print(f"{len(results) - len(missed)} of {len(results)} found")
    if options.write:
        write(results)
    sys.exit(1 if missed else 0)


def look_for(mutant: Mutant) -> Found:
    """Have all look for a mutant."""
    with mutated(mutant) as folder:
        model = _rule(_run(folder, *MODEL))
        simulation = _rule(_run(folder, *SIMULATION))
        test = NOT_FOUND
        if model == simulation == NOT_FOUND:
            said = _run(folder, *TESTS)
            test = next(iter(re.findall(r"^FAILED \S+::(\w+)", said, re.MULTILINE)), NOT_FOUND)
    return Found(mutant, model, simulation, test)


@contextmanager
def mutated(mutant: Mutant) -> Iterator[Path]:
    """A checkout with the mutant in it."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for each in ROOT.iterdir():
            if each.name != "operator":
                (folder / each.name).symlink_to(each)
        shutil.copytree(ROOT / "operator", folder / "operator")
        command = ("git", "apply", str(mutant.path))
        done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{mutant.path.name} no longer fits the code:\n{done.stderr}")
        yield folder


def _run(folder: Path, *arguments: str) -> str:
    """Run Python there; what it said if it failed, else nothing."""
    environment = os.environ | {"PYTHONPATH": f"{folder / 'operator'}:{folder}"}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, check=False, cwd=folder, env=environment, capture_output=True, text=True
    )
    return done.stdout + done.stderr if done.returncode else ""


def _rule(said: str) -> str:
    """The rule that was broken: a seed's, or a trace's, first word."""
    if not said:
        return NOT_FOUND
    found = re.search(r"^(?:seed \d+|BROKEN after \d+ moves): ([\w ]+)", said, re.MULTILINE)
    return found[1] if found else "failed"


def write(results: list[Found]) -> None:
    """Put the table into the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    head = "| mutant | layer | model | simulation | test |\n|---|---|---|---|---|\n"
    table = head + "".join(each.row for each in results)
    PAGE.write_text(before + BEGIN + table + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
