"""Thousands who say nothing beside a hundred who talk."""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from conftest import Serve
from figures import OPEN, Figures
from sockets import HANDSHAKE, PING, RawSocket
from support import ServerProcess, descriptors_for, eventually, memory_bound, scaled

IDLE, ACTIVE, ROUNDS = 10_000, 100, 20
KIB = 1 << 10


@pytest.fixture
def descriptors() -> Iterator[None]:
    """As many as the sockets of this process need, and as its server inherits."""
    with descriptors_for(IDLE + ACTIVE + 1000):
        yield


def connect(port: int) -> socket.socket:
    """A connection that has asked for its upgrade, and has not waited for the answer."""
    connection = socket.create_connection(("127.0.0.1", port), scaled(20))
    connection.sendall(HANDSHAKE % b"")
    return connection


def resident(server: ServerProcess) -> int:
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def live(server: ServerProcess) -> float:
    return Figures(server)("sessions")


@pytest.mark.usefixtures("descriptors")
def test_ten_thousand_idle_connections_cost_little_and_a_hundred_active_ones_miss_nothing(
    serve: Serve,
) -> None:
    server = serve("operating", ping_interval=0, **OPEN)
    with ExitStack() as stack:
        active = [stack.enter_context(RawSocket(server.port, f"?channel_id=c{number}"))
                  for number in range(ACTIVE)]  # fmt: skip
        for one in active:
            assert one.frame() is not None
        before = resident(server)
        idle = [stack.enter_context(connect(server.port)) for _ in range(IDLE)]
        eventually(lambda: live(server) == IDLE + ACTIVE, "all are there", 60)
        assert resident(server) - before < memory_bound(IDLE * 20 * KIB)
        for turn in range(ROUNDS):
            for number, one in enumerate(active):
                one.send(
                    b'{"type":"channel","channel_ids":["c%d"],"data":{"n":%d}}' % (number, turn)
                )
            for one in active:
                got = one.frame()
                assert got is not None
                assert got[1] == b'{"n":%d}' % turn
        for connection in (idle[0], idle[-1]):
            connection.sendall(bytes([0x80 | PING, 0x80, 0, 0, 0, 0]))
            text = b""
            while not text.endswith(b"\x8a\x00"):
                more = connection.recv(65536)
                assert more
                text += more
    eventually(lambda: live(server) == 0, "nobody is left", 60)
