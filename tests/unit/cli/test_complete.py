"""Completion: what a line may go on with, in a shell and in kubectl."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.cli.api_server import SWEEPS, Server, status, sweep

OPERATOR = Path(__file__).parents[3] / "operator"


def answered(*words: str) -> list[str]:
    """What kubectl is told: in a process of its own, since argcomplete takes file descriptors."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from sweep_operator.cli.complete import kubectl; kubectl()",
            *words,
        ],
        env=os.environ | {"PYTHONPATH": str(OPERATOR)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    *found, last = done.stdout.splitlines()
    assert last == ":4", "no files, in kubectl's own protocol"
    return found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["pa"], ["pause"]),
        (["runs", "s", "--status", "F"], ["Finished", "Failed"]),
        (["runs", "s", "--so"], ["--sort"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
    ],
)
def test_commands_flags_and_values_are_completed(words: list[str], found: list[str]) -> None:
    assert answered(*words) == found


def test_sweeps_are_completed_by_their_names(server: Server) -> None:
    server.answers["GET", SWEEPS] = 200, {"items": [sweep("a"), sweep("ab")], "metadata": {}}
    assert answered("pause", "") == ["a", "ab"]
    assert answered("pause", "ml/ab") == ["ml/ab"]


def test_namespaces_are_completed_by_their_names(server: Server) -> None:
    items = [{"metadata": {"name": name}} for name in ("ml", "vision")]
    server.answers["GET", "/api/v1/namespaces"] = 200, {"items": items, "metadata": {}}
    assert answered("list", "-n", "v") == ["vision"]


def test_a_cluster_that_does_not_answer_completes_nothing(server: Server) -> None:
    server.answers["GET", SWEEPS] = status(403, "Forbidden", "no")
    assert answered("pause", "") == []


def test_bash_completes_sweep(tmp_path: Path) -> None:
    program = tmp_path / "sweep"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m sweep_operator.cli.main "$@"\n')
    program.chmod(0o755)
    script = """
        source <(sweep completion bash)
        COMP_LINE="sweep pau"; COMP_POINT=9; COMP_TYPE=9; COMP_WORDS=(sweep pau); COMP_CWORD=1
        $(complete -p sweep | sed 's/.*-F \\([^ ]*\\).*/\\1/') sweep pau sweep
        echo "${COMPREPLY[0]}"
    """
    paths = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(OPERATOR)}
    done = subprocess.run(
        ["bash", "-c", script], env=os.environ | paths, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "pause"
