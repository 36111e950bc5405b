"""What the API server's answers mean to a person, in one sentence each."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.cli.api_server import SWEEPS, Server, named, status, sweep
from tests.unit.cli.test_convert_katib import experiment

from sweep_operator.cli.main import main


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one sentence of a command that fails."""
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error


def test_a_name_that_is_not_there_is_told_with_the_one_that_is_meant(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["GET", f"{SWEEPS}/digit"] = status(404, "NotFound", "not found", name="digit")
    server.answers["GET", SWEEPS] = 200, {"items": [sweep("digits")], "metadata": {}}
    said = told(capsys, "pause", "digit")
    assert "no sweep digit in namespace ml: do you mean digits?" in said


def test_a_cluster_without_the_resource_is_told(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "install sweep-operator first" in told(capsys, "list")


def test_a_lack_of_rights_is_told(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    message = 'sweeps.sweep-operator.io is forbidden: User "eve" cannot list resource'
    server.answers["GET", SWEEPS] = status(403, "Forbidden", message)
    assert f"you may not do that here: {message}" in told(capsys, "list")


def test_an_unknown_user_is_told(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers["GET", SWEEPS] = status(401, "Unauthorized", "Unauthorized")
    assert "log in again" in told(capsys, "list")


def test_a_server_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named(tmp_path / "config", "http://127.0.0.1:9")
    said = told(capsys, "list", "--kubeconfig", str(tmp_path / "config"))
    assert "http://127.0.0.1:9 doesn't answer" in said


@pytest.mark.parametrize("text", ["root:x:0:0", "clusters: 3", "{", "[]"])
def test_a_file_that_is_no_kubeconfig_is_told(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config").write_text(text)
    assert "no cluster to talk to: " in told(
        capsys, "list", "--kubeconfig", str(tmp_path / "config")
    )


def test_a_login_that_does_not_work_is_told(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    login = {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-login"}
    file = tmp_path / "config"
    named(file, server.url, user={"exec": login | {"interactiveMode": "Never"}})
    assert "the kubeconfig's login doesn't work: " in told(capsys, "list")
    assert not server.asked


def test_a_name_is_missed_by_who_may_not_list_too(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["GET", f"{SWEEPS}/digit"] = status(404, "NotFound", "not found", name="digit")
    server.answers["GET", SWEEPS] = status(403, "Forbidden", "may not list")
    assert told(capsys, "status", "digit") == "error: there is no sweep digit in namespace ml\n"


def test_an_operator_that_is_not_there_is_told_and_that_the_edit_is_stored(
    server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweep_operator.client.sweep.ACKNOWLEDGED_WITHIN", 0.01)
    edited = sweep("s")
    edited["metadata"]["generation"] = 2
    for method in ("GET", "PATCH"):
        server.answers[method, f"{SWEEPS}/s"] = 200, edited
    server.answers["GET", SWEEPS] = 200, {"type": "BOOKMARK", "object": {}}  # of the watch
    said = told(capsys, "pause", "s")
    assert "it is stored" in said
    assert "the operator doesn't seem to be running" in said


def test_a_context_that_is_not_there_is_told(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nowhere" in told(capsys, "list", "--context", "nowhere")


def test_a_refused_edit_says_what_state_the_sweep_is_in_and_what_can_be_done(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = sweep("s") | {"status": {"phase": "Stopped", "observedGeneration": 1}}
    server.answers["GET", f"{SWEEPS}/s"] = 200, stopped
    cause = {"field": "spec.state", "message": "Forbidden: a stopped sweep doesn't go on"}
    server.answers["PATCH", f"{SWEEPS}/s"] = status(422, "Invalid", "is invalid", causes=[cause])
    assert told(capsys, "resume", "s") == ("error: s is Stopped: a stopped sweep doesn't go on\n")
    assert server.asked[-1] == ("PATCH", f"{SWEEPS}/s", {"spec": {"state": "Running"}})


def test_an_edit_that_is_acted_upon_is_told_with_what_is_true_now(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    paused = sweep("s")
    paused["status"] |= {"phase": "Paused", "runs": {"running": 3, "pending": 1}}
    for method in ("GET", "PATCH"):
        server.answers[method, f"{SWEEPS}/s"] = 200, paused
    assert main(["pause", "ml/s"]) == 0
    assert capsys.readouterr().out == "s is paused; 3 runs still running, 1 held\n"


def test_a_scale_is_told_with_what_it_comes_to(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    for method in ("GET", "PATCH"):
        server.answers[method, f"{SWEEPS}/s"] = 200, sweep("s")
    assert main(["scale", "s", "--parallelism", "1"]) == 0
    assert capsys.readouterr().out == "s is running; 0 runs active, at most 1 at a time\n"


def test_a_scale_that_is_refused_is_told_as_that_and_not_as_the_sweeps_state(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["GET", f"{SWEEPS}/s"] = 200, sweep("s")
    cause = {"field": "spec.parallelism", "message": "should be less than or equal to 1000"}
    server.answers["PATCH", f"{SWEEPS}/s"] = status(422, "Invalid", "is invalid", causes=[cause])
    said = told(capsys, "scale", "s", "--parallelism", "2000")
    assert said == "error: spec.parallelism: should be less than or equal to 1000\n"


@pytest.mark.parametrize(
    ("counts", "active", "said"),
    [({"running": 3}, 3, "3 runs being killed"), ({"killed": 3}, 0, "3 runs killed")],
)
def test_a_cancelled_sweep_says_what_becomes_of_its_runs(
    server: Server, capsys: pytest.CaptureFixture[str], counts: Any, active: int, said: str
) -> None:
    cancelled = sweep("s")
    cancelled["status"] |= {"phase": "Cancelled", "runs": counts, "active": active}
    for method in ("GET", "PATCH"):
        server.answers[method, f"{SWEEPS}/s"] = 200, cancelled
    assert main(["cancel", "s", "--yes"]) == 0
    assert capsys.readouterr().out == f"s is cancelled; {said}\n"


def test_a_state_that_git_owns_is_warned_of(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    owned = sweep("s")
    fields = {"f:spec": {"f:state": {}}}
    owned["metadata"]["managedFields"] = [{"manager": "argocd-controller", "fieldsV1": fields}]
    for method in ("GET", "PATCH"):
        server.answers[method, f"{SWEEPS}/s"] = 200, owned
    assert main(["pause", "s"]) == 0
    assert "argocd-controller owns spec.state" in capsys.readouterr().err


def test_a_list_of_nothing_says_so_where_no_program_reads_it(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["GET", SWEEPS] = 200, {"items": [], "metadata": {}}
    assert main(["list", "-l", "team=vision"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("", "there are no sweeps in namespace ml with team=vision\n")
    assert main(["list", "-o", "name"]) == 0
    assert capsys.readouterr() == ("", "")


def test_runs_of_which_there_are_none_are_told(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["GET", f"{SWEEPS}/s"] = 200, sweep("s")
    runs = SWEEPS.replace("/sweeps", "/sweepruns")
    server.answers["GET", runs] = 200, {"items": [], "metadata": {}}
    assert main(["runs", "s", "--status", "Failed"]) == 0
    assert capsys.readouterr() == ("", "no run is Failed\n")


def test_a_name_that_list_has_printed_is_taken(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["GET", f"{SWEEPS}/s"] = 200, sweep("s")
    assert main(["status", "sweep.sweep-operator.io/s"]) == 0
    assert "ml/s" in capsys.readouterr().out


def test_a_list_is_read_as_a_whole_since_pages_take_longer(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    many = [sweep(f"s{number}") for number in range(5000)]
    server.answers["GET", SWEEPS] = 200, {"items": many, "metadata": {}}
    assert main(["list", "-o", "name"]) == 0
    assert len(capsys.readouterr().out.split()) == 5000
    assert server.queries == [{}]


@pytest.mark.parametrize("text", ["<html>", '{"items": [{"metadata": {}}'])
def test_what_is_no_list_is_told(
    text: str, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["GET", SWEEPS] = 200, text
    assert f"{SWEEPS} answers with no list: " in told(capsys, "list")


@pytest.mark.parametrize("words", [["status", "s"], ["list"], ["runs", "s"]])
@pytest.mark.parametrize("output", ["json", "yaml"])
def test_managed_fields_are_hidden_as_kubectl_hides_them(
    words: list[str], output: str, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    managed = sweep("s")
    managed["metadata"]["managedFields"] = [{"manager": "kubectl"}]
    owner = {"uid": "u-s", "controller": True}
    record = {
        "metadata": {"ownerReferences": [owner], "managedFields": [{"manager": "kubectl"}]},
        "spec": {"number": 1, "parameters": {}},
    }
    server.answers["GET", f"{SWEEPS}/s"] = 200, managed
    server.answers["GET", SWEEPS] = 200, {"items": [managed]}
    server.answers["GET", SWEEPS.replace("sweeps", "sweepruns")] = 200, {"items": [record]}
    assert main([*words, "-o", output]) == 0
    printed = capsys.readouterr().out
    assert "metadata" in printed
    assert "managedFields" not in printed


def test_a_sweep_file_of_wandbs_is_created_from_the_standard_input_too(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("{method: grid, parameters: {x: {value: 1}}}"))
    server.answers["POST", SWEEPS] = 201, sweep("s")
    assert main(["create", "-", "--image", "train:1", "--name", "s"]) == 0
    assert capsys.readouterr().out == "ml/s\n"
    assert server.asked[-1][2]["spec"]["parameters"] == {"x": {"value": 1}}


def test_an_experiment_of_katibs_is_created_like_any_file(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "experiment.json"
    file.write_text(json.dumps(experiment()))
    server.answers["POST", SWEEPS] = 201, sweep("small")
    assert main(["create", str(file), "--paused", "-n", "ml"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "ml/small\n"
    assert f"{file}: note: " in shown.err
    posted = server.asked[-1][2]
    assert (posted["kind"], posted["spec"]["state"]) == ("Sweep", "Paused")


@pytest.mark.parametrize(("output", "loads"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_records_are_shown_whole_to_programs(
    output: str, loads: Any, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    record = {
        "metadata": {"name": "s-1", "ownerReferences": [{"uid": "u-s", "controller": True}]},
        "spec": {"number": 1, "parameters": {"x": 1e-05, "text": "no", "sizes": [1, None]}},
        "status": {"history": [{"step": 1, "metrics": {"loss": 0.5}}], "message": "a\nü: b"},
    }
    server.answers["GET", f"{SWEEPS}/s"] = 200, sweep("s")
    server.answers["GET", SWEEPS.replace("sweeps", "sweepruns")] = 200, {"items": [record]}
    assert main(["runs", "s", "-o", output]) == 0
    found = loads(capsys.readouterr().out)
    assert found == {"apiVersion": "v1", "kind": "List", "items": [record]}


def test_after_an_interrupt_at_a_terminal_the_next_prompt_has_a_line_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("sweep_operator.cli.watch.run", interrupted)
    assert main(["watch", "s"]) == 130
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["watch", "s"]) == 130
    assert capsys.readouterr().err == "\n"
