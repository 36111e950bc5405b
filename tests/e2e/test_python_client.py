"""docs/python.md, as it stands there."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tests.e2e.kube import Kube
from tests.e2e.sweeps import sweep

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PAGE: Final = Path(__file__).parents[2] / "docs/python.md"

SCRIPT: Final = """
[ "$SWEEP_ATTEMPT" = 1 ] && [ ${param:x} = 4 ] && exit 1
sleep 2
echo "{\\"loss\\": ${param:x}}" > /dev/termination-log
"""


def test_the_page_about_python_does_what_it_says(
    kube: Kube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = {"x": {"values": [3, 4, 1, 2]}}
    manifest = sweep("digits", parameters, SCRIPT, metric={"name": "loss"}, parallelism=2)
    manifest["metadata"]["namespace"] = kube.namespace
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(manifest))
    monkeypatch.chdir(tmp_path)
    config = yaml.safe_load(Path(kube.environment["KUBECONFIG"]).read_text())
    config["contexts"][0]["context"]["namespace"] = kube.namespace
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))

    first, later = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    scope: dict[str, Any] = {}
    exec(first, scope)
    assert scope["sweep"].phase == "Finished"
    assert scope["sweep"].status["best"]["parameters"] == {"x": 1}
    frame = scope["frame"].set_index("number")
    assert dict(frame["params_x"]) == {1: 3, 2: 4, 3: 1, 4: 2}
    assert dict(frame["status"]) == {1: "Finished", 2: "Failed", 3: "Finished", 4: "Finished"}
    assert dict(frame["value"].dropna()) == {1: 3, 3: 1, 4: 2}

    exec(later, scope)
    kube.until("sweeprun", "digits-2", lambda run: run["status"]["phase"] == "Finished")
