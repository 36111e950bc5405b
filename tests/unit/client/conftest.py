"""A server for reports, and runs that report to it without waiting long."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.client.service import TOKEN, Service, serving

from sweep_run.client import Run
from sweep_run.sender import Timing
from sweep_run.surroundings import read

QUICK = Timing(interval=0.01, first_wait=0.005, longest_wait=0.02, request=20.0)

MakeRun = Callable[..., Run]


@pytest.fixture
def closed_service(tmp_path: Path) -> Service:
    """What a server will know, where nothing listens yet."""
    service = Service(tmp_path)
    service.token_file.write_text(TOKEN + "\n")
    (tmp_path / "termination-log").touch()
    return service


@pytest.fixture
def service(closed_service: Service) -> Iterator[Service]:
    with serving(closed_service) as service:
        yield service


@pytest.fixture
def make_run(closed_service: Service) -> Iterator[MakeRun]:
    """Makes runs in the surroundings that the service gives."""
    runs: list[Run] = []

    def make(timing: Timing = QUICK, **env: str) -> Run:
        runs.append(Run(read(closed_service.env | env), timing=timing))
        return runs[-1]

    yield make
    for run in runs:  # its thread would go on trying
        if hasattr(run._outlet, "over"):
            run._outlet.over = True
            run.flush(0)


@pytest.fixture
def run(service: Service, make_run: MakeRun) -> Run:
    assert service.url
    return make_run()
