"""docs/cli/*.md: what a page shows is what its commands print, but for times.

CLI_PAGES=record (`make docs-cli`) writes what they print into the pages instead.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli_pages.pages import FOLDER, played
from tests.cli_pages.stage import NAMESPACE, ClusterStage, faces
from tests.e2e.kube import Kube
from tests.e2e.sweeps import is_now

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

RECORD = os.environ.get("CLI_PAGES") == "record"


def scenes(page: Path) -> list[str]:
    """Pages with the same scenes one after the other: those that only look share them."""
    return [*re.findall(r"^<!-- digits: (\w+) -->$", page.read_text(), re.MULTILINE), page.stem]


PAGES = sorted(FOLDER.glob("*.md"), key=scenes)


@pytest.fixture(scope="module")
def cluster_stage(
    cluster: Kube, kind_cluster: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterStage]:
    cluster.run("delete", "namespace", NAMESPACE, "--ignore-not-found")
    cluster.run("create", "namespace", NAMESPACE)
    kube = cluster.within(NAMESPACE)
    kube.apply(faces())
    kube.until("sweep", "faces", is_now("Paused"))
    configuration = tmp_path_factory.mktemp("kubectl") / "config"
    yield ClusterStage(kube, Path(kind_cluster.kubectl_path), configuration)
    cluster.run("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture
def stage(cluster_stage: ClusterStage, tmp_path: Path) -> ClusterStage:
    cluster_stage.begin(tmp_path)
    return cluster_stage


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_shows_what_its_commands_print(stage: ClusterStage, page: Path) -> None:
    shown = page.read_text()
    printed = played(shown, stage)
    if RECORD:
        page.write_text(printed)
    else:
        assert printed == shown
