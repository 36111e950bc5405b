"""Which sweeps a command is about."""

import pytest
from tests.unit.cli.api_server import SWEEPS, Server, status, sweep

from sweep_operator.cli.main import main


def there(server: Server, *names: str) -> None:
    for name in names:
        for method in ("GET", "PATCH", "DELETE"):
            server.answers[method, f"{SWEEPS}/{name}"] = 200, sweep(name)
    server.answers["GET", SWEEPS] = 200, {"items": list(map(sweep, names)), "metadata": {}}


def edited(server: Server) -> list[str]:
    return [path.rpartition("/")[2] for method, path, _ in server.asked if method == "PATCH"]


def test_several_are_edited_by_their_names(server: Server) -> None:
    there(server, "a", "b", "c")
    assert main(["pause", "a", "ml/c"]) == 0
    assert edited(server) == ["a", "c"]


def test_those_with_some_labels_are_edited(server: Server) -> None:
    there(server, "a", "b")
    assert main(["stop", "-l", "team=vision"]) == 0
    assert edited(server) == ["a", "b"]
    assert server.queries[0]["labelSelector"] == ["team=vision"]


def test_one_that_cannot_be_edited_does_not_keep_the_others_from_it(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    there(server, "a", "b")
    cause = {"field": "spec.state", "message": "Forbidden: a stopped sweep doesn't go on"}
    server.answers["PATCH", f"{SWEEPS}/a"] = status(422, "Invalid", "is invalid", causes=[cause])
    assert main(["pause", "a", "b"]) == 1
    said = capsys.readouterr()
    assert said.err == "error: a is Running: a stopped sweep doesn't go on\n"
    assert said.out.startswith("b is running")


def test_several_are_deleted(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    there(server, "a", "b")
    assert main(["delete", "a", "b", "--yes"]) == 0
    assert capsys.readouterr().out == "ml/a is being deleted\nml/b is being deleted\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["pause"], "which sweep? Give its name, or labels by --selector"),
        (["pause", "a", "-l", "x=y"], "which sweeps? Names and --selector don't go together"),
        (["pause", "a/b/c"], "a/b/c names no sweep: it is NAME or NAMESPACE/NAME"),
        (["status", "/a"], "/a names no sweep: it is NAME or NAMESPACE/NAME"),
        (["status", "ml/"], "ml/ names no sweep: it is NAME or NAMESPACE/NAME"),
        (["status", "ml/a", "-n", "nlp"], "ml/a isn't in namespace nlp: leave one of them out"),
        (["pause", "-l", "x=y"], "no sweep in namespace ml has the labels x=y"),
    ],
)
def test_what_names_no_sweep_is_told(
    arguments: list[str], why: str, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["GET", SWEEPS] = 200, {"items": [], "metadata": {}}
    assert main(arguments) == 1
    assert capsys.readouterr().err == f"error: {why}\n"
