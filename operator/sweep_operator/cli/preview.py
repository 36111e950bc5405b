"""`preview`: the first runs of a Sweep that is nowhere yet, and what else follows from its spec."""

import argparse
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue, ValidationError

from sweep_operator.api.model import problems
from sweep_operator.api.plain import plain
from sweep_operator.api.sweep import Sweep
from sweep_operator.cli.files import FileError, Json, documents, read, sweeps
from sweep_operator.cli.foreign import as_sweep
from sweep_operator.cli.foreign.conversion import part
from sweep_operator.cli.output import dumped, table
from sweep_operator.client.sweep import flat
from sweep_operator.planning.early_termination import rule_of
from sweep_operator.planning.sweep import Intent, InvalidSweepError
from sweep_operator.search import SpaceError

MAX_BRACKETS_SHOWN = 8


@dataclass(frozen=True)
class Preview:
    """What a Sweep would do."""

    name: str
    seed: int
    seed_is_ours: bool
    """The Sweep names no seed: the runs are these only with this one."""
    limit: int | None
    """How many runs it makes; None for no end."""
    learns: bool
    """Later runs depend on results."""
    brackets: Sequence[int]
    """The iterations at which early termination compares runs."""
    runs: Sequence[Mapping[str, JsonValue]]
    """Their parameters, the first run's first."""


def run(options: argparse.Namespace) -> int:
    """Print what a file's Sweeps would do."""
    found = previews(options.file, options.count, options.seed)
    print(rendered(found, options.output), end="")
    return 0


def previews(file: str, count: int, seed: int | None) -> list[Preview]:
    """Look at the Sweeps of a file, or at what a file of W&B's or Katib's would be."""
    found = [as_sweep(each) for each in documents(read(file))]
    return [preview(each, count, seed) for each in sweeps(found)]


def preview(sweep: Json, count: int, seed: int | None) -> Preview:
    """Look at a Sweep as the operator will.

    Args:
        sweep: its manifest.
        count: how many runs to show.
        seed: instead of the manifest's; None for that, and where there is none, for a random one.

    Raises:
        FileError: its spec can't be run.
    """
    metadata = {"namespace": "default", "uid": "", **part(sweep, "metadata", "the manifest")}
    sweep = {**sweep, "metadata": metadata}
    try:
        written = Sweep.model_validate(sweep).spec
        ours = seed is None and written.seed is None
        if ours:
            seed = secrets.randbelow(2**31)
        if seed is not None:
            sweep = {**sweep, "spec": {**sweep["spec"], "seed": seed}}
        intent = Intent.of(sweep)
        runs = list(_runs(intent, count))
    except ValidationError as error:
        raise FileError("; ".join(problems(error)[:5])) from error
    except (InvalidSweepError, SpaceError) as error:
        raise FileError(str(error)) from error
    rule = intent.spec.early_terminate
    return Preview(
        name=intent.name,
        seed=intent.seed,
        seed_is_ours=ours,
        limit=intent.limit,
        learns=intent.method.learns,
        brackets=rule_of(rule).brackets() if rule else (),
        runs=runs,
    )


def _runs(intent: Intent, count: int) -> Iterator[Mapping[str, JsonValue]]:
    for number in range(1, min(count, intent.limit or count) + 1):
        parameters = intent.suggest(number)
        if parameters is None:
            return
        yield parameters


def rendered(previews: Iterable[Preview], output: str | None) -> str:
    """As text: a table for people, or json or yaml for programs."""
    if output is None:
        return "\n".join(_table(each) for each in previews)
    return dumped([_plain(each) for each in previews], output)


def _plain(preview: Preview) -> dict[str, Any]:
    return {
        "name": preview.name,
        "seed": preview.seed,
        "limit": preview.limit,
        "brackets": list(preview.brackets),
        "runs": [dict(run) for run in preview.runs],
    }


def _table(preview: Preview) -> str:
    rows = [{name: _text(value) for name, value in flat(run)} for run in preview.runs]
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [
        [number, *(row.get(name, "-") for name in names)]
        for number, row in enumerate(rows, start=1)
    ]
    notes = "".join(f"{plain(note)}\n" for note in _notes(preview))
    return notes + table(["RUN", *names], cells)


def _notes(preview: Preview) -> Iterator[str]:
    end = "until it is stopped" if preview.limit is None else f"{preview.limit} runs"
    yield f"{preview.name}: {end}"
    if preview.seed_is_ours:
        yield f"seed: {preview.seed}, picked here: write it into spec.seed for these very runs"
    else:
        yield f"seed: {preview.seed}"
    if preview.learns:
        yield "Each run's parameters depend on the results before it: these are for none."
    if preview.brackets:
        shown = ", ".join(map(str, preview.brackets[:MAX_BRACKETS_SHOWN]))
        more = ", ..." if len(preview.brackets) > MAX_BRACKETS_SHOWN else ""
        yield f"Runs are compared after {shown}{more} reports of the metric."


def _text(value: JsonValue) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"  # as runs has it; all digits are in -o json
    return value if isinstance(value, str) else json.dumps(value)
