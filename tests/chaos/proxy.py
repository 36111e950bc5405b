"""A wire between an operator and the API server that can be cut, slowed, jammed and torn.

It passes bytes and knows nothing of what they mean: TLS goes through untouched, and the API
server's certificate must hold for 127.0.0.1.
"""

import asyncio
import random
import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Self

CHUNK = 65_536
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: what closes the socket sends a reset."""


class Way(Enum):
    """Of two, as the operator sees it."""

    UP = "to the API server"
    DOWN = "from the API server"


@dataclass(eq=False)
class _Connection:
    """One of the operator's, and ours to the server."""

    writers: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    forgotten: bool = False
    left: int | None = None
    """Bytes that still come down before it ends; None for no end."""
    pumps: list["asyncio.Task[None]"] = field(default_factory=list)

    def reset(self) -> None:
        for writer in self.writers:
            sock = writer.get_extra_info("socket")
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()

    def close(self) -> None:
        for writer in self.writers:
            writer.close()


class Proxy:
    """Listens on a port of this machine's own. Use as an async context manager.

    Args:
        host: of the API server.
        port: its.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._open = {way: asyncio.Event() for way in Way}
        self.delay = 0.0
        """Seconds that each piece takes longer, in both ways."""
        self.refuses = False
        """Whether new connections are closed at once."""
        self.made = 0
        """Connections, since the start."""
        self.release()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        pumps = [pump for connection in self._connections for pump in connection.pumps]
        self.reset()
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)

    @property
    def address(self) -> str:
        """Where it stands in for the API server."""
        assert self._server is not None
        return f"https://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def count(self) -> int:
        """Connections that are open."""
        return len(self._connections)

    def hold(self, *ways: Way) -> None:
        """Let nothing pass until released, neither on connections there are nor on new ones."""
        for way in ways:
            self._open[way].clear()

    def release(self) -> None:
        """Let all that was held back pass."""
        for each in self._open.values():
            each.set()

    def forget(self) -> None:
        """Let nothing pass any more on the connections there are, and never tell either end.

        A router that has been started anew, or a NAT's table that was too full, does that.
        """
        for connection in self._connections:
            connection.forgotten = True

    def reset(self) -> None:
        """Reset the connections there are."""
        for connection in list(self._connections):
            connection.reset()

    def truncate(self, after: int) -> None:
        """End each connection there is after so many more bytes from the API server."""
        for connection in self._connections:
            connection.left = after

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.made += 1
        if self.refuses:
            writer.close()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        connection = _Connection((writer, server_writer))
        self._connections.add(connection)
        connection.pumps = [
            asyncio.create_task(self._pump(Way.UP, connection, reader, server_writer)),
            asyncio.create_task(self._pump(Way.DOWN, connection, server_reader, writer)),
        ]
        try:
            await asyncio.wait(connection.pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in connection.pumps:
                pump.cancel()
            connection.close()
            self._connections.discard(connection)

    async def _pump(
        self,
        way: Way,
        connection: _Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self._open[way].wait()
                if connection.forgotten:
                    continue
                if way is Way.DOWN and connection.left is not None:
                    data = data[: connection.left]
                    connection.left -= len(data)
                writer.write(data)
                await writer.drain()
                if connection.left == 0:
                    return
            if connection.forgotten:  # the end of one side is not told to the other either
                await asyncio.Future()


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong with a network, for some seconds, and is well again."""

    name: str
    begin: Callable[[Proxy], object]
    end: Callable[[Proxy], object] = lambda _: None


def _hold(*ways: Way) -> Callable[[Proxy], object]:
    return lambda proxy: proxy.hold(*ways)


def _delay(proxy: Proxy, seconds: float) -> None:
    proxy.delay = seconds


def _refuse(proxy: Proxy, refuses: bool) -> None:
    proxy.refuses = refuses
    if refuses:
        proxy.reset()


def _lose(proxy: Proxy) -> None:
    """What was held back never comes."""
    proxy.reset()
    proxy.release()


def _torn(proxy: Proxy) -> None:
    """Cut off in the midst of answers: not all at the same byte."""
    proxy.truncate(after=700)


FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault("held", _hold(*Way), Proxy.release),
        Fault("forgotten", Proxy.forget),
        Fault("reset", Proxy.reset),
        Fault("refused", lambda proxy: _refuse(proxy, True), lambda proxy: _refuse(proxy, False)),
        Fault("slow", lambda proxy: _delay(proxy, 0.3), lambda proxy: _delay(proxy, 0.0)),
        Fault("truncated", _torn),
        Fault("deaf", _hold(Way.DOWN), _lose),
        Fault("mute", _hold(Way.UP), Proxy.release),
    )
}
"""By name. Deaf: requests take effect, and no answer comes back. Mute: none gets there."""


async def strike(proxy: Proxy, fault: Fault, seconds: float) -> None:
    """Have a fault for some time."""
    fault.begin(proxy)
    try:
        await asyncio.sleep(seconds)
    finally:
        fault.end(proxy)


async def storm(
    proxy: Proxy,
    chance: random.Random,
    times: int,
    longest: float = 3.0,
) -> list[str]:
    """Have so many faults at random, with some calm between them; tell their names.

    Args:
        proxy: the wire.
        chance: what decides: the same seed gives the same storm.
        times: how many.
        longest: seconds of one.
    """
    names = []
    for _ in range(times):
        await asyncio.sleep(chance.uniform(0.2, 2.0))
        # Forgotten connections take minutes to be found out: no weather for a storm.
        fault = FAULTS[chance.choice(sorted(set(FAULTS) - {"forgotten"}))]
        names.append(fault.name)
        await strike(proxy, fault, chance.uniform(0.1, longest))
    return names
