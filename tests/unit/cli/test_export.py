"""`kubectl sweep export` writes what is on record of each run, and all of it or nothing."""

import csv
import io
import json
import math
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyarrow import BufferReader, parquet
from tests.unit.cli.api_server import SWEEPS, Server, sweep

from sweep_operator.cli.main import main

Json = dict[str, Any]

RUNS = SWEEPS.removesuffix("sweeps") + "sweepruns"


def record(number: int, parameters: Json, **status: Any) -> Json:
    owner = {"kind": "Sweep", "uid": "u-s", "controller": True}
    return {
        "metadata": {"name": f"s-{number}", "ownerReferences": [owner]},
        "spec": {"sweep": "s", "number": number, "parameters": parameters},
        "status": {"phase": "Finished", **status},
    }


TIMES = {"startTime": "2026-01-31T12:00:00Z", "completionTime": "2026-01-31T12:01:30Z"}

RECORDS = [
    record(
        1,
        {"lr": 0.1, "batch": 16, "augment": True, "kind": "a", "mixed": 1, "sizes": [1, 2]},
        value=0.30000000000000004,
        metrics={"loss": 0.30000000000000004, "epochs": 3},
        attemptsMade=2,
        preemptions=1,
        reason="Completed",
        **TIMES,
    ),
    record(
        2,
        {"lr": 1, "batch": 32, "augment": False, "kind": "=1+1", "mixed": "a", "sizes": []},
        metrics={"epochs": 1},
        nonFinite={"loss": "nan", "gap": "-inf", "steps": "9" * 64},
        message='he said: "1, 2"\r\nand ünïcode',
        attemptsMade=1,
    ),
    record(3, {"lr": 2, "kind": "-1", "mixed": True, "optimizer": {"momentum": 0.9}}),
    record(4, {"lr": 3, "kind": "b", "mixed": "1"}, phase="Failed", reason="ProgramFailed"),
]


@pytest.fixture(autouse=True)
def _here(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    server.answers["GET", f"{SWEEPS}/s"] = 200, sweep("s")
    having(server, RECORDS)


def having(server: Server, records: list[Json]) -> None:
    server.answers["GET", RUNS] = 200, {"items": records, "metadata": {}}


@pytest.fixture
def printed(capfdbinary: pytest.CaptureFixture[bytes]) -> Any:
    """What an export prints."""

    def export(*arguments: str) -> bytes:
        assert main(["export", "s", *arguments]) == 0
        return capfdbinary.readouterr().out

    return export


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["export", "s", *arguments]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said.removeprefix("error: ").rstrip()


ON_A_FULL_DISK = """
import resource, sys
from sweep_operator.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
sys.exit(main())
"""
"""No file can have more than 100 bytes."""

COLUMNS = [
    *("number", "name", "status", "reason", "value"),
    *("params_lr", "params_batch", "params_augment", "params_kind", "params_mixed", "params_sizes"),
    *("params_optimizer.momentum", "metrics_loss", "metrics_epochs", "metrics_gap"),
    *("metrics_steps", "attempts", "preemptions", "start", "end", "duration", "message"),
]


def read(text: bytes) -> list[dict[str, str]]:
    """What a program gets of CSV; a column of what is empty isn't there."""
    rows = csv.DictReader(io.StringIO(text.decode(), newline=""))
    assert rows.fieldnames == COLUMNS
    return [{name: cell for name, cell in row.items() if cell} for row in rows]


def test_every_value_on_record_is_a_cell_of_the_csv(printed: Any) -> None:
    first, second, third, fourth = read(printed())
    assert first == {
        "number": "1",
        "name": "s-1",
        "status": "Finished",
        "reason": "Completed",
        "value": "0.30000000000000004",
        "params_lr": "0.1",
        "params_batch": "16",
        "params_augment": "true",
        "params_kind": "a",
        "params_mixed": "1",
        "params_sizes": "[1, 2]",
        "metrics_loss": "0.30000000000000004",
        "metrics_epochs": "3",
        "attempts": "2",
        "preemptions": "1",
        "start": "2026-01-31T12:00:00Z",
        "end": "2026-01-31T12:01:30Z",
        "duration": "90.0",
    }
    assert second == {
        "number": "2",
        "name": "s-2",
        "status": "Finished",
        "params_lr": "1",
        "params_batch": "32",
        "params_augment": "false",
        "params_kind": "'=1+1",
        "params_mixed": "a",
        "params_sizes": "[]",
        "metrics_loss": "nan",
        "metrics_epochs": "1",
        "metrics_gap": "-inf",
        "metrics_steps": "inf",
        "attempts": "1",
        "preemptions": "0",
        "message": 'he said: "1, 2"\r\nand ünïcode',
    }
    assert third["params_optimizer.momentum"] == "0.9"
    assert fourth["reason"] == "ProgramFailed"


@pytest.mark.parametrize("text", ["=1+1", "+SUM(A1)", "-O3", "@x", "\t=1", "\r=1", "\n=1"])
def test_text_that_a_spreadsheet_would_run_begins_with_an_apostrophe_in_csv(
    text: str, server: Server, printed: Any
) -> None:
    having(server, [record(1, {"kind": text}, message=text)])
    (row,) = csv.DictReader(io.StringIO(printed().decode(), newline=""))
    assert (row["params_kind"], row["message"]) == (f"'{text}", f"'{text}")


@pytest.mark.parametrize("value", [-1, -0.5, "-1", "+1e-3", "a=b", "'=1", ""])
def test_other_values_are_in_csv_as_they_are(value: object, server: Server, printed: Any) -> None:
    having(server, [record(1, {"kind": value})])
    (row,) = csv.DictReader(io.StringIO(printed().decode(), newline=""))
    assert row["params_kind"] == str(value)


def test_json_has_parameters_and_metrics_as_they_are_on_record(printed: Any) -> None:
    found = json.loads(printed("--format", "json"))
    for row, kept in zip(found, RECORDS, strict=True):
        assert row["parameters"] == kept["spec"]["parameters"]
        assert row["metrics"] == kept["status"].get("metrics", {})
        assert row["nonFinite"] == kept["status"].get("nonFinite", {})
    assert found[0] | {"parameters": {}, "metrics": {}} == {
        "number": 1,
        "name": "s-1",
        "status": "Finished",
        "reason": "Completed",
        "value": 0.30000000000000004,
        "parameters": {},
        "metrics": {},
        "nonFinite": {},
        "attempts": 2,
        "preemptions": 1,
        "duration": 90.0,
        "message": None,
        "start": "2026-01-31T12:00:00Z",
        "end": "2026-01-31T12:01:30Z",
    }


def test_parquet_has_numbers_as_numbers_times_as_times_and_mixed_types_as_json(
    printed: Any,
) -> None:
    table = parquet.read_table(BufferReader(printed("--format", "parquet")))
    assert {name: str(table.schema.field(name).type) for name in COLUMNS} == {
        **dict.fromkeys(("number", "attempts", "preemptions", "params_batch"), "int64"),
        **dict.fromkeys(("name", "status", "reason", "message", "params_kind"), "string"),
        **dict.fromkeys(("params_mixed", "params_sizes"), "string"),
        **dict.fromkeys(("value", "duration", "params_lr", "metrics_loss"), "double"),
        **dict.fromkeys(("metrics_epochs", "metrics_gap", "metrics_steps"), "double"),
        "params_optimizer.momentum": "double",
        "params_augment": "bool",
        **dict.fromkeys(("start", "end"), "timestamp[ms, tz=UTC]"),
    }
    assert table.column_names == COLUMNS
    found = table.to_pydict()
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    nan = found.pop("metrics_loss")
    assert nan[0] == 0.30000000000000004
    assert math.isnan(nan[1])
    assert nan[2:] == [None, None]
    assert found == {
        "number": [1, 2, 3, 4],
        "name": ["s-1", "s-2", "s-3", "s-4"],
        "status": ["Finished", "Finished", "Finished", "Failed"],
        "reason": ["Completed", None, None, "ProgramFailed"],
        "value": [0.30000000000000004, None, None, None],
        "params_lr": [0.1, 1.0, 2.0, 3.0],
        "params_batch": [16, 32, None, None],
        "params_augment": [True, False, None, None],
        "params_kind": ["a", "=1+1", "-1", "b"],
        "params_mixed": ["1", '"a"', "true", '"1"'],
        "params_sizes": ["[1, 2]", "[]", None, None],
        "params_optimizer.momentum": [None, None, 0.9, None],
        "metrics_epochs": [3.0, 1.0, None, None],
        "metrics_gap": [None, -math.inf, None, None],
        "metrics_steps": [None, math.inf, None, None],
        "attempts": [2, 1, 0, 0],
        "preemptions": [1, 0, 0, 0],
        "start": [noon, None, None, None],
        "end": [noon.replace(minute=1, second=30), None, None, None],
        "duration": [90.0, None, None, None],
        "message": [None, 'he said: "1, 2"\r\nand ünïcode', None, None],
    }


def test_whole_numbers_beyond_64_bits_are_numbers_in_parquet(server: Server, printed: Any) -> None:
    having(server, [record(1, {"x": 10**20}), record(2, {"x": 1})])
    table = parquet.read_table(BufferReader(printed("--format", "parquet")))
    assert table.to_pydict()["params_x"] == [1e20, 1.0]


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_a_sweep_without_runs_is_a_table_without_rows(
    form: str, server: Server, printed: Any
) -> None:
    having(server, [])
    text = printed("--format", form)
    match form:
        case "csv":
            fixed = [name for name in COLUMNS if not name.startswith(("params_", "metrics_"))]
            assert text.decode() == ",".join(fixed) + "\r\n"
        case "json":
            assert json.loads(text) == []
        case "parquet":
            assert parquet.read_table(BufferReader(text)).num_rows == 0


def test_runs_of_one_status_can_be_asked_for(printed: Any) -> None:
    found = json.loads(printed("--format", "json", "--status", "Failed"))
    assert [row["number"] for row in found] == [4]


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_the_ending_of_a_file_says_its_format(form: str, printed: Any) -> None:
    assert printed("--output", f"runs.{form}") == f"runs.{form}: 4 runs of s\n".encode()
    content = Path(f"runs.{form}").read_bytes()
    assert content.startswith({"csv": b"number,", "json": b"[", "parquet": b"PAR1"}[form])


def test_a_format_that_is_given_counts_more_than_the_ending(printed: Any) -> None:
    printed("--output", "runs.txt", "--format", "json")
    assert len(json.loads(Path("runs.txt").read_text())) == 4


def test_an_ending_that_says_no_format_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "--output", "runs.xlsx")
    assert (
        said == "runs.xlsx doesn't say by its ending what to write: --format csv, json or parquet"
    )


def test_parquet_is_not_written_to_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert refused(capsys, "--format", "parquet").startswith("Parquet is no text for a terminal")


def test_without_pyarrow_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    said = refused(capsys, "--output", "runs.parquet")
    assert said == "Parquet needs pyarrow: pip install 'sweep-operator[parquet]'"


def test_a_file_that_can_not_be_written_whole_stays_as_it_was() -> None:
    Path("runs.csv").write_text("as it was")
    before = set(Path().iterdir())
    # The limit is a process's own: pytest's output may be a file too.
    done = subprocess.run(
        [sys.executable, "-B", "-c", ON_A_FULL_DISK, "export", "s", "--output", "runs.csv"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "error: runs.csv: File too large\n")
    assert Path("runs.csv").read_text() == "as it was"
    assert set(Path().iterdir()) == before


def test_a_link_to_a_file_stays_one(printed: Any) -> None:
    Path("kept").mkdir()
    Path("runs.csv").symlink_to("kept/runs.csv")
    printed("--output", "runs.csv")
    assert Path("runs.csv").is_symlink()
    assert len(read(Path("kept/runs.csv").read_bytes())) == 4


def test_a_device_is_written_to_and_stays_one(printed: Any) -> None:
    printed("--output", "/dev/null", "--format", "csv")
    assert not Path("/dev/null").is_file()
