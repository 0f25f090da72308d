"""HTTP/1.1 byte for byte: what a well-behaved client never sends, and what comes back."""

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from support import scaled


@dataclass(frozen=True)
class RawResponse:
    status: int
    fields: dict[str, str]
    """By their names in lower case."""
    body: bytes


class RawClient:
    """A connection that sends what it is told."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._received = b""

    def send(self, data: bytes, pieces: int = 0) -> None:
        """Sends `data`, in pieces of so many bytes if that is not 0."""
        try:
            for at in range(0, len(data), pieces or len(data) or 1):
                self.socket.sendall(data[at : at + (pieces or len(data))])
        except (BrokenPipeError, ConnectionResetError):
            pass  # closed by the server, whose answer is still to be read

    def drip(self, data: bytes) -> None:
        """Sends `data` again and again, a little at a time, until the server has enough of it."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while data:
                self.socket.sendall(data)
                time.sleep(0.02)

    def response(self, method: str = "GET") -> RawResponse | None:
        """The next response that is not "100 Continue"; None when the server has closed instead."""
        while (response := self.any_response(method)) is not None and response.status == 100:
            pass
        return response

    def any_response(self, method: str = "GET") -> RawResponse | None:
        """The next response, also one that only asks to go on."""
        head = self._until(b"\r\n\r\n")
        if not head:
            return None
        status_line, *lines = head.decode("latin-1").split("\r\n")[:-2]
        version, status = status_line.split(" ")[:2]
        assert version == "HTTP/1.1", head
        fields = {
            name.lower(): value.strip() for name, _, value in (s.partition(":") for s in lines)
        }
        assert len(fields) == len(lines), f"a field is there twice: {head!r}"
        code = int(status)
        body = b"" if method == "HEAD" or code in (100, 204, 304) else self._body(fields)
        return RawResponse(code, fields, body)

    def rest(self) -> bytes:
        """What comes until the server closes."""
        while self._receive():
            pass
        rest, self._received = self._received, b""
        return rest

    def _body(self, fields: dict[str, str]) -> bytes:
        if fields.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._until(b"\r\n"), 16):
                body += self._take(size)
                assert self._take(2) == b"\r\n"
            assert self._take(2) == b"\r\n"
            return body
        if "content-length" in fields:
            return self._take(int(fields["content-length"]))
        return self.rest()

    def _receive(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self._received += data
        return bool(data)

    def _until(self, end: bytes) -> bytes:
        while end not in self._received:
            if not self._receive():
                assert not self._received, f"cut off: {self._received!r}"
                return b""
        return self._take(self._received.index(end) + len(end))

    def _take(self, count: int) -> bytes:
        while len(self._received) < count:
            assert self._receive(), f"cut off: {self._received!r}"
        taken, self._received = self._received[:count], self._received[count:]
        return taken


@contextmanager
def raw_client(port: int, receive_buffer: int = 0) -> Iterator[RawClient]:
    """A connection to this machine; a `receive_buffer` in bytes makes it one that takes little."""
    with socket.socket() as connection:
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(scaled(20))
        connection.connect(("127.0.0.1", port))
        yield RawClient(connection)
