"""One of a thousand subscribers never reads: it costs its limit, and the others nothing."""

import json
import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from conftest import Serve
from figures import OPEN, Figures
from sockets import TEXT, RawSocket
from support import ServerProcess, descriptors_for, memory_bound, peak_memory, scaled

MIB = 1 << 20
SUBSCRIBERS = 1000
# At the very most: some megabytes are in the kernel's buffers before the limit is reached.
PUBLISHED_MAX = 64 * MIB
LIMIT = MIB // 4
PAYLOAD = b'{"fill":"%b"}' % (b"x" * 32_000)
EVENT = b'{"type":"channel","channel_ids":["flood"],"data":%b,"id":1}' % PAYLOAD
# As a server writes it: no mask, a length of 16 bits.
FRAME = b"\x81\x7e" + len(PAYLOAD).to_bytes(2, "big") + PAYLOAD


@pytest.fixture
def server(serve: Serve) -> Iterator[ServerProcess]:
    with descriptors_for(SUBSCRIBERS + 200):
        yield serve("hostile", message_rate=0, outbox_bytes=LIMIT, ping_interval=3600, **OPEN)


@dataclass
class Reader:
    """A subscriber, and how much of what is published it has."""

    socket: RawSocket
    got: int = 0


class Readers:
    """Subscribers that read whatever comes, and compare it byte for byte."""

    def __init__(self, sockets: list[RawSocket]) -> None:
        self._selector = selectors.EpollSelector()
        self._expected = FRAME * (MIB // len(FRAME) + 2)
        for one in sockets:
            one.socket.setblocking(False)
            self._selector.register(one.socket, selectors.EVENT_READ, Reader(one))

    def get(self, frames: int) -> None:
        """Until each has had as many frames as that, since the beginning."""
        wanted, missing = frames * len(FRAME), set()
        for key in self._selector.get_map().values():
            if key.data.got < wanted:
                missing.add(key.fd)
        deadline = time.monotonic() + scaled(30)
        while missing:
            assert time.monotonic() < deadline, f"{len(missing)} wait for frame {frames}"
            for key, _ in self._selector.select(scaled(1)):
                reader: Reader = key.data
                got = reader.socket.socket.recv(MIB)
                assert got, "closed"
                at = reader.got % len(FRAME)
                assert got == self._expected[at : at + len(got)]
                reader.got += len(got)
                if reader.got >= wanted:
                    missing.discard(key.fd)

    def close(self) -> None:
        self._selector.close()


def subscribe(port: int, query: str = "?channel_id=flood") -> RawSocket:
    one = RawSocket(port, query)
    got = one.frame()
    assert got is not None
    assert json.loads(got[1])["type"] == "connection"
    return one


@pytest.mark.timeout(300)
def test_one_of_a_thousand_who_never_reads_costs_its_limit_and_the_others_nothing(
    server: ServerProcess,
) -> None:
    with ExitStack() as closing:
        slow = closing.enter_context(subscribe(server.port))
        # The kernel keeps little for it; what is left is the server's to keep, or not.
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sockets = [closing.enter_context(subscribe(server.port)) for _ in range(SUBSCRIBERS - 1)]
        publisher = closing.enter_context(subscribe(server.port, ""))
        readers = Readers(sockets)
        closing.callback(readers.close)
        # What each of the thousand costs is there before, and what a look at the figures does.
        publisher.send(EVENT)
        readers.get(1)
        assert Figures(server)("sessions_closed_total", reason="slow_consumer") == 0
        before = peak_memory(server.process.pid)
        frames = 1
        while frames * len(FRAME) < PUBLISHED_MAX:
            publisher.send(EVENT)
            frames += 1
            readers.get(frames)
            if frames % 8 == 0 and Figures(server)("sessions_closed_total", reason="slow_consumer"):
                break
        grown = peak_memory(server.process.pid) - before
        acks = [publisher.frame() for _ in range(frames)]
        assert all(one is not None and one[0] == TEXT for one in acks)
        assert Figures(server)("sessions_closed_total", reason="slow_consumer") == 1
        # It is told so by 4503, unless it comes to read that too late.
        assert slow.close_code() in (4503, None)
        assert grown < memory_bound(2 * LIMIT)
