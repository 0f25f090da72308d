"""Tokens that nobody issued, by every way in: refused by each, an error of the server's by none."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from conftest import Serve
from forged_tokens import HEADER, SECRET, forgeries, sign
from raw_http import raw_client
from support import Client, ServerProcess, scaled

PUBLIC = "n::000000000000000000000001"


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> Iterator[ServerProcess]:
    server = serve_module("rest", {"JAC_CLOUD_TOKEN_SECRET": SECRET.decode()}, message_rate=0)
    yield server
    server.stop()
    assert "Traceback" not in server.log()


@pytest.fixture(scope="module")
def genuine(server: ServerProcess) -> str:
    return server.register("ada@example.com")


@pytest.fixture(scope="module")
def forged(genuine: str) -> dict[str, str]:
    return forgeries(user_of(genuine), int(time.time()))


def user_of(token: str) -> str:
    body = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["sub"])


def test_what_the_forgeries_start_from_would_be_taken(server: ServerProcess, genuine: str) -> None:
    now = int(time.time())
    claims = {"sub": user_of(genuine), "iat": now, "exp": now + 600, "jti": "1"}
    with server.http() as http:
        headers = {"Authorization": f"Bearer {sign(HEADER, claims)}"}
        assert http.get("/user/me", headers=headers).status_code == 200


def test_rest_takes_none_of_them(server: ServerProcess, forged: dict[str, str]) -> None:
    answers: dict[str, Any] = {}
    with server.http() as http:
        for path in ("/walker/who", "/walker/notes", "/user/refresh"):
            for name, token in forged.items():
                answer = http.post(path, headers={"Authorization": f"Bearer {token}"}, json={})
                answers[f"{path}: {name}"] = answer.status_code, answer.json()["code"]
    # More than a head may hold does not come as far as to be a token.
    expected = {
        name: (431, "header_too_large") if name.endswith("64 KB") else (401, "invalid_token")
        for name in answers
    }
    assert answers == expected


async def test_no_handshake_takes_any_of_them(
    server: ServerProcess, forged: dict[str, str]
) -> None:
    statuses = {name: await handshake(server, f"Bearer {token}") for name, token in forged.items()}
    assert statuses == {name: 431 if name == "64 KB" else 401 for name in forged}


async def test_no_change_of_user_takes_any_of_them(
    server: ServerProcess, genuine: str, forged: dict[str, str]
) -> None:
    async with await server.websocket(token=genuine) as client:
        for name, token in forged.items():
            await client.change_user(genuine)
            error = await client.ask({"type": "change_user", "token": token})
            assert (error["type"], error["code"]) == ("change_user", "invalid_token"), name
            assert (await client.receive())["data"]["root_id"] == PUBLIC, name


async def test_what_is_no_bearer_is_refused_by_rest_and_by_the_handshake(
    server: ServerProcess, genuine: str
) -> None:
    for header in (
        "Bearer",
        "Bearer ",
        "bearerX",
        f"bearerX {genuine}",
        f"Bearer  {genuine}",
        f"Bearer\t{genuine}",
        f"Bearer {genuine} {genuine}",
        f"Bearer {genuine},",
        f"Basic {genuine}",
        genuine,
        "",
    ):
        assert await handshake(server, header) in (400, 401), header
        with raw_client(server.port) as client:
            client.send(f"POST /walker/who HTTP/1.1\r\nHost: a\r\nAuthorization: {header}\r\n"
                        "Content-Length: 0\r\n\r\n".encode())  # fmt: skip
            response = client.response()
        assert response is not None
        assert response.status in (400, 401), header


@pytest.mark.parametrize("request_line", [b"POST /walker/who HTTP/1.1", b"GET /websocket HTTP/1.1"])
def test_two_headers_and_letters_beyond_ascii_are_refused(
    server: ServerProcess, genuine: str, request_line: bytes
) -> None:
    upgrade = (
        b"Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        if b"websocket" in request_line
        else b"Host: a\r\nContent-Length: 0\r\n"
    )
    bearer = b"Authorization: Bearer " + genuine.encode()
    for lines in (
        [bearer, bearer],
        [bearer, b"Authorization: Bearer x"],
        [bearer, b"authorization:"],
        ["Authorization: Bearer caf\u00e9".encode()],
        ["Authorization: Bearer caf\u00e9".encode("latin-1")],
        [bearer + b"\xff"],
        [bearer + b"\x00"],
    ):
        with raw_client(server.port) as client:
            client.send(b"\r\n".join([request_line, *lines]) + b"\r\n" + upgrade + b"\r\n")
            response = client.response()
        assert response is not None
        assert response.status in (400, 401), lines


@pytest.mark.parametrize("name", ["token", "access_token", "jwt", "auth", "authorization"])
async def test_a_token_in_the_address_makes_nobody_known(
    server: ServerProcess, genuine: str, name: str
) -> None:
    url = f"{server.ws_url}?{name}={genuine}"
    async with Client(await connect(url, proxy=None, open_timeout=scaled(10))) as client:
        assert (await client.receive())["data"]["root_id"] == PUBLIC


async def test_a_token_for_a_subprotocol_is_neither_taken_nor_sent_back(
    server: ServerProcess, genuine: str
) -> None:
    async with await server.websocket(subprotocols=["bearer", genuine]) as client:
        assert client.root_id == PUBLIC
        assert client.socket.subprotocol is None
        assert genuine not in str(client.socket.response)


async def handshake(server: ServerProcess, authorization: str) -> int:
    """The status of a handshake that must not succeed."""
    with pytest.raises(InvalidStatus) as caught:
        await connect(
            server.ws_url,
            additional_headers={"Authorization": authorization},
            proxy=None,
            open_timeout=scaled(10),
        )
    return caught.value.response.status_code
