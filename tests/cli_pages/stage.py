"""What pages speak of: a namespace `ml` on a real cluster, with the sweeps `digits` and `faces`.

`digits` is that of examples/digits, whose program here only pretends: its accuracy is a formula of
its parameters, so that it is the same each time and needs seconds.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from tests.cli_pages.pages import ROOT
from tests.cli_pages.terminal import Terminal
from tests.e2e.kube import Json, Kube
from tests.e2e.sweeps import IMAGE, finished, is_now, main_of, pod_of, runs

NAMESPACE: Final = "ml"

PROGRAM: Final = """\
fits() {
  awk -v lr=${param:learning_rate} -v n=${param:hidden} -v epoch=$1 'BEGIN {
    off = lr < 0.006 ? 1 - lr / 0.006 : 1 - 0.006 / lr
    printf "%.4f", (0.992 - 0.8 / n - 0.2 * off * off) * (1 - 0.1 / epoch / epoch)
  }'
}
echo "hidden ${param:hidden}, learning_rate ${param:learning_rate}"
for epoch in 1 2 3; do echo "epoch $epoch: accuracy $(fits $epoch)"; done
sleep 1
case $SWEEP_RUN_NUMBER-$SWEEP_ATTEMPT in
  5-1|11-1) echo "the data's server doesn't answer"; exit 3 ;;
esac
[ $SWEEP_RUN_NUMBER -lt ${HOLD_FROM:-99} ] || sleep 3600
echo "{\\"accuracy\\": $(fits 3)}" > /dev/termination-log
"""
"""Runs 5 and 11 fail, each once; from HOLD_FROM on they go on and on."""

HELD_FROM: Final = 7


def digits(**environment: Any) -> Json:
    """The Sweep `digits`, with variables for its program."""
    found: Json = yaml.safe_load((ROOT / "examples/digits/sweep.yaml").read_text())
    main_of(found).update(
        image=IMAGE,
        command=["sh", "-c", PROGRAM],
        env=[{"name": name, "value": str(value)} for name, value in environment.items()],
        resources={"requests": {"cpu": "10m", "memory": "16Mi"}},
    )
    pod_of(found)["securityContext"]["runAsUser"] = 65532
    return found


def faces() -> Json:
    """A Sweep beside it, which has been paused from its beginning."""
    found = digits()
    found["metadata"] = {"name": "faces", "labels": {"team": "vision"}}
    found["spec"] |= {"method": "bayes", "runCap": 50, "parallelism": 5, "state": "Paused"}
    return found


def _held(sweep: Json) -> bool:
    """Whether all that comes to an end has ended, and the others run."""
    counts = runs(sweep)
    ended: int = counts.get("finished", 0) + counts.get("failed", 0)
    return ended == HELD_FROM - 1 and bool(counts["running"] == sweep["spec"]["parallelism"])


@dataclass(frozen=True)
class Scene:
    """A state of `digits`."""

    ready: Callable[[Json], bool]
    """Whether it is as it should be."""
    environment: Mapping[str, int] = field(default_factory=dict)
    """Its program's."""
    state: str = ""
    """What it is edited to then."""


SCENES: Final[Mapping[str, Scene | None]] = {
    "absent": None,
    "created": Scene(lambda _: True),
    "running": Scene(_held, {"HOLD_FROM": HELD_FROM}),
    "paused": Scene(_held, {"HOLD_FROM": HELD_FROM}, "Paused"),
    "finished": Scene(finished),
}
"""By the name that pages use: <!-- digits: running -->."""


class ClusterStage:
    """The stage of the pages' commands.

    Args:
        kube: the cluster, seen from the namespace, in which there is `faces`.
        kubectl: the program, which finds kubectl-sweep beside this Python.
        configuration: where to write a kubeconfig with that namespace.
    """

    def __init__(self, kube: Kube, kubectl: Path, configuration: Path) -> None:
        self._kube = kube
        self._left: Sequence[str] = ()
        configuration.write_text(Path(kube.environment["KUBECONFIG"]).read_text())
        self._environment = os.environ | {
            "KUBECONFIG": str(configuration),
            "NO_COLOR": "1",
            "PATH": f"{kubectl.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "operator"),
        }
        self.begin(configuration.parent)
        self.run(f"kubectl config set-context --current --namespace={kube.namespace}", (), 0)

    def begin(self, folder: Path) -> None:
        """Begin a page in a folder, with nothing in it but `digits.yaml`."""
        self._folder = folder
        self._terminal = Terminal(folder, self._environment)
        self.write("digits.yaml", yaml.safe_dump(digits(), sort_keys=False))

    def set(self, scene: str) -> None:
        """Have `digits` in a state; if it was left in it, nothing is to be done."""
        if self._left == (now := [scene, *self._versions()]):
            return
        others = ("--field-selector=metadata.name!=faces", "--cascade=foreground")
        self._kube.run("delete", "sweep", *others)
        if wanted := SCENES[scene]:
            self._kube.apply(digits(**wanted.environment))
            self._kube.until("sweep", "digits", wanted.ready)
            if wanted.state:
                self._kube.edit("digits", state=wanted.state)
                self._kube.until("sweep", "digits", is_now(wanted.state))
        now[1:] = self._versions()
        self._left = now

    def write(self, file: str, text: str) -> None:
        """Have a file where commands are given."""
        (self._folder / file).write_text(text)

    def run(self, command: str, typed: Sequence[str], lines: int) -> str:
        """What a terminal shows of a command."""
        return self._terminal.run(command, typed, lines)

    def _versions(self) -> list[str]:
        return [each["metadata"]["resourceVersion"] for each in self._kube.all("sweep")]
