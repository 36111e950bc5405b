"""`kubectl sweep report` takes what `kubectl get` writes, and says what else is wrong."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.fakes.sweep_of_forty import sweep_of_forty
from tests.unit.report.reading import Read

from sweep_operator.cli.main import main

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def listed(*items: Json, kind: str = "List") -> str:
    return json.dumps({"apiVersion": "v1", "kind": kind, "items": items})


def refused(capsys: pytest.CaptureFixture[str], *files: str) -> str:
    """What is said of files of which no page can be made."""
    assert main(["report", *(word for file in files for word in ("-f", file))]) == 1
    assert not list(Path().glob("*.html"))
    return capsys.readouterr().err.removeprefix("error: ")


def made(page: str = "digits.html") -> Read:
    return Read.of(Path(page).read_text(encoding="utf-8"))


def test_the_page_of_a_list_has_the_sweeps_name(capsys: pytest.CaptureFixture[str]) -> None:
    sweep, records = sweep_of_forty(12)
    Path("all.json").write_text(listed(sweep, *records))
    assert main(["report", "-f", "all.json"]) == 0
    assert capsys.readouterr().out == "digits.html: 12 runs of digits\n"
    assert len(made().rows) == 12


def test_the_sweep_and_its_runs_may_be_in_files_of_their_own() -> None:
    sweep, records = sweep_of_forty(12)
    Path("sweep.yaml").write_text(yaml.safe_dump(sweep))
    bare = [{key: value for key, value in each.items() if key != "kind"} for each in records]
    Path("runs.json").write_text(listed(*bare, kind="SweepRunList"))
    assert main(["report", "-f", "sweep.yaml", "-f", "runs.json", "--output", "page.html"]) == 0
    assert len(made("page.html").rows) == 12


def test_documents_may_follow_each_other() -> None:
    sweep, records = sweep_of_forty(3)
    Path("all.yaml").write_text(yaml.safe_dump_all([sweep, *records]))
    assert main(["report", "-f", "all.yaml"]) == 0
    assert len(made().rows) == 3


def test_the_page_may_go_to_the_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    sweep, records = sweep_of_forty(3)
    Path("all.json").write_text(listed(sweep, *records))
    assert main(["report", "-f", "all.json", "--output", "-"]) == 0
    assert capfdbinary.readouterr().out.startswith(b"<!doctype html>")
    assert not list(Path().glob("*.html"))


def test_runs_of_other_sweeps_are_left_out() -> None:
    sweep, records = sweep_of_forty(3)
    records[0]["metadata"]["labels"]["sweep-operator.io/sweep-uid"] = "one-of-the-same-name"
    records[1]["metadata"]["labels"] = {}
    records[2]["metadata"] |= {"labels": {}, "namespace": "other"}
    Path("all.json").write_text(listed(sweep, *records))
    assert main(["report", "-f", "all.json"]) == 0
    assert [cell.value for cell in made().column("Run")] == [2]


def test_text_that_no_encoding_has_is_no_error() -> None:
    sweep, records = sweep_of_forty(3)
    sweep["spec"]["metric"]["name"] = "half a \ud800 pair"
    Path("all.json").write_text(listed(sweep, *records))
    assert main(["report", "-f", "all.json"]) == 0
    assert "half a ? pair" in made().head


def test_without_plotly_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    sweep, _ = sweep_of_forty(1)
    Path("sweep.json").write_text(json.dumps(sweep))
    needed = "report needs plotly: pip install 'sweep-operator[report]'\n"
    assert refused(capsys, "sweep.json") == needed


def test_a_file_without_a_sweep_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs.json").write_text(listed(*sweep_of_forty(3)[1]))
    said = refused(capsys, "runs.json")
    assert said == "runs.json: has no Sweep: a page is of one: kubectl get sweep NAME -o json\n"


def test_several_sweeps_are_told_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    sweep, _ = sweep_of_forty(1)
    other = sweep | {"metadata": sweep["metadata"] | {"name": "letters"}}
    Path("all.json").write_text(listed(sweep, other))
    assert "has 2 Sweeps (digits, letters): a page is of one" in refused(capsys, "all.json")


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda s, _: s.pop("spec"), "Sweep digits: has no spec.parameters"),
        (lambda s, _: s["metadata"].pop("name"), "has a Sweep without metadata.name"),
        (lambda s, _: s["status"].update(active="two"), "Sweep digits: status: active"),
        (lambda _, r: r["spec"].pop("number"), "SweepRun digits-1: spec.number"),
        (lambda _, r: r["status"].update(phase="Done"), "SweepRun digits-1: status.phase"),
        (lambda _, r: r["status"].update(startTime=7), "SweepRun digits-1: status.startTime"),
    ],
)
def test_what_no_api_server_gives_is_told_by_object_and_field(
    break_it: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep, (record,) = sweep_of_forty(1)
    break_it(sweep, record)
    Path("all.json").write_text(listed(sweep, record))
    assert said in refused(capsys, "all.json")


def test_a_file_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "none.json") == "none.json: No such file or directory\n"


def test_a_page_that_can_not_be_written_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    sweep, records = sweep_of_forty(1)
    Path("all.json").write_text(listed(sweep, *records))
    assert main(["report", "-f", "all.json", "--output", "none/page.html"]) == 1
    assert capsys.readouterr().err == "error: none/page.html: No such file or directory\n"
