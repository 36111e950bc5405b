"""Whatever is sent to the service for reports, it answers no 5xx and takes the next report."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, TypeVar

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.fuzz.strategies import texts, values
from tests.fuzz.test_reported import bodies
from tests.unit.test_reporting import Service, service

from sweep_operator.handlers.reports import MAX_BODY, PATH

T = TypeVar("T")

GOOD: Final = "Bearer good:a-1-1-pod"

ENCODINGS: Final = ["", "gzip", "deflate", "br", "identity", "zstd", "nothing", "gzip, gzip"]

headers = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)


class Running:
    """A service, and the event loop that it runs on."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._made = service()
        self.service: Service = self._runner.run(self._made.__aenter__())

    def do(self, act: Callable[[Service], Awaitable[T]]) -> T:
        async def main() -> T:
            return await act(self.service)

        return self._runner.run(main())

    def close(self) -> None:
        self._runner.run(self._made.__aexit__(None, None, None))
        self._runner.close()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    found = Running()
    yield found
    found.close()


async def answered(service: Service, body: bytes, **sent: str) -> tuple[int, Any]:
    """Send something, and tell the answer: JSON, or a text where it was no HTTP to aiohttp."""
    async with service.client.post(PATH, data=body, headers=sent) as answer:
        is_ours = answer.content_type == "application/json"
        return answer.status, await answer.json() if is_ours else {"error": await answer.text()}


@settings(suppress_health_check=list(HealthCheck))
@given(body=bodies(), kind=headers, encoding=st.sampled_from(ENCODINGS))
@example(body=b"\x1f\x8b", kind="application/json", encoding="gzip")
@example(body=b"{}", kind="application/json; charset=nothing", encoding="")
@example(body=b"[" * MAX_BODY, kind="text/plain", encoding="")
@example(body=b"1" * (MAX_BODY + 1), kind="text/plain", encoding="")
@example(body=b'{"metrics": {"a": ' + b"9" * 200_000 + b"}}", kind="", encoding="")
def test_any_body_is_taken_or_refused_in_a_sentence(
    running: Running, body: bytes, kind: str, encoding: str
) -> None:
    sent = {"Authorization": GOOD, "Content-Type": kind or "a/b", "Content-Encoding": encoding}
    status, answer = running.do(
        lambda service: answered(service, body, **{key: each for key, each in sent.items() if each})
    )
    assert status == 200 or 400 <= status < 500, answer
    assert status == 200 or set(answer) == {"error"}


@settings(suppress_health_check=list(HealthCheck))
@given(token=st.one_of(headers, headers.map("Bearer {}".format), st.just("Bearer good:a")))
def test_any_token_but_that_of_a_runs_pod_is_refused(running: Running, token: str) -> None:
    async def send(service: Service) -> tuple[int, Any]:
        return await answered(service, b'{"metrics": {"loss": 1}}', Authorization=token)

    status, answer = running.do(send)
    assert status in (400, 401, 403)
    assert set(answer) == {"error"}


REQUESTS = st.lists(
    st.sampled_from(
        [b"POST ", b"GET ", b"PRI * HTTP/2.0", b"/v1/reports", b"/", b"*", b"http://x/",
        b" HTTP/1.1",
         b" HTTP/9.9", b"\r\n", b"\n", b"\r", b"Host: x", b"Content-Length: 9",
         b"Content-Length: -1",
         b"Content-Length: 9, 8", b"Transfer-Encoding: chunked", b"Transfer-Encoding: x", b"9\r\n",
         b"ffffffffffffffff\r\n", b"0\r\n\r\n", b"Authorization: " + GOOD.encode(), b": ", b"\x00",
         b"\xff", b"a" * 9000, b"Connection: Upgrade", b"Upgrade: h2c", b"Expect: 100-continue",
         b"Expect: x", b"{}", b"%", b"?", b"#"]
    ),
    max_size=14,
).map(b"".join)  # fmt: skip


@settings(suppress_health_check=list(HealthCheck))
@given(noise=st.one_of(REQUESTS, REQUESTS.map(lambda rest: b"POST /v1/reports HTTP/1.1\r\n" + rest),
                       st.binary(max_size=40)))  # fmt: skip
def test_any_noise_is_no_failure_of_the_server(running: Running, noise: bytes) -> None:
    async def send(service: Service) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.client.port)
        writer.write(noise + b"\r\n\r\n")
        writer.write_eof()
        heard = await reader.read()
        writer.close()
        return heard

    for line in running.do(send).split(b"\r\n"):
        assert not line.startswith((b"HTTP/1.1 5", b"HTTP/1.0 5")), line


@settings(suppress_health_check=list(HealthCheck))
@given(path=texts(), body=values())
def test_elsewhere_there_is_nothing(running: Running, path: str, body: Any) -> None:
    async def send(service: Service) -> int:
        where = service.client.make_url("/x").with_path("/x" + path)
        async with service.client.session.post(where, data=json.dumps(body).encode()) as answer:
            return answer.status

    assert running.do(send) == 404


def test_after_all_that_a_report_is_taken(running: Running) -> None:
    sent = b'{"metrics": {"loss": 0.25}, "final": true}'
    status, answer = running.do(
        lambda service: answered(service, sent, Authorization=GOOD.replace("a-1-1", "a-2-1"))
    )
    assert (status, answer) == (200, {"stop": False})
