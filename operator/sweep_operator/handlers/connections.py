"""Connections to a server that anybody can open: those that send nothing are closed.

aiohttp itself waits for a request's head for ever, and for as many connections as there come.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, cast

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from typing_extensions import override

PATIENCE: Final = 10.0
"""Seconds that a connection may be open without a whole request's head."""

MOST: Final = 2_000
"""Connections at the same time. Of too many the one that has waited longest for a request goes."""


class Connections:
    """Makes and counts a server's connections.

    Args:
        patience: seconds.
        most: at the same time.
    """

    def __init__(self, patience: float = PATIENCE, most: int = MOST) -> None:
        self._patience = patience
        self._most = most
        self._open: dict[object, Connection] = {}
        """By aiohttp's own protocol for each."""
        self._idle: OrderedDict[Connection, None] = OrderedDict()

    def of(self, make: Callable[[], asyncio.BaseProtocol]) -> "Callable[[], Connection]":
        """What makes a connection around one of aiohttp's."""
        return lambda: Connection(cast("asyncio.Protocol", make()), self)

    @property
    def counted(self) -> int:
        """How many are open."""
        return len(self._open)

    def middleware(self) -> Middleware:
        """What tells for aiohttp that a connection has a request, and that it is answered."""

        @web.middleware
        async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = self._open.get(request.protocol)
            if connection is None:  # a test's own server
                return await handler(request)
            self.works(connection)
            try:
                return await handler(request)
            finally:
                if request.protocol in self._open:
                    self.waits(connection)

        return counted

    def opened(self, connection: "Connection") -> None:
        """Count one, and make room for it."""
        self._open[connection.inner] = connection
        self.waits(connection)
        if len(self._open) > self._most:
            next(iter(self._idle)).abort()

    def closed(self, connection: "Connection") -> None:
        """Forget one."""
        self._open.pop(connection.inner, None)
        self.works(connection)

    def works(self, connection: "Connection") -> None:
        """It has a request, which is being answered."""
        self._idle.pop(connection, None)
        if connection.alarm is not None:
            connection.alarm.cancel()

    def waits(self, connection: "Connection") -> None:
        """It has none, or not the whole of its head."""
        self.works(connection)
        self._idle[connection] = None
        loop = asyncio.get_running_loop()
        connection.alarm = loop.call_later(self._patience, connection.abort)


class Connection(asyncio.Protocol):
    """One connection, around aiohttp's own protocol."""

    def __init__(self, inner: asyncio.Protocol, all_of_them: Connections) -> None:
        self.inner = inner
        self._all = all_of_them
        self._transport: asyncio.Transport | None = None
        self.alarm: asyncio.TimerHandle | None = None

    def abort(self) -> None:
        """Close it at once."""
        self._all.closed(self)
        if self._transport is not None:
            self._transport.abort()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.inner.connection_made(transport)
        self._all.opened(self)

    @override
    def data_received(self, data: bytes) -> None:
        self.inner.data_received(data)

    @override
    def eof_received(self) -> bool | None:
        return self.inner.eof_received()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._all.closed(self)
        self.inner.connection_lost(exc)

    @override
    def pause_writing(self) -> None:
        self.inner.pause_writing()

    @override
    def resume_writing(self) -> None:
        self.inner.resume_writing()
