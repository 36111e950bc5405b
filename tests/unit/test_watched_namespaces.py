"""An operator that watches some namespaces alone asks of no other; none can hold up another."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Any

import pytest
from tests.fakes.apiserver import ApiServer, Call, Fault
from tests.fakes.virtual import run
from tests.fakes.world import sweep

from sweep_operator.effects.api import ApiError
from sweep_operator.handlers.controller import Controller, Identity
from sweep_operator.handlers.discovery import sweeps_served
from sweep_operator.handlers.main import _names, settings

FORBIDDEN = ApiError(403, "Forbidden", "no Role there")


def forbid(server: ApiServer, namespace: str, plural: str = "") -> Fault:
    def hits(call: Call) -> bool:
        return call.namespace == namespace and plural in ("", call.plural)

    fault = Fault(hits, lambda: FORBIDDEN, times=None)
    server.faults.append(fault)
    return fault


Scenario = Callable[[ApiServer, Controller], Awaitable[None]]


def operate(scenario: Scenario, *namespaces: str, prepare: Callable[[ApiServer], Any]) -> None:
    async def main() -> None:
        server = ApiServer()
        for namespace in ("lab", "shop"):
            manifest = sweep()
            manifest["metadata"]["namespace"] = namespace
            server.put("sweeps", manifest)
        prepare(server)
        controller = Controller(server, server, Identity("o", "system"), namespaces=namespaces)
        work = asyncio.create_task(controller.run())
        for thing in server.of("sweeps"):
            if thing["metadata"]["namespace"] in namespaces:
                controller.cache.put_sweep(thing)
        await scenario(server, controller)
        work.cancel()
        await asyncio.wait([work])

    run(main())


def nothing(_: ApiServer) -> None:
    """Prepare nothing."""


def made(server: ApiServer) -> set[str]:
    return {namespace for plural, namespace, _ in server.made if plural == "jobs"}


def test_it_runs_the_sweeps_of_each_watched_namespace_and_asks_of_no_other() -> None:
    async def scenario(server: ApiServer, controller: Controller) -> None:
        await asyncio.sleep(30)
        assert made(server) == {"lab", "shop"}
        assert {call.namespace for call in server.calls} == {"lab", "shop", "system"}
        assert controller.ready

    operate(scenario, "lab", "shop", prepare=nothing)


def test_a_namespace_whose_rights_are_gone_holds_up_no_other_and_goes_on_when_they_are_back() -> (
    None
):
    faults: list[Fault] = []

    async def scenario(server: ApiServer, controller: Controller) -> None:
        await asyncio.sleep(300)
        assert made(server) == {"lab"}
        assert controller.ready
        assert not controller.ailment
        assert not controller.must_list("lab")
        assert controller.must_list("shop")
        server.faults.remove(faults[0])
        await asyncio.sleep(30)
        assert made(server) == {"lab", "shop"}
        assert not controller.must_list("shop")

    operate(scenario, "lab", "shop", prepare=lambda server: faults.append(forbid(server, "shop")))


@pytest.mark.parametrize("plural", ["sweepruns", "jobs", "pods"])
def test_nothing_is_made_or_judged_where_not_all_is_known(plural: str) -> None:
    """A Job that can't be seen isn't gone."""

    async def scenario(server: ApiServer, _: Controller) -> None:
        await asyncio.sleep(300)
        assert {plural for plural, _, _ in server.made} == {"leases"}
        assert not [call for call in server.calls if call.method == "PATCH"]

    operate(scenario, "lab", prepare=lambda server: forbid(server, "lab", plural))


def test_a_namespace_that_it_does_not_watch_is_not_waited_for() -> None:
    async def scenario(_: ApiServer, controller: Controller) -> None:
        assert controller.must_list("lab")
        assert not controller.must_list("elsewhere")

    operate(scenario, "lab", prepare=nothing)


def test_kopf_looks_at_no_crds_and_never_gives_up_a_namespace() -> None:
    found = settings(["lab"])
    assert found.scanning.disabled
    backoffs = found.networking.error_backoffs
    assert not isinstance(backoffs, int | float)
    assert sum(1 for _ in islice(backoffs, 1000)) == 1000
    assert not settings().scanning.disabled


def test_names_are_read_with_commas_between_them() -> None:
    assert _names("lab,team-2") == ("lab", "team-2")
    with pytest.raises(argparse.ArgumentTypeError, match="'Lab' is no namespace's name"):
        _names("team-2,Lab")


class Discovery(ApiServer):
    """What an API server says that it serves, from a CRD's creation on."""

    answers: int = 0

    async def get(self, path: str, **params: str) -> dict[str, Any]:
        self.answers += 1
        if path == "/apis":
            names = ["apps", "sweep-operator.io"] if self.answers > 2 else ["apps"]
            return {"groups": [{"name": name} for name in names]}
        if self.answers < 5:
            raise ApiError(404, "NotFound", "")
        names = ["sweepruns", "sweeps"] if self.answers > 6 else ["sweepruns"]
        return {"resources": [{"name": name} for name in names]}


def test_it_waits_until_sweeps_are_served() -> None:
    server, pauses = Discovery(), []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    run(sweeps_served(server, pause))
    assert server.answers == 8
    assert len(pauses) == 3
