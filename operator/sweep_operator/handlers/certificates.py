"""The reporting service's certificate: read from a Secret's files, and again when they change."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

LOOK_EVERY: Final = 10.0
"""Seconds. The kubelet itself takes about a minute to bring a new certificate."""

MAX_CA: Final = 32 * 1024
"""Bytes that each run's pod carries."""


class CertificateError(Exception):
    """The files can't be used; the message says which and why."""


class Certificates:
    """What the service shows, and what those who call it verify it by.

    Args:
        folder: of tls.crt and tls.key; with ca.crt, unless it is an authority that all know.
        name: by which the service is called, whatever address it is reached at.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self.name = name
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.minimum_version = ssl.TLSVersion.TLSv1_2
        self.client = ssl.create_default_context()
        self.ca = ""
        """PEM; empty for an authority that all know."""
        self._seen: tuple[bytes, ...] = ()
        self.look()

    def look(self) -> bool:
        """Take in what has changed, for connections from now on; tell whether anything has.

        Raises:
            CertificateError: the files don't go together; all stays as it was.
        """
        try:
            found = tuple(self._read(name) for name in ("tls.crt", "tls.key", "ca.crt"))
            if found == self._seen:
                return False
            ca = found[2].decode()
            client = ssl.create_default_context(cadata=ca or None)
            # Tried first: what can't be used mustn't take the place of what can.
            for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.server):
                context.load_cert_chain(self._folder / "tls.crt", self._folder / "tls.key")
        except (OSError, ValueError) as error:  # SSLError is an OSError
            raise CertificateError(f"the certificate in {self._folder}: {error}") from error
        if len(found[2]) > MAX_CA:
            raise CertificateError(
                f"{self._folder}/ca.crt has {len(found[2])} bytes, and each run's pod carries it: "
                f"keep the one authority of tls.crt, in at most {MAX_CA}"
            )
        self._seen, self.client, self.ca = found, client, ca
        return True

    async def keep(self, pause: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        """Take in what changes, for ever."""
        while True:
            await pause(LOOK_EVERY)
            try:
                if self.look():
                    logger.info("The reporting service's certificate has been replaced")
            except CertificateError as error:
                logger.warning("%s; the last one stays", error)

    def _read(self, name: str) -> bytes:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            if name != "ca.crt":
                raise
            return b""
