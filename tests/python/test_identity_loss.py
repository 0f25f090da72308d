"""Live connections whose token ends: closed with 4401, within seconds, and no others."""

import subprocess
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from conftest import Serve
from support import JAC, Client, ServerProcess, bound, scaled

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("rest", login_failures_per_address=0, io_threads=2)


def login(server: ServerProcess, email: str) -> str:
    with server.http() as http:
        account = {"email": email, "password": PASSWORD}
        return str(http.post("/user/login", json=account).raise_for_status().json()["token"])


async def close_code(client: Client) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        await client.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.reason == "token expired or revoked"
    return closed.value.rcvd.code


def call(server: ServerProcess, method: str, path: str, token: str, body: Any = None) -> None:
    with server.http() as http:
        headers = {"Authorization": f"Bearer {token}"}
        http.request(method, path, headers=headers, json=body).raise_for_status()


def operator(server: ServerProcess, *command: str) -> None:
    subprocess.run(
        bound([str(JAC), "cloud", "user", *command]),
        cwd=server.app.parent,
        check=True,
        capture_output=True,
        timeout=scaled(30),
    )


async def test_logging_out_closes_the_connections_of_that_token_alone(
    server: ServerProcess,
) -> None:
    token = server.register("logout@example.com")
    other = login(server, "logout@example.com")
    mine = [await server.websocket(token=token) for _ in range(4)]
    kept = await server.websocket(token=other)
    call(server, "POST", "/user/logout", token)
    assert [await close_code(client) for client in mine] == [4401] * 4
    await kept.connection()
    await kept.close()


async def test_a_changed_password_closes_all_but_the_token_that_asked(
    server: ServerProcess,
) -> None:
    token = server.register("change@example.com")
    other = login(server, "change@example.com")
    mine, others = await server.websocket(token=token), await server.websocket(token=other)
    body = {"old_password": PASSWORD, "new_password": "another horse battery"}
    call(server, "POST", "/user/change_password", token, body)
    assert await close_code(others) == 4401
    await mine.connection()
    await mine.close()


async def test_deleting_the_account_closes_its_connections(server: ServerProcess) -> None:
    token = server.register("gone@example.com")
    mine = await server.websocket(token=token)
    call(server, "POST", "/user/delete", token, {"password": PASSWORD})
    assert await close_code(mine) == 4401


async def test_an_operator_who_disables_a_user_in_another_process_closes_its_connections(
    server: ServerProcess,
) -> None:
    mine = await server.websocket(token=server.register("disabled@example.com"))
    bystander = await server.websocket()
    operator(server, "disable", "disabled@example.com")
    assert await close_code(mine) == 4401
    await bystander.connection()
    await bystander.close()


async def test_who_changed_to_the_user_later_is_closed_too(server: ServerProcess) -> None:
    token = server.register("later@example.com")
    mine = await server.websocket()
    await mine.change_user(token)
    call(server, "POST", "/user/logout", token)
    assert await close_code(mine) == 4401


async def test_who_changed_away_from_the_user_stays(server: ServerProcess) -> None:
    token = server.register("away@example.com")
    mine = await server.websocket(token=token)
    await mine.change_user(None)
    call(server, "POST", "/user/logout", token)
    await mine.connection()
    await mine.close()


async def test_a_token_that_expires_closes_its_connections(serve: Serve) -> None:
    # Tokens end with a whole second: there has to be time left to connect in the last one of them.
    server = serve("rest", token_timeout=int(scaled(5)))
    mine = await server.websocket(token=server.register("short@example.com"))
    public = await server.websocket()
    assert await close_code(mine) == 4401
    await public.connection()
    await public.close()
