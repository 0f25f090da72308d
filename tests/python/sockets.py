"""WebSockets byte for byte, where a client library would cost too much or behave too well."""

import contextlib
import os
import socket
from pathlib import Path
from typing import Self

from support import scaled

HANDSHAKE = (
    b"GET /websocket%b HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class RawSocket:
    """A WebSocket that does nothing by itself: it answers no ping and no goodbye."""

    def __init__(
        self, port: int, query: str = "", source: str = "127.0.0.1", header: str = ""
    ) -> None:
        self.socket = socket.create_connection(
            ("127.0.0.1", port), scaled(20), source_address=(source, 0)
        )
        self._received = b""
        handshake = HANDSHAKE % query.encode()
        self.socket.sendall(handshake.replace(b"\r\n\r\n", f"\r\n{header}\r\n".encode()))
        while b"\r\n\r\n" not in self._received:
            assert self._more(), "closed in the handshake"
        head, self._received = self._received.split(b"\r\n\r\n", 1)
        self.status = int(head.split(b" ", 2)[1])

    def send(self, payload: bytes, opcode: int = TEXT, *, final: bool = True) -> None:
        self.socket.sendall(frame(payload, opcode, final=final))

    def frame(self) -> tuple[int, bytes] | None:
        """The next frame's opcode and payload; None at the end of the connection."""
        while (whole := self._whole()) is None:
            if not self._more():
                return None
        opcode, begin, end = whole
        payload, self._received = self._received[begin:end], self._received[end:]
        return opcode, payload

    def close_code(self) -> int | None:
        """Reads to the end; the code that the server closed with, if it did."""
        code = None
        while (got := self.frame()) is not None:
            if got[0] == CLOSE:
                code = int.from_bytes(got[1][:2], "big")
                break
        return code

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _more(self) -> bool:
        try:
            got = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self._received += got
        return bool(got)

    def _whole(self) -> tuple[int, int, int] | None:
        data = self._received
        if len(data) < 2:
            return None
        size, begin = data[1] & 0x7F, 2
        extended = {126: 2, 127: 8}.get(size, 0)
        if len(data) < begin + extended:
            return None
        if extended:
            size = int.from_bytes(data[begin : begin + extended], "big")
            begin += extended
        return (data[0] & 0x0F, begin, begin + size) if len(data) >= begin + size else None


def frame(payload: bytes, opcode: int = TEXT, *, final: bool = True) -> bytes:
    """A client's frame of up to 65,535 bytes, masked with zeros, which changes nothing."""
    first = bytes([(0x80 if final else 0) | opcode])
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return first + length + bytes(4) + payload


def served_by(port: int, process: int | None = None) -> set[str]:
    """The sockets of this process (or another) whose local port it is, as /proc names them."""
    folder = Path("/proc") / str(process or os.getpid())
    ours = set()
    for table in ("tcp", "tcp6"):
        for line in (folder / "net" / table).read_text(encoding="ascii").splitlines()[1:]:
            columns = line.split()
            if int(columns[1].rpartition(":")[2], 16) == port:
                ours.add(f"socket:[{columns[9]}]")
    held = set()
    for descriptor in (folder / "fd").iterdir():
        # It may be closed since it was listed.
        with contextlib.suppress(FileNotFoundError):
            held.add(str(descriptor.readlink()))
    return ours & held
