"""Clients that are slow, that leave, and that are still there when the server stops."""

import asyncio
import socket
import threading
import time

from asgi_server import TEXT, bridged, connect, echo, is_http, read_all, read_body, respond
from jac_cloud.asgi import ClientDisconnected, Message, Receive, Scope, Send
from support import eventually, scaled


def test_send_waits_for_a_client_that_reads_slowly() -> None:
    sent: list[int] = []
    piece = b"x" * 100_000
    pieces = 500

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        assert is_http(scope)
        await send({"type": "http.response.start", "status": 200, "headers": TEXT})
        for i in range(pieces):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            sent.append(i)
        await send({"type": "http.response.body"})

    async def other(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/other":
            await respond(send, b"at once")
        else:
            await app(scope, receive, send)

    with bridged(other) as server, connect(server.port) as client, server.http() as http:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

        def stands_still() -> bool:
            before = len(sent)
            http.get("/other")
            return 0 < len(sent) == before

        eventually(stands_still)
        assert len(sent) < pieces
        assert len(read_all(client)) > pieces * len(piece)


def test_receive_takes_no_more_than_is_asked_for() -> None:
    go_on = threading.Event()
    sizes: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert is_http(scope)
        await asyncio.to_thread(go_on.wait)
        while True:
            message = await receive()
            sizes.append(len(message["body"]))
            if not message["more_body"]:
                break
        await respond(send)

    body = b"x" * 9_000_000
    with bridged(app) as server, connect(server.port) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body))
        client.setblocking(False)
        sent = 0

        def is_held_back() -> bool:
            nonlocal sent
            try:
                sent += client.send(body[sent : sent + 65536])
            except BlockingIOError:
                return True
            return False

        eventually(is_held_back)
        assert sent < len(body)
        client.settimeout(scaled(20))
        go_on.set()
        client.sendall(body[sent:])
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert sum(sizes) == len(body)
    assert max(sizes) < 1_000_000


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked() -> None:
    with bridged(echo) as server, connect(server.port) as client:
        client.sendall(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
            b"Connection: close\r\n\r\n"
        )
        assert client.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hello")
        assert read_all(client).endswith(b"\r\n\r\nhello")


def test_after_the_response_receive_says_disconnect() -> None:
    messages: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert is_http(scope)
        await respond(send)
        messages.append(await receive())

    with bridged(app) as server, server.http() as http:
        assert http.get("/").status_code == 200
        eventually(lambda: messages)
    assert messages == [{"type": "http.disconnect"}]


def test_a_handler_learns_that_its_client_has_gone_from_receive() -> None:
    messages: list[Message] = []

    async def app(scope: Scope, receive: Receive, _send: Send) -> None:
        assert is_http(scope)
        await read_body(receive)
        messages.append({"type": "waiting"})
        messages.append(await receive())

    with bridged(app) as server:
        with connect(server.port) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            eventually(lambda: messages)
        eventually(lambda: len(messages) == 2)
    assert messages[1] == {"type": "http.disconnect"}


def test_a_handler_learns_that_its_client_has_gone_from_send() -> None:
    errors: list[BaseException] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        assert is_http(scope)
        await send({"type": "http.response.start", "status": 200, "headers": TEXT})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
                await asyncio.sleep(0)
        except OSError as error:
            errors.append(error)
            raise

    with bridged(app) as server:
        with connect(server.port) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            client.recv(1)
        eventually(lambda: errors)
    assert isinstance(errors[0], ClientDisconnected)


def test_a_handler_whose_client_has_gone_is_cancelled() -> None:
    happened: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        assert is_http(scope)
        happened.append("started")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            happened.append("cancelled")
            raise

    with bridged(app) as server:
        with connect(server.port) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            eventually(lambda: happened == ["started"])
        eventually(lambda: happened == ["started", "cancelled"])


def test_what_a_handler_does_after_its_response_is_not_cancelled() -> None:
    go_on = threading.Event()
    happened: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert is_http(scope)
        name = scope["path"]
        if name == "/answered":
            await respond(send)
            assert await receive() == {"type": "http.disconnect"}
        happened.append(f"{name} started")
        try:
            await asyncio.to_thread(go_on.wait)
        except asyncio.CancelledError:
            happened.append(f"{name} cancelled")
            raise
        happened.append(f"{name} done")

    with bridged(app) as server:
        with connect(server.port) as client:
            client.sendall(b"GET /answered HTTP/1.1\r\nHost: a\r\n\r\n")
            assert client.recv(100)
        eventually(lambda: server.native.stats()["connections"] == 0)
        # One that is cancelled, and whose client left later: the first one's time is over then.
        with connect(server.port) as client:
            client.sendall(b"GET /left HTTP/1.1\r\nHost: a\r\n\r\n")
            eventually(lambda: happened == ["/answered started", "/left started"])
        eventually(lambda: "/left cancelled" in happened)
        go_on.set()
        eventually(lambda: happened[2:] == ["/left cancelled", "/answered done"])


def test_requests_that_are_still_answered_when_the_server_stops_are_whole() -> None:
    go_on = threading.Event()
    begun = threading.Event()

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        assert is_http(scope)
        begun.set()
        await asyncio.to_thread(go_on.wait)
        await respond(send, b"whole")

    with connect_later() as later:
        with bridged(app) as server:
            later.connect(("127.0.0.1", server.port))
            later.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert begun.wait(scaled(20))
            server.native.drain()
            go_on.set()
        assert read_all(later).endswith(b"\r\n\r\nwhole")


def test_a_handler_that_runs_past_the_deadline_is_cancelled_and_its_client_told() -> None:
    begun = threading.Event()

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        assert is_http(scope)
        begun.set()
        await asyncio.Event().wait()

    with bridged(app) as server, connect(server.port) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert begun.wait(scaled(20))
        server.native.drain()
        server.bridge.stop(time.monotonic())
        assert read_all(client).startswith(b"HTTP/1.1 503 ")


def connect_later() -> socket.socket:
    client = socket.socket()
    client.settimeout(scaled(20))
    return client
