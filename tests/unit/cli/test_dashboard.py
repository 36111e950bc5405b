"""`kubectl sweep dashboard`: optuna-dashboard's own answers are what the records say."""

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from tests.fakes.hostile import hostile
from tests.fakes.sweep_of_forty import sweep_of_forty
from tests.fakes.watched_server import WatchedServer, watched_server
from tests.unit.cli.api_server import named
from tests.unit.cli.dashboard_page import STUDY, Opened, Page, counted, until

from sweep_operator.cli import serving
from sweep_operator.cli.main import main
from sweep_operator.cli.serving import Server
from sweep_operator.report.study import READ_ONLY, SweepStudy


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[WatchedServer]:
    with watched_server() as found:
        named(tmp_path / "config", found.url)
        yield found


@pytest.fixture
def opened(cluster: WatchedServer, tmp_path: Path) -> Iterator[Opened]:
    made, records = sweep_of_forty(12)
    cluster.put(made, *records)
    found = Opened("lab/digits", tmp_path / "config", tmp_path / "errors")
    yield found
    found.kill()


@pytest.fixture
def study() -> SweepStudy:
    made, records = sweep_of_forty(12)
    found = SweepStudy(made)
    found.replace(records)
    return found


@pytest.fixture
def page(study: SweepStudy) -> Iterator[Page]:
    with Server(0, study) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield Page(server.url)
        server.shutdown()


def test_it_follows_the_sweep_until_it_is_interrupted(
    opened: Opened, cluster: WatchedServer
) -> None:
    made, records = sweep_of_forty(12)
    assert opened.printed.startswith("lab/digits: http://127.0.0.1:")
    found = opened.get(STUDY)
    values = {trial["number"]: trial.get("values", [None])[0] for trial in found["trials"]}
    assert values == {each["spec"]["number"]: counted(each) for each in records}
    assert found["objective_names"] == ["accuracy"]
    (last,) = (each for each in records if each["status"]["phase"] == "Pending")
    assert opened.states()[12] == "Waiting"

    cluster.put(last | {"status": {"phase": "Running", "startTime": "2026-01-01T00:00:00Z"}})
    cluster.put(made | {"status": made["status"] | {"phase": "Paused"}})
    until(lambda: opened.states()[12] == "Running")
    until(lambda: opened.news()["status"] == "Paused")
    cluster.drop(last)
    until(lambda: 12 not in opened.states())

    assert opened.interrupt() == 130
    assert not opened.errors.read_text()


def test_a_sweep_that_is_not_there_is_told(
    cluster: WatchedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(tmp_path / "config")
    assert main(["dashboard", "lab/digit", "--port", "0", "--kubeconfig", config]) == 1
    assert capsys.readouterr().err == "error: there is no sweep digit in namespace lab\n"


def test_a_port_that_is_taken_is_told(
    cluster: WatchedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.put(sweep_of_forty(1)[0])
    config = str(tmp_path / "config")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        command = ["dashboard", "lab/digits", "--port", str(port), "--kubeconfig", config]
        assert main(command) == 1
    said = f"error: port {port} can't be had (Address already in use): name another by --port"
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_what_is_no_port_is_told(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["dashboard", "lab/digits", f"--port={port}"])
    assert f"'{port}' is no port: write 0 to 65535" in capsys.readouterr().err


def test_without_optuna_dashboard_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    assert main(["dashboard", "lab/digits"]) == 1
    needed = "dashboard needs optuna-dashboard: pip install 'sweep-operator[dashboard]'"
    assert capsys.readouterr().err == f"error: {needed}\n"


def test_it_listens_on_this_machine_alone(page: Page, study: SweepStudy) -> None:
    with Server(0, study) as server:
        assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost", 200),
        ("localhost:9999", 200),
        ("[::1]:8080", 200),
        ("attacker.example", 403),
        ("attacker.example:8080", 403),
        ("localhost.attacker.example", 403),
        ("127.0.0.1.attacker.example:8080", 403),
        ("", 403),
    ],
)
def test_a_page_of_another_site_whose_name_leads_here_reads_nothing(
    page: Page, host: str, status: int
) -> None:
    found, _, body = page.ask(STUDY, host=host)
    assert found == status
    assert (b"learning_rate" in body) == (status == 200)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", STUDY),
        ("POST", "/api/studies"),
        ("POST", f"{STUDY}/rename"),
        ("PUT", f"{STUDY}/note"),
        ("PUT", f"{STUDY}/1/note"),
        ("POST", "/api/trials/11/tell"),
        ("POST", "/api/trials/11/user-attrs"),
        ("POST", f"{STUDY}/preference"),
        ("POST", "/api/artifacts/1"),
        ("DELETE", "/dashboard"),
    ],
)
def test_what_the_page_offers_to_write_is_refused_with_a_reason(
    page: Page, method: str, path: str
) -> None:
    before = page.get(STUDY)
    status, _, body = page.ask(path, method, state="Fail", version=2, body="mine")
    assert (status, json.loads(body)) == (403, {"reason": READ_ONLY})
    assert page.get(STUDY) == before


def test_the_first_page_is_the_sweeps(page: Page) -> None:
    status, headers, _ = page.ask("/")
    assert (status, headers["Location"]) == (302, "/dashboard/studies/1")
    status, headers, body = page.ask("/dashboard/studies/1")
    assert (status, int(headers["Content-Length"])) == (200, len(body))
    assert b'<script src="/sweep.js"></script></head>' in body
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    status, headers, body = page.ask("/sweep.js")
    assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert serving.TAKEN_BACK.encode() in body


def test_plots_are_drawn_by_the_browser(page: Page) -> None:
    assert page.get("/api/meta")["plotlypy_is_available"] is False
    status, _, _ = page.ask(f"{STUDY}/plot/contour")
    assert status == 403


def test_a_run_that_is_run_again_is_told_with_the_answer_that_has_it(
    page: Page, study: SweepStudy
) -> None:
    _, records = sweep_of_forty(12)
    failed = next(each for each in records if each["status"]["phase"] == "Failed")
    number = failed["spec"]["number"]
    _, headers, _ = page.ask(STUDY)
    assert headers[serving.TAKEN_BACK] == "0"
    study.put(failed | {"status": {"phase": "Pending"}})
    _, headers, body = page.ask(STUDY)
    assert headers[serving.TAKEN_BACK] == "1"
    states = {trial["number"]: trial["state"] for trial in json.loads(body)["trials"]}
    assert states[number] == "Waiting"


def test_importances_are_those_of_the_runs_that_have_a_value(page: Page) -> None:
    ((first, *_),) = page.get(f"{STUDY}/param_importances")["param_importances"]
    assert 0 < first["importance"] <= 1


def test_runs_may_be_taken_along_as_csv(page: Page) -> None:
    _, _, body = page.ask("/csv/1")
    head, *rows = body.decode().splitlines()
    assert head.startswith("Number,State,accuracy,Param augment")
    assert len(rows) == 12


def test_text_of_any_kind_is_answered_as_json_that_says_the_same() -> None:
    """What a browser makes of it is tests/browser's."""
    texts = hostile(300)
    made, records = sweep_of_forty(40)
    for record, text in zip(records, texts[260:], strict=True):
        record["spec"]["parameters"] = {"kind": text, "o": {text: 1}}
        record["status"] |= {"message": text, "metrics": {text: 1.5}}
    found = SweepStudy(made)
    found.replace(records)
    with Server(0, found) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        page = Page(server.url)
        for path in (STUDY, "/api/studies", "/api/meta"):
            status, headers, body = page.ask(path)
            assert status == 200
            assert headers["Content-Type"].startswith("application/json")
            assert json.loads(body)
        server.shutdown()
