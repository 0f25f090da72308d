"""Other processes and interpreters beside the server's: they touch nothing of its sockets."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from conftest import Serve
from raw_http import RawClient
from sockets import served_by
from support import ServerProcess, bound, eventually, scaled


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("processes")


@contextlib.contextmanager
def forked(server: ServerProcess) -> Iterator[int]:
    """A child of the server's, forked by a walker, while it lives."""
    with server.http() as http:
        (child,) = http.post("/walker/fork").raise_for_status().json()["reports"]
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_child_of_a_walker_has_none_of_the_servers_sockets(server: ServerProcess) -> None:
    assert served_by(server.port, server.process.pid)
    with forked(server) as child:
        # It closes its copies once it runs, which may be after its parent has answered.
        eventually(lambda: served_by(server.port, child) == set(), "it has none of them")


def test_clients_see_their_connections_end_while_such_a_child_lives(server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port), scaled(10)) as connection:
        client = RawClient(connection)
        client.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.response() is not None
        with forked(server):
            client.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert client.response() is not None
            assert connection.recv(1) == b""


async def test_what_such_a_child_says_reaches_nobody(server: ServerProcess) -> None:
    async with await server.websocket() as client:
        reply = await client.walker("fork")
        os.kill(reply["reports"][0], signal.SIGKILL)
        await client.connection()


async def test_a_walker_may_use_multiprocessing(server: ServerProcess) -> None:
    async with await server.websocket() as client:
        assert (await client.walker("multiply"))["reports"] == [0]
        assert (await client.walker("greet"))["reports"] == ["hello"]


SUBINTERPRETER = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

interpreters.run_string(interpreters.create(), '''
try:
    import jac_cloud._native
except ImportError as error:
    print("refused:", error)
''')
"""


def test_a_subinterpreter_is_refused_by_an_import_error_that_says_so() -> None:
    ended = subprocess.run(
        bound([sys.executable, "-c", SUBINTERPRETER]),
        capture_output=True,
        text=True,
        timeout=scaled(30),
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "refused: " in ended.stdout
    assert "interpreter" in ended.stdout
