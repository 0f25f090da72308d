"""Handshakes and frames that no honest client sends, to a server that others use meanwhile."""

import itertools
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from conftest import Serve
from raw_http import raw_client
from sockets import CLOSE, PING, PONG, TEXT, RawSocket
from support import ServerProcess, memory_bound, peak_memory, scaled

LIMIT = 1 << 20
SLOW = 200
HONEST = {
    "Host": "127.0.0.1",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    # Without pings, which nobody here answers.
    return serve_module("hostile", message_rate=0, handshake_timeout=3, ping_interval=0)


@pytest.fixture(autouse=True)
def member(server: ServerProcess) -> Iterator[RawSocket]:
    """Somebody else, who is served before and after."""
    with RawSocket(server.port) as client:
        is_served(client)
        yield client
        is_served(client)


def is_served(client: RawSocket) -> None:
    client.send(b"here", PING)
    while (got := client.frame()) is not None and got != (PONG, b"here"):
        assert got[0] == TEXT
    assert got


def handshake(changes: dict[str, str | None], line: str = "GET /websocket HTTP/1.1") -> bytes:
    fields = {name: value for name, value in (HONEST | changes).items() if value is not None}
    lines = [line, *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


OFFERS = ", ".join(f"extension-{number}; a=1" for number in range(200))
HANDSHAKES = [
    ({}, 101),
    ({"Sec-WebSocket-Key": None}, 400),
    ({"Sec-WebSocket-Key": "c2hvcnQ="}, 400),
    ({"Sec-WebSocket-Key": "not base64 of 16 bytes"}, 400),
    ({"Sec-WebSocket-Version": "12"}, 426),
    ({"Connection": None}, 426),
    ({"Upgrade": None}, 426),
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "http://127.0.0.1.evil.example"}, 403),
    ({"Origin": "http://evil127.0.0.1"}, 403),
    ({"Origin": "http://127.0.0.1:3000"}, 101),
    ({"Sec-WebSocket-Extensions": OFFERS}, 101),
    ({"Sec-WebSocket-Extensions": "__proto__, constructor; __proto__"}, 101),
    ({"Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=99"}, 101),
    ({"Content-Length": "5"}, 400),
    ({"Content-Length": "0"}, 101),
    ({"Transfer-Encoding": "chunked"}, 400),
    ({"Upgrade": "websocket, h2c"}, 101),
    ({"Upgrade": "h2c"}, 426),
    ({"X-Long": "x" * (16 << 10)}, 431),
    ({f"X-{number}": "x" for number in range(200)}, 431),
]


@pytest.mark.parametrize(("changes", "status"), HANDSHAKES)
def test_a_handshake_is_answered_as_it_deserves(
    server: ServerProcess, changes: dict[str, str | None], status: int
) -> None:
    with raw_client(server.port) as client:
        client.send(handshake(changes))
        # As for HEAD: what follows a 101 has no end.
        answer = client.response("HEAD" if status == 101 else "GET")
        assert answer is not None
        assert answer.status == status
        assert "sec-websocket-extensions" not in answer.fields
        if status == 426:
            assert answer.fields["upgrade"] == "websocket"
        if "Sec-WebSocket-Version" in changes:
            assert answer.fields["sec-websocket-version"] == "13"
        if status != 101:
            assert client.rest() == b""


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("POST /websocket HTTP/1.1", 405),
        ("GET /websocket HTTP/1.0", 426),
        ("GET /websocket?" + "x" * (8 << 10) + " HTTP/1.1", 414),
        ("GET /websocket?channel_id=" + "x" * 256 + " HTTP/1.1", 400),
        ("GET /websocket?channel_id=%FF HTTP/1.1", 400),
    ],
)
def test_a_request_line_that_is_none_of_a_handshake_is_refused(
    server: ServerProcess, line: str, status: int
) -> None:
    with raw_client(server.port) as client:
        client.send(handshake({}, line))
        answer = client.response()
        assert answer is not None
        assert answer.status == status
        assert client.rest() == b""


def frame(payload: bytes, first: int = 0x81) -> bytes:
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 1 << 16:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    return bytes([first]) + length + bytes(4) + payload


def header(length: int) -> bytes:
    return b"\x82\xff" + length.to_bytes(8, "big") + bytes(4)


BAD_FRAMES = {
    "unmasked": (b"\x81\x02{}", 1002),
    "reserved bit": (frame(b"{}", 0xC1), 1002),
    "reserved opcode": (frame(b"{}", 0x83), 1002),
    "reserved control": (frame(b"", 0x8B), 1002),
    "long ping": (frame(bytes(126), 0x89), 1002),
    "fragmented ping": (frame(b"", 0x09), 1002),
    "length that is not the shortest": (b"\x81\xfe\x00\x02" + bytes(4) + b"{}", 1002),
    "continuation of nothing": (frame(b"{}", 0x80), 1002),
    "message within a message": (frame(b"{", 0x01) + frame(b"{}"), 1002),
    "close of one byte": (frame(b"\x03", 0x88), 1002),
    "close with a code that is none": (frame((1005).to_bytes(2, "big"), 0x88), 1002),
    "close with a reason that is no text": (frame(b"\x03\xe8\xff", 0x88), 1007),
    "no UTF-8": (frame(b'"\xff"'), 1007),
    "a surrogate": (frame(b'"\xed\xa0\x80"'), 1007),
    "half a character at the end": (frame(b'"\xc3'), 1007),
    "2^63 bytes": (header(1 << 63), 1002),
    "2^62 bytes": (header(1 << 62), 1009),
    "a byte too many": (header(LIMIT + 1), 1009),
    "a byte too many in fragments": (
        frame(bytes(LIMIT), 0x02) + frame(b"x", 0x80),
        1009,
    ),
}


@pytest.mark.parametrize("name", [*BAD_FRAMES])
def test_a_frame_that_is_none_closes_with_its_code(server: ServerProcess, name: str) -> None:
    sent, code = BAD_FRAMES[name]
    with RawSocket(server.port) as client:
        client.socket.sendall(sent)
        assert client.close_code() == code


def test_announcing_huge_messages_costs_no_memory(server: ServerProcess) -> None:
    before = peak_memory(server.process.pid)
    for _ in range(50):
        with RawSocket(server.port) as client:
            client.socket.sendall(header(1 << 62))
            assert client.close_code() == 1009
    assert peak_memory(server.process.pid) - before < memory_bound(8 * LIMIT)


def answer(client: RawSocket) -> bytes:
    """The next message behind the connection frame of the opening."""
    opening, got = client.frame(), client.frame()
    assert opening is not None
    assert got is not None
    assert opening[0] == got[0] == TEXT
    return got[1]


EVENT = b'{"type":"connection","id":"\xc3\xa9"}'


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT])
@pytest.mark.parametrize("pieces", [1, 3])
def test_a_message_of_just_the_limit_is_taken_whole_and_in_fragments(
    server: ServerProcess, size: int, pieces: int
) -> None:
    message = EVENT + b" " * (size - len(EVENT))
    # The first cut goes through a character.
    cuts = [0, EVENT.index(b"\xa9"), size // 2, size] if pieces > 1 else [0, size]
    with RawSocket(server.port) as client:
        for begin, end in itertools.pairwise(cuts):
            first = (0x01 if begin == 0 else 0x00) | (0x80 if end == size else 0)
            client.socket.sendall(frame(message[begin:end], first))
        assert b'"id":"\xc3\xa9"' in answer(client)


def test_a_message_in_very_many_empty_fragments_is_one_message(server: ServerProcess) -> None:
    before = peak_memory(server.process.pid)
    with RawSocket(server.port) as client:
        client.socket.sendall(
            frame(EVENT[:3], 0x01) + frame(b"", 0x00) * 100_000 + frame(EVENT[3:], 0x80)
        )
        assert b'"id":"\xc3\xa9"' in answer(client)
    assert peak_memory(server.process.pid) - before < memory_bound(8 * LIMIT)


def test_many_at_a_byte_now_and_then_are_told_in_time_and_hold_up_nobody(
    server: ServerProcess, member: RawSocket
) -> None:
    begun = b"GET /websocket HTTP/1.1\r\nHost: x\r\nX: "
    with ExitStack() as open_ones:
        slow: set[socket.socket] = set()
        for _ in range(SLOW):
            one = open_ones.enter_context(
                socket.create_connection(("127.0.0.1", server.port), scaled(20))
            )
            one.sendall(begun)  # at once: who says nothing in its time is told nothing
            slow.add(one)
        # As long as the server lets any of them go on.
        while slow:
            answered, _, _ = select.select(slow, [], [], 0.05)
            for one in answered:
                assert b" 408 " in one.recv(1000)
                slow.remove(one)
            for one in slow:
                with suppress(BrokenPipeError, ConnectionResetError):
                    one.sendall(b"x")
            is_served(member)


def test_who_closes_with_a_code_is_answered_with_it(server: ServerProcess) -> None:
    with RawSocket(server.port) as client:
        client.send((1000).to_bytes(2, "big") + b"done", CLOSE)
        assert client.close_code() == 1000
