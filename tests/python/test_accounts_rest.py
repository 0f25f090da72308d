"""What users do with their account over HTTP, and that a token taken back counts nowhere."""

import os
import re
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from conftest import Serve
from support import ServerProcess, eventually, scaled

PASSWORD = "correct horse battery"
OTHER = "another horse battery"


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("rest", login_failures_per_address=0)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def login(http: httpx.Client, email: str, password: str = PASSWORD) -> httpx.Response:
    return http.post("/user/login", json={"email": email, "password": password})


def another_token(http: httpx.Client, email: str, password: str = PASSWORD) -> str:
    return str(login(http, email, password).raise_for_status().json()["token"])


def counts(http: httpx.Client, token: str) -> bool:
    answer = http.get("/user/me", headers=bearer(token))
    if answer.status_code == 200:
        return True
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    return False


def change_password(http: httpx.Client, token: str, old: str, new: str) -> httpx.Response:
    body = {"old_password": old, "new_password": new}
    return http.post("/user/change_password", headers=bearer(token), json=body)


def logout(http: httpx.Client, token: str) -> httpx.Response:
    return http.post("/user/logout", headers=bearer(token))


def refresh(http: httpx.Client, token: str) -> httpx.Response:
    return http.post("/user/refresh", headers=bearer(token))


def run(http: httpx.Client, token: str, walker: str, **fields: str) -> httpx.Response:
    return http.post(f"/walker/{walker}", headers=bearer(token), json=fields)


def delete(http: httpx.Client, token: str, password: str = PASSWORD) -> httpx.Response:
    return http.post("/user/delete", headers=bearer(token), json={"password": password})


async def assert_refused_everywhere(server: ServerProcess, token: str) -> None:
    """REST, with and without a walker that wants a user; the handshake; change_user."""
    async with httpx.AsyncClient(base_url=server.url, timeout=scaled(30), trust_env=False) as http:
        for path in ("/walker/notes", "/walker/who"):
            answer = await http.post(path, headers=bearer(token), json={})
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    with pytest.raises(InvalidStatus) as caught:
        await server.websocket(token=token)
    assert caught.value.response.status_code == 401
    async with await server.websocket() as client:
        error = await client.ask({"type": "change_user", "token": token})
        assert error["code"] == "invalid_token"
        frame = await client.receive()
        assert frame["data"]["root_id"] == "n::000000000000000000000001"


def test_a_user_is_told_who_they_are(server: ServerProcess, http: httpx.Client) -> None:
    token = server.register("me@example.com")
    answer = http.get("/user/me", headers=bearer(token))
    assert answer.status_code == 200
    assert answer.json() == login(http, "me@example.com").json()["user"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/user/me"),
        ("POST", "/user/refresh"),
        ("POST", "/user/logout"),
        ("POST", "/user/change_password"),
        ("POST", "/user/delete"),
    ],
)
def test_what_is_a_users_own_wants_a_good_token(http: httpx.Client, method: str, path: str) -> None:
    for headers, code in (({}, "unauthenticated"), (bearer("x.y.z"), "invalid_token")):
        answer = http.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "extra", [{}, {"grant_type": "password"}, {"scope": "a b", "client_id": ""}]
)
def test_an_oauth2_form_logs_in(
    server: ServerProcess, http: httpx.Client, extra: dict[str, str]
) -> None:
    email = f"form+{len(extra)}@example.com"
    server.register(email)
    form = {"username": email.upper(), "password": PASSWORD, **extra}
    # Swagger UI sends its client's empty name and secret, too.
    answer = http.post("/user/login", data=form, auth=("", ""))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("bearer", 12 * 3600)
    assert answer.headers["cache-control"] == "no-store"
    assert counts(http, body["access_token"])


@pytest.mark.parametrize(
    ("form", "places"),
    [
        ({}, ["username", "password"]),
        ({"username": "nobody", "password": PASSWORD}, ["username"]),
        ({"email": "a@b.example", "password": "short"}, ["username", "password"]),
        (
            {"username": "a@b.example", "password": PASSWORD, "grant_type": "client_credentials"},
            ["grant_type"],
        ),
    ],
)
def test_a_form_that_is_no_login_is_told_what_is_wrong(
    http: httpx.Client, form: dict[str, str], places: list[str]
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = http.post("/user/login", data=form, headers=headers)
    assert answer.status_code == 422
    assert [problem["loc"] for problem in answer.json()["error"]] == [["body", at] for at in places]


def test_a_form_of_thousands_of_fields_is_not_read(http: httpx.Client) -> None:
    answer = http.post("/user/login", data={f"field{number}": "" for number in range(5_000)})
    assert answer.status_code == 400


def test_a_form_registers_too(http: httpx.Client) -> None:
    form = {"username": "by-form@example.com", "password": PASSWORD}
    assert http.post("/user/register", data=form).status_code == 201
    assert login(http, "by-form@example.com").status_code == 200


async def test_a_token_is_good_for_nothing_once_its_user_has_logged_out(
    server: ServerProcess, http: httpx.Client
) -> None:
    here = server.register("logout@example.com")
    elsewhere = another_token(http, "logout@example.com")
    answer = logout(http, here)
    assert (answer.status_code, answer.content) == (204, b"")
    await assert_refused_everywhere(server, here)
    assert logout(http, here).status_code == 401
    assert refresh(http, here).status_code == 401
    assert counts(http, elsewhere)


def test_a_refreshed_token_is_another_of_the_same_user_beside_the_first(
    server: ServerProcess, http: httpx.Client
) -> None:
    first = server.register("refresh@example.com")
    answer = refresh(http, first)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["user"]["email"] == "refresh@example.com"
    assert body["token"] != first
    logout(http, first)
    assert not counts(http, first)
    assert counts(http, body["token"])


async def test_a_new_password_leaves_the_token_that_set_it_and_no_other(
    server: ServerProcess, http: httpx.Client
) -> None:
    here = server.register("change@example.com")
    elsewhere = another_token(http, "change@example.com")
    refreshed = refresh(http, elsewhere).json()["token"]
    answer = change_password(http, here, PASSWORD, OTHER)
    assert (answer.status_code, answer.content) == (204, b"")
    assert counts(http, here)
    await assert_refused_everywhere(server, elsewhere)
    assert not counts(http, refreshed)
    assert login(http, "change@example.com").status_code == 401
    assert counts(http, another_token(http, "change@example.com", OTHER))


def test_a_password_is_changed_by_who_knows_it_alone(
    server: ServerProcess, http: httpx.Client
) -> None:
    token = server.register("guess@example.com")
    for _ in range(10):
        answer = change_password(http, token, "wrong password", OTHER)
        assert (answer.status_code, answer.json()["code"]) == (403, "wrong_password")
    refused = change_password(http, token, PASSWORD, OTHER)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    # One limit for all ways of guessing.
    assert login(http, "guess@example.com").status_code == 429
    assert delete(http, token).status_code == 429
    assert counts(http, token)


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({}, ["old_password", "new_password"]),
        ({"old_password": PASSWORD, "new_password": "short"}, ["new_password"]),
        ({"old_password": PASSWORD, "new_password": "x" * 1025}, ["new_password"]),
        ({"old_password": PASSWORD, "new_password": None}, ["new_password"]),
    ],
)
def test_a_new_password_that_is_none_is_refused(
    server: ServerProcess, http: httpx.Client, body: dict[str, Any], places: list[str]
) -> None:
    email = f"none{len(str(body))}@example.com"
    answer = http.post("/user/change_password", headers=bearer(server.register(email)), json=body)
    assert answer.status_code == 422
    assert [problem["loc"] for problem in answer.json()["error"]] == [["body", at] for at in places]
    assert PASSWORD not in answer.text
    assert login(http, email).status_code == 200


async def test_a_deleted_user_is_gone_with_all_that_was_theirs(
    server: ServerProcess, http: httpx.Client
) -> None:
    email = "delete@example.com"
    token = server.register(email)
    root = login(http, email).json()["user"]["root_id"]
    written = run(http, token, "write", text="mine").json()
    node = written["reports"][0]["_jac_id"]
    wrong = delete(http, token, "wrong password")
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_password")
    assert counts(http, token)
    answer = delete(http, token)
    assert (answer.status_code, answer.content) == (204, b"")
    await assert_refused_everywhere(server, token)
    assert login(http, email).status_code == 401
    witness = server.register("witness@example.com")
    assert run(http, witness, f"read/{node}").status_code == 403
    again = server.register(email)
    assert login(http, email).json()["user"]["root_id"] != root
    assert run(http, again, "notes").json() == {"status": 200, "reports": []}
    assert not counts(http, token)


def test_an_account_deleted_twice_at_once_is_deleted_once(
    server: ServerProcess, http: httpx.Client
) -> None:
    token = server.register("twice@example.com")
    barrier = threading.Barrier(4)

    def remove(_: int) -> int:
        with server.http() as own:
            barrier.wait()
            return delete(own, token).status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = {*pool.map(remove, range(4))}
    assert 204 in statuses
    # A later one finds the token taken back, or the user gone.
    assert statuses <= {204, 401, 403}
    assert login(http, "twice@example.com").status_code == 401


def test_users_that_cannot_be_reached_for_now_are_said_to_be_so(
    server: ServerProcess, http: httpx.Client
) -> None:
    token = server.register("patient@example.com")
    database = server.app.parent / ".jac" / "data" / "users.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        refused = logout(http, token)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert int(refused.headers["retry-after"]) > 0
        # Who only reads does not notice.
        assert counts(http, token)
        another.execute("ROLLBACK")
    # Who was let wait for all of `users_timeout` has the others refused for a moment.
    eventually(lambda: logout(http, token).status_code == 204)


def test_tokens_outlive_the_change_of_the_secret_for_as_long_as_the_former_is_set(
    serve: Serve,
) -> None:
    former, present = "former 0123456789 abcdefghijklmnop", "present 0123456789 abcdefghijklmno"
    server = serve("rest", env={"TOKEN_SECRET": former})
    token = server.register("rotated@example.com")
    server.stop()
    for secrets, is_good in (
        ({"TOKEN_SECRET": present, "TOKEN_SECRET_PREVIOUS": former}, True),
        ({"TOKEN_SECRET": present}, False),
    ):
        restarted = ServerProcess(server.app, {}, {**os.environ, **secrets})
        try:
            with restarted.http() as http:
                assert counts(http, token) == is_good
                if is_good:
                    issued = refresh(http, token).json()["token"]
                assert counts(http, issued)
        finally:
            assert restarted.stop() == 0
        assert not re.search("former|present", restarted.log())
