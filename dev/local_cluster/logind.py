"""systemd-logind's part in the shutdown of a node, told over D-Bus as a kubelet expects it.

A kubelet with a shutdownGracePeriod asks the system bus for logind, takes a lock that holds up the
shutdown, and ends its pods when logind says that one is coming. A machine made of namespaces has
neither systemd nor a bus; this program, run in the machine's file system, is as much of both as the
kubelet talks to. SIGUSR1 has it say that the machine is going down.

It runs as a program of its own, with nothing but the standard library: prints a line once it
listens, and serves one client.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
from itertools import count
from pathlib import Path
from typing import NamedTuple

BUS = Path("/run/dbus/system_bus_socket")
"""Where D-Bus' specification has the system bus."""

_PATH, _INTERFACE, _MEMBER, _REPLY_SERIAL, _SIGNATURE, _UNIX_FDS = 1, 2, 3, 5, 8, 9
_CALL, _RETURN, _SIGNAL = 1, 2, 4
_NO_REPLY_EXPECTED = 1

Field = tuple[int, str, str | int]
"""One of a message's header fields: its code, its value's type and the value."""


class Call(NamedTuple):
    """What the kubelet asks for."""

    member: str
    serial: int
    wants_reply: bool


def main() -> None:
    BUS.parent.mkdir(parents=True, exist_ok=True)
    BUS.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(BUS))
    server.listen()
    print("listening", flush=True)
    while True:
        connection, _ = server.accept()
        try:
            _authenticate(connection)
            _serve(connection)
        except EOFError:  # the kubelet has ended
            connection.close()


def _serve(connection: socket.socket) -> None:
    serials = count(1)

    def announce(*_: object) -> None:
        fields: list[Field] = [
            (_PATH, "o", "/org/freedesktop/login1"),
            (_INTERFACE, "s", "org.freedesktop.login1.Manager"),
            (_MEMBER, "s", "PrepareForShutdown"),
            (_SIGNATURE, "g", "b"),
        ]
        connection.sendall(_message(_SIGNAL, next(serials), fields, struct.pack("<I", True)))

    signal.signal(signal.SIGUSR1, announce)
    while True:
        call = _read_call(connection)
        if not call.wants_reply:
            continue
        signature, body, passed = _answer(call.member)
        fields: list[Field] = [(_REPLY_SERIAL, "u", call.serial)]
        if signature:
            fields.append((_SIGNATURE, "g", signature))
        if passed:
            fields.append((_UNIX_FDS, "u", len(passed)))
        socket.send_fds(connection, [_message(_RETURN, next(serials), fields, body)], passed)
        for descriptor in passed:
            os.close(descriptor)


def _answer(member: str) -> tuple[str, bytes, list[int]]:
    """Signature and body of an answer, and the file descriptors that go with it."""
    match member:
        case "Hello":
            return "s", _string(":1.1"), []
        case "Get":  # InhibitDelayMaxUSec: an hour, so that the kubelet writes no configuration
            return "v", b"\x01t".ljust(8, b"\0") + struct.pack("<Q", 3600 * 1_000_000), []
        case "Inhibit":
            reader, writer = os.pipe()
            os.close(reader)  # real logind goes on when the lock is let go; nothing goes on here
            return "h", struct.pack("<I", 0), [writer]
        case _:
            return "", b"", []


def _authenticate(connection: socket.socket) -> None:
    """D-Bus' handshake, with whoever can open the socket."""
    answers = {"AUTH": "OK " + "0" * 32, "NEGOTIATE_UNIX_FD": "AGREE_UNIX_FD"}
    _read(connection, 1)
    while True:
        line = b""
        while not line.endswith(b"\r\n"):
            line += _read(connection, 1)
        words = line.decode().split()
        if words[0] == "BEGIN":
            return
        answer = "REJECTED EXTERNAL" if words == ["AUTH"] else answers.get(words[0], "ERROR")
        connection.sendall(f"{answer}\r\n".encode())


def _read_call(connection: socket.socket) -> Call:
    start = _read(connection, 16)
    kind, flags = start[1], start[2]
    body_length, serial, fields_length = struct.unpack("<III", start[4:])
    fields = _read(connection, fields_length)
    _read(connection, -fields_length % 8)
    _read(connection, body_length)
    member = ""
    position = 0
    while position < len(fields):
        position += -position % 8
        code, kind_of_value = fields[position], chr(fields[position + 2])
        position += 4  # the code; the length of the type, its one character and a null
        if kind_of_value == "u":
            position += 4
            continue
        if kind_of_value == "g":
            length, position = fields[position], position + 1
        else:
            (length,) = struct.unpack_from("<I", fields, position)
            position += 4
        if code == _MEMBER:
            member = fields[position : position + length].decode()
        position += length + 1
    return Call(member, serial, kind == _CALL and not flags & _NO_REPLY_EXPECTED)


def _message(kind: int, serial: int, fields: list[Field], body: bytes) -> bytes:
    packed = b""
    for field in fields:
        packed += bytes(-len(packed) % 8) + _packed(*field)
    head = struct.pack("<cBBBIII", b"l", kind, 0, 1, len(body), serial, len(packed))
    return head + packed + bytes(-len(packed) % 8) + body


def _packed(code: int, kind: str, value: str | int) -> bytes:
    start = bytes([code, 1]) + kind.encode() + b"\0"
    if isinstance(value, int):
        return start + struct.pack("<I", value)
    if kind == "g":
        return start + bytes([len(value)]) + value.encode() + b"\0"
    return start + _string(value)


def _string(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode() + b"\0"


def _read(connection: socket.socket, length: int) -> bytes:
    read = b""
    while len(read) < length:
        part = connection.recv(length - len(read))
        if not part:
            raise EOFError
        read += part
    return read


if __name__ == "__main__":
    main()
