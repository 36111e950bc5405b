"""The client of the API server, against a server that says what a test wants."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration

from sweep_operator.effects.api import Api, ApiError, NotSentError, sent_only_if

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Scenario = Callable[[Api], Awaitable[Any]]

UP = "/apis/batch/v1/jobs"


def ask(handler: Handler, scenario: Scenario, timeout: float = 20.0) -> Any:
    """Run a scenario against a server with one handler for all."""

    async def main() -> Any:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", handler)
        async with (
            TestServer(application) as server,
            Api(configuration(str(server.make_url(""))), timeout=timeout) as api,
        ):
            return await scenario(api)

    return asyncio.run(main())


def configuration(host: str) -> Configuration:
    found = Configuration()
    found.host = host
    found.api_key = {"BearerToken": "Bearer secret"}
    return found


def says(status: int, body: str) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    return handler


async def echo(request: web.Request) -> web.Response:
    """Answer with the request."""
    body = await request.text()
    return web.json_response(
        {
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "type": request.headers.get("Content-Type"),
            "authorization": request.headers.get("Authorization"),
            "body": json.loads(body) if body else None,
        }
    )


class TestRequests:
    def test_a_read_has_its_parameters_and_the_token(self) -> None:
        found = ask(echo, lambda api: api.get(UP, labelSelector="a=b", limit="5"))
        assert (found["method"], found["path"]) == ("GET", UP)
        assert found["query"] == {"labelSelector": "a=b", "limit": "5"}
        assert found["authorization"] == "Bearer secret"

    @pytest.mark.parametrize(
        ("name", "method", "kind"),
        [
            ("create", "POST", "application/json"),
            ("replace", "PUT", "application/json"),
            ("patch", "PATCH", "application/merge-patch+json"),
            ("delete", "DELETE", "application/json"),
        ],
    )
    def test_a_write_has_its_method_and_content_type(
        self, name: str, method: str, kind: str
    ) -> None:
        found = ask(echo, lambda api: getattr(api, name)(UP, {"x": 1}))
        assert (found["method"], found["type"]) == (method, kind)
        assert found["body"] == {"x": 1}

    def test_a_field_is_replaced_as_a_whole_and_only_in_the_object_as_it_was_seen(self) -> None:
        found = ask(echo, lambda api: api.replace_in(UP, "/status", {"x": None}, "7"))
        assert found["type"] == "application/json-patch+json"
        assert found["body"] == [
            {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
            {"op": "add", "path": "/status", "value": {"x": None}},
        ]

    def test_outside_its_context_it_is_a_mistake(self) -> None:
        with pytest.raises(RuntimeError, match="context"):
            asyncio.run(Api(configuration("http://localhost")).get(UP))


class TestTelling:
    """Whoever wants to know hears of each request once."""

    def told(self, handler: Handler, scenario: Scenario) -> list[tuple[str, str, int]]:
        heard: list[tuple[str, str, int]] = []

        def answered(method: str, path: str, code: int, seconds: float) -> None:
            assert seconds >= 0.0
            heard.append((method, path, code))

        async def told_scenario(api: Api) -> None:
            api._answered = answered
            await scenario(api)

        with suppress(ApiError):
            ask(handler, told_scenario, timeout=0.5)
        return heard

    def test_of_one_that_is_answered(self) -> None:
        assert self.told(echo, lambda api: api.get(UP)) == [("GET", UP, 200)]
        assert self.told(says(409, ""), lambda api: api.create(UP, {})) == [("POST", UP, 409)]

    def test_of_one_that_is_not(self) -> None:
        async def never(_: web.Request) -> web.Response:
            await asyncio.Event().wait()
            raise AssertionError

        assert self.told(never, lambda api: api.get(UP)) == [("GET", UP, 0)]

    @pytest.mark.parametrize("code", [200, 410])
    def test_of_a_watch_when_it_is_opened(self, code: int) -> None:
        async def watch(api: Api) -> None:
            async for _ in api.watch(UP):
                pass

        assert self.told(says(code, ""), watch) == [("WATCH", UP, code)]


class TestSentOnlyIf:
    def queued(self, arrived: list[str], *, allowed: bool) -> None:
        """Send two requests over one connection; what allows the second may end meanwhile."""

        async def scenario() -> None:
            answers = asyncio.Event()

            async def handler(request: web.Request) -> web.Response:
                arrived.append(request.method)
                await answers.wait()
                return web.json_response({})

            application = web.Application()
            application.router.add_route("*", "/{path:.*}", handler)
            async with (
                TestServer(application) as server,
                Api(configuration(str(server.make_url(""))), connections=1) as narrow,
            ):
                first = asyncio.create_task(narrow.get(UP))
                while not arrived:  # noqa: ASYNC110
                    await asyncio.sleep(0)
                still = True
                with sent_only_if(lambda: still):
                    second = asyncio.create_task(narrow.create(UP, {}))
                    await asyncio.sleep(0)
                still = allowed
                answers.set()
                await first
                await second

        asyncio.run(scenario())

    def test_a_request_that_waited_for_a_connection_is_sent_if_it_is_still_allowed(self) -> None:
        arrived: list[str] = []
        self.queued(arrived, allowed=True)
        assert arrived == ["GET", "POST"]

    def test_a_request_isn_t_sent_once_what_allowed_it_has_ended(self) -> None:
        arrived: list[str] = []
        with pytest.raises(NotSentError):
            self.queued(arrived, allowed=False)
        assert arrived == ["GET"]

    @pytest.mark.parametrize("questions", [1, 2])
    def test_a_request_isn_t_sent_that_was_allowed_a_turn_of_the_loop_ago(
        self, questions: int
    ) -> None:
        # A machine may sleep between the two.
        arrived: list[str] = []
        asked = 0

        def allows() -> bool:
            nonlocal asked
            asked += 1
            return asked < questions

        async def handler(request: web.Request) -> web.Response:
            arrived.append(request.method)
            return web.json_response({})

        async def scenario(api: Api) -> None:
            with pytest.raises(NotSentError), sent_only_if(allows):
                await api.create(UP, {"metadata": {}})
            await api.get(UP)

        ask(handler, scenario)
        assert arrived == ["GET"]


class TestErrors:
    def test_a_refusal_has_the_servers_code_reason_and_words(self) -> None:
        body = json.dumps({"kind": "Status", "reason": "AlreadyExists", "message": "it exists"})
        with pytest.raises(ApiError) as caught:
            ask(says(409, body), lambda api: api.get(UP))
        assert caught.value.code == 409
        assert caught.value.reason == "AlreadyExists"
        assert caught.value.message == "it exists"

    @pytest.mark.parametrize("body", ["<html>bad gateway</html>", "[1]", ""])
    def test_a_refusal_by_somebody_else_is_an_error_too(self, body: str) -> None:
        with pytest.raises(ApiError) as caught:
            ask(says(502, body), lambda api: api.get(UP))
        assert caught.value.code == 502

    @pytest.mark.parametrize("body", ["<html>log in</html>", "{", "[]", ""])
    def test_an_answer_that_is_no_object_is_no_answer(self, body: str) -> None:
        with pytest.raises(ApiError) as caught:
            ask(says(200, body), lambda api: api.get(UP))
        assert caught.value.code == 0

    def test_a_server_that_can_not_be_reached_is_no_answer(self) -> None:
        async def main() -> None:
            async with Api(configuration("http://127.0.0.1:1")) as api:
                await api.get(UP)

        with pytest.raises(ApiError) as caught:
            asyncio.run(main())
        assert caught.value.code == 0
        assert caught.value.message

    def test_a_server_that_takes_too_long_is_no_answer(self) -> None:
        async def never(_: web.Request) -> web.Response:
            await asyncio.Event().wait()
            raise AssertionError

        with pytest.raises(ApiError) as caught:
            ask(never, lambda api: api.get(UP), timeout=0.05)
        assert caught.value.code == 0

    def test_a_connection_that_breaks_is_no_answer(self) -> None:
        async def breaks(request: web.Request) -> web.Response:
            assert request.transport is not None
            request.transport.close()
            return web.Response()

        with pytest.raises(ApiError) as caught:
            ask(breaks, lambda api: api.create(UP, {}))
        assert caught.value.code == 0


class TestWatch:
    @staticmethod
    async def events(api: Api) -> list[dict[str, Any]]:
        return [event async for event in api.watch(UP, resourceVersion="7")]

    @staticmethod
    def streams(*chunks: bytes) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            assert request.query["watch"] == "true"
            assert request.query["resourceVersion"] == "7"
            response = web.StreamResponse()
            await response.prepare(request)
            for chunk in chunks:
                await response.write(chunk)
                await asyncio.sleep(0.01)
            return response

        return handler

    def test_events_come_one_by_one_however_they_are_cut(self) -> None:
        text = b"".join(
            json.dumps({"n": n, "text": "\u00e4" * n}).encode() + b"\n" for n in range(9)
        )
        for size in (7, 40, len(text)):
            chunks = [text[start : start + size] for start in range(0, len(text), size)]
            found = ask(self.streams(*chunks), self.events)
            assert [event["n"] for event in found] == list(range(9))

    def test_an_end_by_the_server_is_an_end(self) -> None:
        assert ask(self.streams(), self.events) == []

    def test_410_is_an_error(self) -> None:
        with pytest.raises(ApiError) as caught:
            ask(says(410, json.dumps({"reason": "Expired"})), self.events)
        assert (caught.value.code, caught.value.reason) == (410, "Expired")

    def test_a_line_that_is_no_json_is_no_answer(self) -> None:
        with pytest.raises(ApiError) as caught:
            ask(self.streams(b"<html>\n"), self.events)
        assert caught.value.code == 0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("", 0.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0), ("-1", 0)],
)
def test_for_how_long_the_server_asks_to_be_left_alone_is_told(header: str, seconds: float) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": header} if header else {})

    async def scenario(api: Api) -> float:
        try:
            await api.get(UP)
        except ApiError as error:
            return error.retry_after
        raise AssertionError

    assert ask(handler, scenario) == seconds
