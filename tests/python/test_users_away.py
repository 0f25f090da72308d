"""The users' database goes away while a server runs, and comes back."""

import json

import pytest
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from conftest import Serve
from postgresql import Postgresql
from support import ServerProcess, scaled


async def refusal(server: ServerProcess, token: str) -> Response:
    with pytest.raises(InvalidStatus) as caught:
        await server.websocket(token=token)
    return caught.value.response


async def test_users_that_do_not_answer_hold_nobody_longer_than_a_handshake_may_take(
    postgresql: Postgresql, serve: Serve
) -> None:
    url = postgresql.new_database()
    # What nobody waits for any more is still being asked when the users answer again.
    times = {"handshake_timeout": scaled(2), "users_timeout": scaled(30)}
    server = serve("rest", database_url=url, **times)
    ada, bob = (server.register(f"{name}@example.com") for name in ("ada", "bob"))
    async with await server.websocket(token=ada) as client:
        before = client.root_id
        with postgresql.silent(url):
            error = await client.ask({"type": "change_user", "token": bob, "id": 1})
            assert (error["code"], error["id"]) == ("unavailable", 1)
            assert (await client.connection())["root_id"] == before
            assert (await refusal(server, bob)).status_code == 503
        # What is answered after all comes too late, and those that nobody waits for are left out.
        assert (await client.change_user(ada))["root_id"] == before
        await client.connection()
        assert (await client.change_user(bob))["root_id"] != before


async def test_while_the_users_are_away_a_token_is_neither_good_nor_bad(
    postgresql: Postgresql, serve: Serve
) -> None:
    url = postgresql.new_database()
    server = serve("rest", database_url=url)
    token = server.register("ada@example.com")
    async with await server.websocket(token=token) as ada, await server.websocket() as guest:
        with postgresql.closed(url):
            unavailable = await refusal(server, token)
            assert unavailable.status_code == 503
            assert int(unavailable.headers["Retry-After"]) > 0
            assert json.loads(unavailable.body or b"")["code"] == "unavailable"
            with server.http() as http:
                headers = {"Authorization": f"Bearer {token}"}
                answer = http.post("/walker/who", headers=headers, json={})
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            # What is no token at all needs no database to be refused.
            assert (await refusal(server, "x.y.z")).status_code == 401
            for client in (ada, guest):
                before = client.root_id
                error = await client.ask({"type": "change_user", "token": token, "id": 1})
                assert error["type"] == "change_user"
                assert (error["code"], error["id"]) == ("unavailable", 1)
                assert (await client.connection())["root_id"] == before
        assert (await guest.change_user(token))["root_id"] == ada.root_id
    assert "a token could not be checked" in server.log()
