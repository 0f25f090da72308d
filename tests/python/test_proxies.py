"""Trusted proxies: who is believed about a client's address."""

import asyncio
from contextlib import ExitStack
from typing import Any

import pytest

from conftest import Serve
from figures import OPEN, Figures
from jac_cloud.proxies import BehindProxies, TrustedProxies
from sockets import RawSocket
from support import ServerProcess, eventually

INSIDE = ("10.0.0.0/8", "::1", "fd00::/8")


@pytest.mark.parametrize(
    ("forwarded_for", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 10.1.1.1", "203.0.113.7"),
        ("6.6.6.6,203.0.113.7 , 10.1.1.1,fd00::7", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("10.2.2.2, 10.1.1.1", "10.2.2.2"),
        ("6.6.6.6, unknown, 10.1.1.1", "10.1.1.1"),
        ("6.6.6.6, ", "10.0.0.9"),
        ("<script>", "10.0.0.9"),
        ("", "10.0.0.9"),
        ("203.0.113.7" * 1000, "10.0.0.9"),
    ],
)
def test_the_client_is_the_last_address_that_no_trusted_proxy_has(
    forwarded_for: str, client: str
) -> None:
    assert TrustedProxies(INSIDE).client("10.0.0.9", forwarded_for) == client


def test_with_everyone_trusted_it_is_the_first_address() -> None:
    assert TrustedProxies(["*"]).client("8.8.8.8", "203.0.113.7, 9.9.9.9") == "203.0.113.7"


def seen(peer: str, *headers: tuple[bytes, bytes]) -> tuple[Any, Any]:
    """Client and scheme that the application is told."""
    told: dict[str, Any] = {}

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        told.update(scope)

    scope = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": headers}
    layer = BehindProxies(app, TrustedProxies(INSIDE))
    asyncio.run(layer(scope, None, None))  # type: ignore[arg-type]
    return told["client"], told["scheme"]


def test_only_trusted_peers_are_believed() -> None:
    headers = [(b"x-forwarded-for", b"203.0.113.7"), (b"x-forwarded-proto", b"https")]
    assert seen("10.0.0.9", *headers) == (("203.0.113.7", 0), "https")
    for stranger in ("203.0.113.9", "11.0.0.1", "fe80::1", "not-an-address"):
        assert seen(stranger, *headers) == ((stranger, 1), "http")


def test_what_a_trusted_proxy_does_not_tell_stays_as_it_is() -> None:
    assert seen("10.0.0.9") == (("10.0.0.9", 1), "http")
    assert seen("10.0.0.9", (b"x-forwarded-proto", b"gopher")) == (("10.0.0.9", 1), "http")
    assert seen("10.0.0.9", (b"x-forwarded-proto", b"http, HTTPS"))[1] == "https"


def test_headers_that_come_twice_are_one_list() -> None:
    headers = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"203.0.113.7")]
    assert seen("10.0.0.9", *headers)[0] == ("203.0.113.7", 0)


@pytest.mark.parametrize("trusted", [True, False])
def test_logins_are_limited_by_the_address_behind_a_trusted_proxy_alone(
    serve: Serve, trusted: bool
) -> None:
    server = serve(
        "rest",
        login_failures_per_address=2,
        **({"trusted_proxies": "127.0.0.1,10.0.0.0/8"} if trusted else {}),
    )
    first = [login(server, "203.0.113.7") for _ in range(3)]
    assert first == [401, 401, 429]
    # Made up by the client in front of what its proxy adds.
    assert login(server, "9.9.9.9, 203.0.113.7") == 429
    assert login(server, "203.0.113.8, 10.0.0.1") == (401 if trusted else 429)


def test_websockets_are_limited_by_the_address_behind_a_trusted_proxy_and_the_proxy_is_not(
    serve: Serve,
) -> None:
    server = serve("operating", trusted_proxies="127.0.0.1", max_connections_per_address=2, **OPEN)

    def upgrade(live: ExitStack, forwarded_for: str) -> int:
        header = f"X-Forwarded-For: {forwarded_for}\r\n"
        return live.enter_context(RawSocket(server.port, header=header)).status

    with ExitStack() as live:
        assert [upgrade(live, "203.0.113.7") for _ in range(3)] == [101, 101, 503]
        # Made up by the client in front of what its proxy adds.
        assert upgrade(live, "9.9.9.9, 203.0.113.7") == 503
        assert [upgrade(live, "203.0.113.8, 127.0.0.1") for _ in range(2)] == [101, 101]
        # The proxy's own connections, for requests of whomever.
        clients = [live.enter_context(server.http()) for _ in range(3)]
        assert [client.get("/healthz").status_code for client in clients] == [200] * 3
        figures = Figures(server)
        assert figures("limits_reached_total", setting="max_connections_per_address") == 2
        eventually(lambda: "203.0.113.7" in server.log(), "it is in the log")

    def comes_back() -> bool:
        with ExitStack() as again:
            return upgrade(again, "203.0.113.7") == 101

    eventually(comes_back, "its places are given back")


def login(server: ServerProcess, forwarded_for: str) -> int:
    account = {"email": "nobody@example.com", "password": "not the password"}
    with server.http() as http:
        headers = {"X-Forwarded-For": forwarded_for}
        return http.post("/user/login", json=account, headers=headers).status_code


def test_a_path_that_a_proxy_takes_off_is_known_to_the_application(serve: Serve) -> None:
    server = serve("rest", root_path="/chat")
    with server.http() as http:
        for path in ("/walker/greet", "/chat/walker/greet"):
            assert http.post(path).json()["reports"] == ["hello you"]
        document = http.get("/openapi.json").json()
    assert document["servers"][0]["url"] == "/chat"
