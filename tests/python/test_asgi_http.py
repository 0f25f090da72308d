"""The HTTP part of ASGI on the native listener: scope, receive, send, and what goes wrong."""

import asyncio
import json
import logging
import threading

import httpx
import pytest

from asgi_server import TEXT, bridged, connect, echo, is_http, read_all, respond
from jac_cloud.asgi import Message, Receive, Scope, Send
from support import eventually


def test_the_scope_holds_everything_that_asgi_names() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        assert is_http(scope)
        seen.append(scope)
        await respond(send)

    with bridged(app, root_path="/api") as server:
        with connect(server.port) as client:
            client.sendall(
                b"GET /caf%C3%A9/a%2Fb?q=%20x&y HTTP/1.1\r\nHost: Example:80\r\nX-A: 1\r\n"
                b"x-a: \xe9\r\nConnection: close\r\n\r\n"
            )
            address = client.getsockname()
            read_all(client)
        with connect(server.port) as client:
            client.sendall(b"PATCH http://h/x?y HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            read_all(client)
        with connect(server.port) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            read_all(client)
        port = server.port
    first, second, third = seen
    assert first == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/api/café/a/b",
        "raw_path": b"/api/caf%C3%A9/a%2Fb",
        "query_string": b"q=%20x&y",
        "root_path": "/api",
        "headers": [
            (b"host", b"Example:80"),
            (b"x-a", b"1"),
            (b"x-a", b"\xe9"),
            (b"connection", b"close"),
        ],
        "client": address,
        "server": ("127.0.0.1", port),
        "state": {},
        "extensions": {},
    }
    assert (second["method"], second["path"], second["query_string"]) == ("PATCH", "/api/x", b"y")
    assert (third["http_version"], third["query_string"]) == ("1.0", b"")


def test_bodies_of_every_size_arrive_whole_and_go_back_whole() -> None:
    with bridged(echo, max_body_bytes=50_000_000) as server, server.http() as http:
        for size in (0, 1, 65_535, 65_536, 300_000, 20_000_000):
            body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
            assert http.post("/", content=body).content == body
            pieces = (body[i : i + 100_000] for i in range(0, size, 100_000))
            assert http.post("/", content=pieces).content == body


def test_many_clients_at_once_get_their_own_answers() -> None:
    with bridged(echo) as server:
        wrong: list[Exception | str] = []

        def ask(name: str) -> None:
            try:
                with server.http() as http:
                    for i in range(50):
                        said = f"{name} {i}"
                        if http.post("/", content=said).text != said:
                            wrong.append(said)
            except httpx.HTTPError as error:
                wrong.append(error)

        threads = [threading.Thread(target=ask, args=(f"client {i}",)) for i in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        eventually(lambda: server.native.stats()["connections"] == 0)


def test_a_response_streams_while_it_is_made() -> None:
    second_wanted = threading.Event()

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        assert is_http(scope)
        await send({"type": "http.response.start", "status": 200, "headers": TEXT})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await asyncio.to_thread(second_wanted.wait)
        await send({"type": "http.response.body", "body": b"second", "more_body": True})
        await send({"type": "http.response.body"})

    with bridged(app) as server, server.http() as http, http.stream("GET", "/") as response:
        pieces = response.iter_raw()
        assert next(pieces) == b"first"
        second_wanted.set()
        assert b"".join(pieces) == b"second"


def test_a_body_streams_while_it_is_read() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert is_http(scope)
        await send({"type": "http.response.start", "status": 200, "headers": TEXT})
        while True:
            message = await receive()
            more = message["more_body"]
            await send({"type": "http.response.body", "body": message["body"], "more_body": more})
            if not more:
                break

    with bridged(app) as server, connect(server.port) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        received = b""
        for said in (b"one", b"two", b"three"):
            client.sendall(b"%x\r\n%b\r\n" % (len(said), said))
            while not received.endswith(b"%x\r\n%b\r\n" % (len(said), said)):
                received += client.recv(65536)
        client.sendall(b"0\r\n\r\n")
        assert read_all(client).endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("error", [ValueError("secret detail"), SystemExit(3), KeyboardInterrupt()])
def test_an_exception_is_answered_with_a_ref_that_the_log_has(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        assert is_http(scope)
        if scope["path"] == "/fine":
            await respond(send, b"fine")
            return
        raise error

    with bridged(app) as server, server.http() as http, caplog.at_level(logging.ERROR):
        response = http.get("/raise?token=s3cret")
        assert response.status_code == 500
        body = response.json()
        assert body.keys() == {"error", "code", "ref"}
        assert body["code"] == "internal_error"
        assert "secret" not in response.text
        record = next(r for r in caplog.records if getattr(r, "ref", None) == body["ref"])
        assert record.exc_info is not None
        assert record.exc_info[1] is error
        assert "s3cret" not in json.dumps(record.__dict__, default=str)
        assert http.get("/fine").text == "fine"


def test_an_exception_after_the_first_bytes_cuts_the_response_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        assert is_http(scope)
        await send({"type": "http.response.start", "status": 200, "headers": TEXT})
        await send({"type": "http.response.body", "body": b"some", "more_body": True})
        raise ValueError("no more")

    with bridged(app) as server, server.http() as http:
        with pytest.raises(httpx.RemoteProtocolError):
            http.get("/")
        eventually(lambda: "no more" in caplog.text)


@pytest.mark.parametrize("begun", [False, True])
def test_returning_without_a_whole_response_is_an_error(
    begun: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        assert is_http(scope)
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": TEXT})

    with bridged(app) as server, server.http() as http:
        assert http.get("/").status_code == 500
        eventually(lambda: "without a whole response" in caplog.text)


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "http.response.body", "body": b""}],
        [{"type": "http.response.start", "status": 200}] * 2,
        [{"type": "websocket.accept"}],
        [{"type": "http.response.start", "status": 99}],
        [{"type": "http.response.start", "status": 200, "headers": [(b"x", b"a\r\nb: c")]}],
        [{"type": "http.response.start", "status": 200, "headers": [(b"x y", b"a")]}],
        [
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", b"1"), (b"content-length", b"2")],
            }
        ],
    ],
)
def test_messages_that_asgi_does_not_allow_raise_in_the_application(
    messages: list[Message],
) -> None:
    raised: list[Exception] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        assert is_http(scope)
        try:
            for message in messages:
                await send(message)
        except (RuntimeError, ValueError) as error:
            raised.append(error)
            raise

    with bridged(app) as server, server.http() as http:
        assert http.get("/").status_code == 500
    assert len(raised) == 1


def test_a_body_longer_than_announced_is_not_sent() -> None:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        assert is_http(scope)
        await respond(send, b"four", headers=[(b"content-length", b"3")])

    with bridged(app) as server, server.http() as http:
        assert http.get("/").status_code == 500
