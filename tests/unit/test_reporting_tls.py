"""The reporting service on real sockets: over TLS, and with those who send nothing."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from tests.fakes.apiserver import Clock
from tests.fakes.certificates import NAME, authority, issue
from tests.unit.test_reporting import FINAL, Reviewer, running_world, service

from sweep_operator.effects import tokens
from sweep_operator.effects.tokens import BusyError, Tokens
from sweep_operator.handlers.certificates import MAX_CA, CertificateError, Certificates
from sweep_operator.handlers.connections import Connections
from sweep_operator.handlers.controller import Controller
from sweep_operator.handlers.main import serve_anybody
from sweep_operator.handlers.reports import PATH, reports
from sweep_run.endpoint import Endpoint


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    return authority(tmp_path)


@pytest.fixture
def secret(tmp_path: Path, ca: Path) -> Path:
    return issue(tmp_path / "secret", ca)


@asynccontextmanager
async def listening(
    stand_in: SimpleNamespace,
    certificates: Certificates | None,
    connections: Connections | None = None,
) -> AsyncIterator[int]:
    """The service on a port of its own."""
    connections = connections or Connections()
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        controller = cast("Controller", stand_in)
        application = reports(controller, session, certificates, connections)
        yield await serve_anybody(stack, application, 0, connections, certificates, "127.0.0.1")


async def send(port: int, certificates: Certificates | None, **more: Any) -> tuple[int, Any]:
    """Report to it by the service's name, as a program does."""
    headers = {"Authorization": "Bearer good:a-1-1-pod"}
    kind = {"ssl": certificates.client, "server_hostname": NAME} if certificates else {}
    url = f"{'https' if certificates else 'http'}://127.0.0.1:{port}{PATH}"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=FINAL, headers=headers, **{**kind, **more}) as answer,
    ):
        return answer.status, await answer.json()


def test_a_report_over_tls_is_stored(secret: Path) -> None:
    async def main() -> None:
        certificates = Certificates(secret, NAME)
        async with service() as found, listening(found.stand_in, certificates) as port:
            assert await send(port, certificates) == (200, {"stop": False})
            assert found.status()["value"] == 0.5

    asyncio.run(main())


def test_a_client_that_knows_another_authority_or_name_sends_nothing(
    secret: Path, tmp_path: Path
) -> None:
    async def main() -> None:
        (tmp_path / "other").mkdir()
        others = ssl.create_default_context(cafile=f"{authority(tmp_path / 'other')}.crt")
        certificates = Certificates(secret, NAME)
        async with service() as found, listening(found.stand_in, certificates) as port:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await send(port, certificates, ssl=others)
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await send(port, certificates, server_hostname="elsewhere.svc")
            assert "value" not in found.status()

    asyncio.run(main())


def test_tls_before_1_2_is_refused(secret: Path) -> None:
    assert Certificates(secret, NAME).server.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_standby_verifies_the_leader_by_the_services_name(secret: Path, tmp_path: Path) -> None:
    async def main() -> None:
        certificates = Certificates(secret, NAME)
        (tmp_path / "other").mkdir()
        false = issue(tmp_path / "false", authority(tmp_path / "other"))
        impostor = Certificates(false, NAME)
        async with service() as leader, service() as standby:
            standby.stand_in.takes_reports = False
            async with (
                listening(standby.stand_in, certificates) as port,
                listening(leader.stand_in, certificates) as true_port,
                listening(leader.stand_in, impostor) as false_port,
            ):
                leads = {"port": false_port}

                async def leader_address() -> str:
                    return f"127.0.0.1:{leads['port']}"

                standby.stand_in.leadership.leader_address = leader_address
                assert (await send(port, certificates))[0] == 503
                assert "value" not in leader.status()
                leads["port"] = true_port
                assert await send(port, certificates) == (200, {"stop": False})
                assert leader.status()["value"] == 0.5

    asyncio.run(main())


def test_a_new_certificate_is_taken_in_for_connections_from_then_on(
    secret: Path, tmp_path: Path
) -> None:
    async def main() -> None:
        certificates = Certificates(secret, NAME)
        before = certificates.client
        async with service() as found, listening(found.stand_in, certificates) as port:
            assert not certificates.look()
            (tmp_path / "next").mkdir()
            issue(secret, authority(tmp_path / "next"))
            assert certificates.look()
            assert await send(port, certificates) == (200, {"stop": False})
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await send(port, certificates, ssl=before)

    asyncio.run(main())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "tls.key").unlink(),
        lambda folder: (folder / "tls.crt").write_text("none"),
        lambda folder: (folder / "ca.crt").write_text("none"),
        lambda folder: (folder / "tls.key").write_text("none"),
        lambda folder: (folder / "ca.crt").write_text((folder / "ca.crt").read_text() * 99),
    ],
    ids=["no key", "no certificate", "no authority", "another key", "all authorities"],
)
def test_what_can_not_be_used_is_told_and_the_last_one_stays(
    secret: Path, spoil: Callable[[Path], object]
) -> None:
    certificates = Certificates(secret, NAME)
    kept = certificates.client, certificates.ca
    spoil(secret)
    with pytest.raises(CertificateError, match=str(secret)):
        certificates.look()
    assert (certificates.client, certificates.ca) == kept
    assert len(kept[1]) < MAX_CA


def test_a_program_reports_over_tls_with_the_authority_it_was_given(
    secret: Path, ca: Path, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("good:a-1-1-pod")
    local = Certificates(issue(tmp_path / "local", ca, "localhost"), "localhost")

    async def main() -> None:
        async with service() as found, listening(found.stand_in, local) as port:
            url = f"https://localhost:{port}{PATH}"
            body = json.dumps(FINAL).encode()
            endpoint = Endpoint(url, str(token), 10.0, f"{ca}.crt")
            assert (await asyncio.to_thread(endpoint.post, body)).status == 200
            stranger = Endpoint(url, str(token), 10.0)
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.to_thread(stranger.post, body)

    asyncio.run(main())


class TestSilence:
    """Those who connect and send nothing, or a byte now and then."""

    @staticmethod
    def silent(port: int, head: bytes = b"POST / HTTP/1.1\r\nHost: a\r\nX: ") -> socket.socket:
        found = socket.create_connection(("127.0.0.1", port))
        found.sendall(head)
        found.setblocking(False)
        return found

    @staticmethod
    async def is_closed(connection: socket.socket) -> bool:
        """Wait for the server to close it."""
        try:
            async with asyncio.timeout(30):
                return await asyncio.get_running_loop().sock_recv(connection, 1) == b""
        except ConnectionResetError:
            return True

    @pytest.mark.parametrize("head", [b"", b"P", b"POST / HTTP/1.1\r\nHost: a\r\nX: "])
    def test_a_connection_without_a_whole_head_is_closed(self, head: bytes) -> None:
        async def main() -> None:
            connections = Connections(patience=0.2)
            async with service() as found, listening(found.stand_in, None, connections) as port:
                one = self.silent(port, head)
                assert await self.is_closed(one)
                assert connections.counted == 0

        asyncio.run(main())

    def test_one_whose_report_is_being_stored_is_not(self) -> None:
        async def main() -> None:
            connections = Connections(patience=0.2)
            async with service() as found, listening(found.stand_in, None, connections) as port:
                there, stored = asyncio.Event(), asyncio.Event()
                take = found.stand_in.reporter.take

                async def slowly(*arguments: Any) -> Any:
                    there.set()
                    await stored.wait()
                    return await take(*arguments)

                found.stand_in.reporter.take = slowly
                report = asyncio.create_task(send(port, None))
                await there.wait()
                assert await self.is_closed(self.silent(port))  # its patience is over
                stored.set()
                assert await report == (200, {"stop": False})

        asyncio.run(main())

    def test_of_too_many_the_one_that_has_waited_longest_goes(self) -> None:
        async def main() -> None:
            connections = Connections(patience=600, most=3)
            async with service() as found, listening(found.stand_in, None, connections) as port:
                first, *_others = [self.silent(port) for _ in range(3)]
                assert await send(port, None) == (200, {"stop": False})
                assert await self.is_closed(first)
                assert connections.counted <= 3

        asyncio.run(main())


class TestFloods:
    def test_without_a_good_token_no_body_is_read(self) -> None:
        async def main() -> None:
            async with service() as found, listening(found.stand_in, None) as port:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                head = "Authorization: Bearer bad:x\r\nContent-Length: 200000"
                writer.write(f"POST {PATH} HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n".encode())
                assert b" 401 " in await reader.readline()
                writer.close()

        asyncio.run(main())

    def test_bad_tokens_drive_no_good_one_out_of_memory(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tokens, "MOST", 10)

        async def main() -> None:
            world = await running_world()
            world.server.__class__ = Reviewer
            found = Tokens(world.server, Clock(0))
            assert await found.pod_of("good:a-1-1-pod") is not None
            for number in range(50):
                assert await found.pod_of(f"bad:{number}") is None
            asked = cast("Reviewer", world.server).reviews  # type: ignore[attr-defined]
            assert await found.pod_of("good:a-1-1-pod") is not None
            assert cast("Reviewer", world.server).reviews == asked  # type: ignore[attr-defined]

        asyncio.run(main())

    def test_of_too_many_unknown_tokens_some_are_to_come_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tokens, "MOST_WAITING", 5)

        class Slow(Reviewer):
            async def create(self, path: str, body: Any) -> dict[str, Any]:
                await asyncio.sleep(0)
                return await super().create(path, body)

        async def main() -> None:
            world = await running_world()
            world.server.__class__ = Slow
            found = Tokens(world.server, Clock(0))
            asked = [found.pod_of(f"bad:{number}") for number in range(20)]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            assert answers.count(None) >= 5
            assert sum(isinstance(each, BusyError) for each in answers) + answers.count(None) == 20
            assert any(isinstance(each, BusyError) for each in answers)
            assert await found.pod_of("bad:again") is None

        asyncio.run(main())
