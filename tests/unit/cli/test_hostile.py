"""A thousand hostile strings in a cluster: no command passes one on that a terminal would obey."""

import csv
import io
import json
import re
import sys
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import pytest
import yaml
from tests.fakes.hostile import hostile
from tests.unit.cli.api_server import SWEEPS, Server, status, sweep
from tests.unit.cli.test_export import RUNS, record

from sweep_operator.cli import target
from sweep_operator.cli.main import main
from sweep_operator.cli.watch import picture
from sweep_operator.client import ClientError, Connection, Sweep

TEXTS = hostile()
EACH = 250
OBEYED = re.compile("[^\n\x20-\x7e\xa0-\U0010ffff]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]")
SGR = re.compile(r"\x1b\[\d*m")
"""Our own colours."""


FIRST, *OTHERS = range(0, len(TEXTS), EACH)


@pytest.fixture(params=[FIRST, *(pytest.param(at, marks=pytest.mark.slow) for at in OTHERS)])
def texts(request: pytest.FixtureRequest, server: Server) -> list[str]:
    """Some of them, as a sweep's and its runs' values, metrics and messages."""
    found = TEXTS[request.param : request.param + EACH]
    made = sweep("s", runCap=EACH, template=TEMPLATE)
    message = " ".join(found)[:20_000]
    made["status"] |= {
        "best": {"number": 1, "value": 0.5, "parameters": {"x": found[0], "o": {found[1]: 1}}},
        "conditions": [
            {"type": kind, "status": "True", "reason": "R", "message": message}
            for kind in ("Stalled", "Complete")
        ],
    }
    records = [
        record(
            number,
            {"x": text, "o": {text: text}, "l": [text]},
            value=number, message=text, reason="R",
            metrics={text: 1}, attemptsMade=1,
            attempts=[{"number": 1, "job": "j", "pod": f"../{text}", "finished": ENDED}],
        )
        for number, text in enumerate(found, start=1)
    ]  # fmt: skip
    server.answers["GET", f"{SWEEPS}/s"] = 200, made
    server.answers["GET", SWEEPS] = 200, {"items": [made], "metadata": {}}
    server.answers["GET", RUNS] = 200, {"items": records, "metadata": {}}
    return found


ENDED = "2026-01-01T00:00:00Z"
TEMPLATE = {"spec": {"template": {"spec": {"containers": [{"name": "main"}]}}}}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERM", "xterm")


def at_a_terminal(*arguments: str) -> int:
    """Run a command where a person looks at what it prints."""
    with mock.patch.object(sys.stdout, "isatty", return_value=True):
        return main(arguments)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """What a command puts on a terminal, which obeys nothing in it but our colours."""
    exit_code = at_a_terminal(*arguments)
    told = capsys.readouterr()
    assert exit_code == code, told.err
    found = SGR.sub("", told.out) + told.err
    assert not OBEYED.search(found), OBEYED.search(found)
    return found


def test_a_table_has_a_line_for_each_run(
    texts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for output in ((), ("-o", "wide")):
        assert shown(capsys, "runs", "s", *output).count("\n") == EACH + 1
    assert shown(capsys, "best", "s", "--count", "999").count("\n") == EACH + 1
    assert shown(capsys, "list").count("\n") == 2
    names = shown(capsys, "runs", "s", "-o", "name").splitlines()
    assert names == [f"sweeprun.sweep-operator.io/s-{number}" for number in range(1, EACH + 1)]


def test_a_status_has_a_line_for_each_thing(
    texts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    heads = [line.split()[0] for line in shown(capsys, "status", "s").splitlines()]
    assert heads == ["sweep", "status", "runs", "best", "Stalled"]


def test_a_picture_has_a_line_for_each_thing(texts: list[str], server: Server) -> None:
    found = Sweep(server.answers["GET", f"{SWEEPS}/s"][1], Connection())
    for line in picture(found, datetime.now(UTC)):
        assert "\n" not in line
        assert not OBEYED.search(line)


def test_json_and_yaml_write_them_out_and_say_the_same(
    texts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for found in (
        json.loads(shown_json := shown(capsys, "runs", "s", "-o", "json")),
        yaml.load(shown(capsys, "runs", "s", "-o", "yaml"), yaml.CSafeLoader),
    ):
        assert [each["spec"]["parameters"]["x"] for each in found["items"]] == texts
    assert shown_json.isascii()
    (env,) = yaml.safe_load(shown(capsys, "best", "s", "-o", "env"))["env"]
    assert env["name"] == "SWEEP_PARAMETERS"


def test_a_template_is_filled_with_them_written_out_on_a_terminal_and_as_they_are_elsewhere(
    texts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    template = '-o=jsonpath={range .items[*]}{.spec.parameters.x}{"\\n"}{end}'
    assert at_a_terminal("runs", "s", template) == 0
    printed = capsys.readouterr().out
    assert not OBEYED.search(re.sub(r"[\t]|\r(?=\n)", "", printed))
    assert printed.count("\n") >= EACH
    assert main(["runs", "s", template]) == 0
    assert capsys.readouterr().out == "".join(f"{text}\n" for text in texts)


def test_an_export_has_them_as_they_are_and_no_formula(
    texts: list[str], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["export", "s"]) == 0
    head, *rows = csv.reader(io.StringIO(capfdbinary.readouterr().out.decode(), newline=""))
    assert len(rows) == EACH
    place = head.index("params_x")
    for text, row in zip(texts, rows, strict=True):
        assert row[place].removeprefix("'") == text.removeprefix("'")
        assert not row[place].startswith(("=", "@", "\t", "\r", "\n"))
    assert not any(name.startswith(("=", "+", "-", "@", "\t", "\r")) for name in head)
    assert main(["export", "s", "--output", "runs.json"]) == 0
    written = json.loads(Path("runs.json").read_text())
    assert [each["parameters"]["x"] for each in written] == texts
    assert main(["export", "s", "--output", "runs.parquet"]) == 0


def test_an_export_to_a_terminal_is_written_out(
    texts: list[str], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert at_a_terminal("export", "s") == 0
    printed = capfdbinary.readouterr().out.decode().replace("\r\n", "\n").replace("\t", "")
    assert not OBEYED.search(printed), OBEYED.search(printed)


def test_what_the_api_server_refuses_is_told_in_a_line(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in TEXTS[::40]:
        said = status(422, "Invalid", text, causes=[{"field": text, "message": text}])
        server.answers["GET", f"{SWEEPS}/s"] = said
        error = shown(capsys, "status", "s", code=1)
        assert error.startswith("error: ")
        assert error.count("\n") == 1


def test_a_log_is_asked_for_of_a_pod_and_nothing_else(
    texts: list[str], server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, EACH, 25):
        server.asked.clear()
        assert "\n" not in shown(capsys, "logs", "s", str(number), code=1)[:-1]
        path = server.asked[-1][1]
        assert re.fullmatch(r"/api/v1/namespaces/ml/pods/[^/]+/log", path), path


def test_names_that_are_no_names_are_asked_of_no_server(server: Server) -> None:
    for text in TEXTS:
        if re.fullmatch("[a-z0-9]([a-z0-9-]*[a-z0-9])?", text):
            continue
        options = Namespace(sweep=text, namespace=None, kubeconfig=None, context=None)
        with pytest.raises(ClientError, match="names no sweep"):
            target.sweep(options)
    assert server.asked == []


def test_a_file_of_them_is_refused_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    for number, text in enumerate(TEXTS[::8]):
        file = Path(f"{number}.yaml")
        manifest = {"kind": "Sweep", "metadata": {"name": "s"}, "spec": {text: text}}
        file.write_text(yaml.safe_dump(manifest) if number % 2 else text)
        said = shown(capsys, "preview", file.name, code=1)
        assert said.startswith(f"error: {file.name}: ")
        assert said.count("\n") == 1


def test_a_report_of_a_file_from_elsewhere_is_written_here() -> None:
    for text in TEXTS:
        if not text or re.fullmatch("[a-z0-9-]+", text):
            continue
        made = sweep(text, parameters={"x": {"value": 1}}, metric={"name": "loss"})
        Path("all.json").write_text(json.dumps({**made, "kind": "Sweep"}))
        break
    assert main(["report", "-f", "all.json"]) == 0
    assert sorted(file.name for file in Path().glob("*.html")) == ["sweep.html"]
