"""What takes long to import is imported by no command that can do without it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.cli.api_server import SWEEPS, Server, sweep

OPERATOR = Path(__file__).parents[3] / "operator"

PROGRAM = """
import sys
from importlib import import_module
module, function, *sys.argv[1:] = sys.argv[1:]
try:
    getattr(import_module(module), function)()
except SystemExit:
    pass
print(*sys.modules, file=sys.stderr)
"""

MAIN = ("sweep_operator.cli.main", "main")
COMPLETION = ("sweep_operator.cli.complete", "kubectl")

SLOW = {"kubernetes", "kopf", "aiohttp", "numpy", "optuna", "pydantic", "plotly", "pyarrow"}


def imported(*words: str) -> set[str]:
    """What has been imported once a command has ended."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env=os.environ | {"PYTHONPATH": str(OPERATOR)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    modules = done.stderr.splitlines()[-1].split()
    assert words[0] in modules
    return set(modules)


@pytest.mark.parametrize(
    "words", [(*MAIN, "--help"), (*MAIN, "runs", "--help"), (*COMPLETION, "runs", "s", "--so")]
)
def test_help_and_flags_need_no_client_and_no_yaml(words: tuple[str, ...]) -> None:
    assert not imported(*words) & {*SLOW, "urllib3", "yaml"}


@pytest.mark.parametrize(
    "words", [("list",), ("status", "s"), ("runs", "s"), ("export", "s"), ("pause", "s")]
)
def test_commands_need_neither_models_nor_the_kubernetes_package(
    words: tuple[str, ...], server: Server
) -> None:
    for method in ("GET", "PATCH"):
        server.answers[method, f"{SWEEPS}/s"] = 200, sweep("s")
    server.answers["GET", SWEEPS] = 200, {"items": [sweep("s")]}
    server.answers["GET", SWEEPS.replace("sweeps", "sweepruns")] = 200, {"items": []}
    assert not imported(*MAIN, *words) & SLOW
