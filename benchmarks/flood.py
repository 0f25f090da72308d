"""One client that floods a server: it sends all it can, reads, and comes again when ended."""

import os
import select
import socket
import threading
from types import TracebackType
from typing import Self

from machine import LOAD_CORE

UPGRADE = (
    b"GET /websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
EVENT = b'{"type":"channel","channel_ids":["nobody"],"data":{"m":1}}'


def frame(opcode: int, payload: bytes = b"", final: bool = True) -> bytes:
    """Masked with zeros, so that it is sent as it reads (RFC 6455, section 5.2)."""
    return bytes([(0x80 if final else 0) | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload


# What is sent first, then again and again.
FLOODS = {
    "pings": (b"", frame(9)),
    "one-byte frames": (frame(1, b"{", final=False), frame(0, b" ", final=False)),
    "empty fragments": (frame(1, b"", final=False), frame(0, b"", final=False)),
    "events": (b"", frame(1, EVENT)),
}
BLOCK = 64 * 1024


class Flood:
    """Floods from a thread of its own, until the end of the block."""

    def __init__(self, port: int, kind: str) -> None:
        self._port = port
        self._first, unit = FLOODS[kind]
        self._unit = len(unit)
        self._block = unit * (BLOCK // len(unit))
        self._bytes = self._ended = 0
        # What wakes the thread to end it.
        self._stopped, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def frames(self) -> int:
        """How many the sockets took, about."""
        return self._bytes // self._unit

    def ended(self) -> int:
        """How often the server ended the connection; the client came again each time."""
        return self._ended

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.write(self._stop, b"x")
        self._thread.join()
        os.close(self._stop)
        os.close(self._stopped)

    def _run(self) -> None:
        # On the core of the other clients, and only while they have nothing to do there: a flood
        # comes from another machine, and is not to take the time of those who measure.
        os.sched_setaffinity(0, {int(LOAD_CORE)})
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        while self._connected():
            self._ended += 1

    def _connected(self) -> bool:
        """One connection; False once it is time to stop."""
        with socket.create_connection(("127.0.0.1", self._port), 10) as connection:
            connection.sendall(UPGRADE)
            connection.recv(65536)
            connection.sendall(self._first)
            connection.setblocking(False)
            left = b""
            while True:
                watched: list[socket.socket | int] = [connection, self._stopped]
                reads, writes, _ = select.select(watched, [connection], [])
                if self._stopped in reads:
                    return False
                try:
                    if connection in reads and not connection.recv(1 << 20):
                        return True
                    if connection in writes:
                        left = left or self._block
                        sent = connection.send(left)
                        self._bytes += sent
                        left = left[sent:]
                except OSError:  # reset by the server, which has had enough
                    return True
