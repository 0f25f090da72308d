"""A port that outlives its server: a socket that is handed over, as systemd does."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conftest import Serve
from raw_http import RawClient
from sockets import RawSocket
from support import eventually, scaled


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        yield listener


def health(port: int) -> int:
    """The status of an answer on a new connection; ConnectionError where that is refused."""
    with socket.create_connection(("127.0.0.1", port), scaled(30)) as connection:
        client = RawClient(connection)
        client.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = client.response()
        if answer is None:
            raise ConnectionError("closed without an answer")
        return answer.status


class Visitors:
    """Clients that come again and again, by HTTP and by WebSocket, and what they got."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.answers: list[object] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._visit, daemon=True) for _ in range(4)]

    def _visit(self) -> None:
        while not self._over.is_set():
            try:
                self.answers.append(health(self._port))
                with RawSocket(self._port) as visitor:
                    self.answers.append(visitor.status)
            except (OSError, AssertionError) as error:
                self.answers.append(error)

    def more_come(self) -> None:
        """Waits for some that came since."""
        least = len(self.answers) + 40
        eventually(lambda: len(self.answers) >= least, "more visitors", 30)

    @contextmanager
    def visiting(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join(scaled(30))


@pytest.mark.timeout(120)
def test_a_running_server_is_replaced_without_one_refused_connect(
    serve: Serve, listener: socket.socket
) -> None:
    port = listener.getsockname()[1]
    first = serve("processes", listener=listener)
    assert first.port == port
    visitors = Visitors(port)
    with visitors.visiting():
        visitors.more_come()
        second = serve("processes", listener=listener)
        visitors.more_come()
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(scaled(20)) == 0
        visitors.more_come()
    assert {*visitors.answers} == {200, 101}
    # Now nobody serves, yet nobody is refused: who connects waits for the next one.
    assert second.stop() == 0
    with socket.create_connection(("127.0.0.1", port), scaled(30)) as early:
        client = RawClient(early)
        client.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        serve("processes", listener=listener)
        answer = client.response()
        assert answer is not None
        assert answer.status == 200


def test_a_socket_that_does_not_listen_gives_one_line(serve: Serve) -> None:
    with socket.socket() as idle:
        idle.bind(("127.0.0.1", 0))
        with pytest.raises(AssertionError, match="not a TCP socket that"):
            serve("processes", listener=idle)
