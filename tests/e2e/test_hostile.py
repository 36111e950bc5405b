"""Hostile strings through a real API server and a real container: they arrive byte for byte."""

import base64
import json
import os
import re
import subprocess
import sys

import pytest
from tests.e2e.kube import Kube
from tests.e2e.sweeps import finished, main_of, sweep
from tests.fakes.hostile import hostile

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SIZE = 60
"""Of one run's list of strings."""

PRINTED = """\
for each in "$@"; do printf %s "$each" | base64 | tr -d '\\n'; echo; done
printf %s "$SWEEP_PARAMETERS" | base64 | tr -d '\\n'; echo
base64 /etc/sweep/parameters.yaml | tr -d '\\n'; echo
eval "set -- $0"; for each in "$@"; do printf %s "$each" | base64 | tr -d '\\n'; echo; done
"""
"""What the program got: its arguments, its environment, its file; $0 is quoted for a shell."""


def test_strings_arrive_byte_for_byte(kube: Kube) -> None:
    texts = [text for text in hostile() if "\0" not in text and len(text) < 600]
    lists = [texts[at : at + SIZE] for at in range(0, len(texts), SIZE)]
    names = [f"p{number}" for number in range(SIZE)]
    for index, some in enumerate(lists):
        parameters = {name: {"value": text} for name, text in zip(names, some, strict=False)}
        made = sweep(f"h{index}", parameters)
        elements = [f"${{param:{name}}}" for name in parameters]
        main_of(made)["command"] = ["sh", "-c", PRINTED, "${args_no_hyphens} ", *elements]
        kube.apply(made)
    for index, some in enumerate(lists):
        kube.until("sweep", f"h{index}", finished, within=300)
        (pod,) = kube.all("pod", f"sweep-operator.io/sweep=h{index}")
        told = kube.run("logs", pod["metadata"]["name"], "--container=main").splitlines()
        got = [base64.b64decode(line).decode() for line in told]
        given = dict(zip(names, some, strict=False))
        assert got[: len(some)] == some
        assert json.loads(got[len(some)]) == json.loads(got[len(some) + 1]) == given
        assert got[len(some) + 2 :] == [f"{name}={given[name]}" for name in sorted(given)]
    shown = _sweep(kube, "runs", "h0", "-o", "wide")
    assert shown.count("\n") == 2
    assert "\x1b" not in shown


def test_hostile_names_are_refused_by_the_api_server(kube: Kube) -> None:
    for text in hostile(200):
        if re.fullmatch("[a-z0-9]([a-z0-9-]*[a-z0-9])?", text):
            continue  # null and yes are names like others
        made = sweep(text, {"x": {"values": [1]}})
        assert kube.refusal("create", "--dry-run=server", "-f", "-", given=json.dumps(made))


def _sweep(kube: Kube, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "sweep_operator.cli.main", *arguments, "-n", kube.namespace],
        env={**os.environ, **kube.environment},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode()
