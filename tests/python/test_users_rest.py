"""Users over HTTP: registering, logging in, and what wrong requests are answered."""

import asyncio
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from conftest import Serve
from support import ServerProcess, eventually

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("rest", login_failures_per_address=0)


def account(email: str, password: str = PASSWORD) -> dict[str, str]:
    return {"email": email, "password": password}


def login(http: httpx.Client, email: str, password: str = PASSWORD) -> httpx.Response:
    return http.post("/user/login", json=account(email, password))


def test_a_new_user_registers_and_logs_in(http: httpx.Client) -> None:
    registered = http.post("/user/register", json=account("Ada@Example.com"))
    assert registered.status_code == 201
    assert registered.json() == {"message": "Successfully Registered!"}
    answer = http.post("/user/login", json=account("ada@example.com"))
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"token", "user", "access_token", "token_type", "expires_in"}
    assert body["access_token"] == body["token"]
    assert answer.headers["cache-control"] == "no-store"
    assert body["user"].keys() == {"id", "email", "root_id"}
    assert body["user"]["email"] == "ada@example.com"
    assert re.fullmatch(r"[0-9a-f]{24}", body["user"]["id"])
    assert re.fullmatch(r"n::[0-9a-f]{24}", body["user"]["root_id"])


async def test_the_user_of_a_token_has_the_root_that_login_told(
    server: ServerProcess, http: httpx.Client
) -> None:
    token = server.register("bob@example.com")
    root_id = login(http, "bob@example.com").json()["user"]["root_id"]
    async with await server.websocket(token=token) as client:
        assert client.root_id == root_id
    headers = {"Authorization": f"bearer {token}"}
    asked = await asyncio.to_thread(http.post, "/walker/who", headers=headers, json={})
    assert int(asked.json()["reports"][0].removeprefix("n::"), 16) == int(root_id[3:], 16)


def test_an_address_registers_once(http: httpx.Client) -> None:
    assert http.post("/user/register", json=account("once@example.com")).status_code == 201
    again = http.post("/user/register", json=account(" ONCE@example.com"))
    assert again.status_code == 409
    assert again.json()["code"] == "email_taken"


@pytest.mark.parametrize("path", ["/user/register", "/user/login"])
@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({}, [["body", "email"], ["body", "password"]]),
        ({"email": "a@b.example"}, [["body", "password"]]),
        (account("no address"), [["body", "email"]]),
        (account("a@b.example", "short"), [["body", "password"]]),
        (account("a@b.example", "é" * 513), [["body", "password"]]),
        ({"email": 1, "password": PASSWORD}, [["body", "email"]]),
        ({"email": ["a@b.example"], "password": None}, [["body", "email"], ["body", "password"]]),
        ([], [["body"]]),
        ("text", [["body"]]),
    ],
)
def test_what_is_wrong_with_an_account_is_said_without_repeating_it(
    http: httpx.Client, path: str, body: Any, places: list[list[str]]
) -> None:
    answer = http.post(path, json=body)
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_input"
    problems = answer.json()["error"]
    assert [problem["loc"] for problem in problems] == places
    assert all(problem.keys() == {"type", "loc", "msg"} for problem in problems)
    assert "short" not in answer.text
    assert PASSWORD not in answer.text


@pytest.mark.parametrize("body", [b"", b"{", b'{"email": NaN}', b"\xff", b'{"email": "\\ud800"}'])
def test_a_body_that_is_no_json_is_a_bad_request(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/user/login", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_json"


def test_a_body_that_says_to_be_something_else_is_refused(http: httpx.Client) -> None:
    for content in (
        {"files": {"email": b"x"}},
        {"content": b"{}", "headers": {"Content-Type": "text/plain"}},
    ):
        answer = http.post("/user/login", **content)
        assert answer.status_code == 415
        assert answer.json()["code"] == "unsupported_media_type"


def test_a_wrong_password_and_an_unknown_address_look_the_same(http: httpx.Client) -> None:
    http.post("/user/register", json=account("known@example.com"))
    answers = [
        http.post("/user/login", json=account(email, "wrong password"))
        for email in ("known@example.com", "unknown@example.com")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].content == answers[1].content
    assert answers[0].headers["www-authenticate"] == "Bearer"


def test_an_account_takes_ten_failures_a_minute_and_successes_do_not_count(
    http: httpx.Client,
) -> None:
    http.post("/user/register", json=account("target@example.com"))
    for _ in range(12):
        assert http.post("/user/login", json=account("target@example.com")).status_code == 200
    wrong = account("target@example.com", "wrong password")
    for _ in range(10):
        assert http.post("/user/login", json=wrong).status_code == 401
    refused = http.post("/user/login", json=account("target@example.com"))
    assert refused.status_code == 429
    assert refused.json()["code"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    http.post("/user/register", json=account("another@example.com"))
    assert http.post("/user/login", json=account("another@example.com")).status_code == 200


def test_failures_at_the_same_time_are_no_way_around_the_limit(server: ServerProcess) -> None:
    def fail(_: int) -> int:
        with server.http() as http:
            return http.post(
                "/user/login", json=account("burst@example.com", "wrong password")
            ).status_code

    with ThreadPoolExecutor(30) as pool:
        statuses = [*pool.map(fail, range(30))]
    assert statuses.count(401) == 10
    assert statuses.count(429) == 20


def test_many_logins_at_the_same_time_all_succeed(server: ServerProcess) -> None:
    server.register("crowd@example.com")

    def login(_: int) -> int:
        with server.http() as http:
            return http.post("/user/login", json=account("crowd@example.com")).status_code

    with ThreadPoolExecutor(20) as pool:
        assert {*pool.map(login, range(20))} == {200}


def test_whoever_needs_no_password_is_served_while_passwords_are_hashed(
    server: ServerProcess,
) -> None:
    server.register("hashing@example.com")
    enough = threading.Event()
    statuses: list[int] = []

    def log_in_again_and_again(http: httpx.Client) -> None:
        while not enough.is_set():
            statuses.append(login(http, "hashing@example.com").status_code)

    with ExitStack() as stack:
        http = stack.enter_context(server.http())
        # Made before the first login: each takes longer than a hash.
        clients = [stack.enter_context(server.http()) for _ in range(30)]
        pool = stack.enter_context(ThreadPoolExecutor(len(clients)))
        stack.callback(enough.set)
        going_on = [pool.submit(log_in_again_and_again, client) for client in clients]
        eventually(lambda: statuses, "somebody has logged in", 30)

        def overtakes_most() -> bool:
            before = len(statuses)
            assert http.post("/walker/greet").status_code == 200
            # Were they hashed on its event loop, all who asked before would be answered before.
            return len(statuses) - before < len(clients) / 2

        eventually(overtakes_most, "it is served while most of them wait", 30)
    for each in going_on:
        each.result()
    assert {*statuses} == {200}


def test_an_address_takes_as_many_failures_as_its_setting_allows(serve: Serve) -> None:
    with serve("rest", login_failures_per_address=3).http() as http:
        for number in range(3):
            wrong = account(f"user{number}@example.com", "wrong password")
            assert http.post("/user/login", json=wrong).status_code == 401
        assert http.post("/user/login", json=account("other@example.com")).status_code == 429


def test_no_password_or_token_is_in_the_log(serve: Serve) -> None:
    server = serve("rest", debug=True)
    token = server.register("quiet@example.com", "unusual password 1")
    headers = {"Authorization": f"Bearer {token}x"}
    with server.http() as http:
        http.post("/user/login", json=account("quiet@example.com", "unusual password 2"))
        assert http.post("/walker/who", headers=headers, json={}).status_code == 401
    server.stop()
    log = server.log()
    assert "unusual password" not in log
    assert token.split(".")[1] not in log


def test_users_and_tokens_outlive_a_restart(serve: Serve) -> None:
    first = serve("rest")
    token = first.register("durable@example.com")
    first.stop()
    again = ServerProcess(first.app, {})
    try:
        with again.http() as http:
            asked = http.post("/walker/who", headers={"Authorization": f"Bearer {token}"}, json={})
            assert asked.status_code == 200
            assert http.post("/user/login", json=account("durable@example.com")).status_code == 200
    finally:
        assert again.stop() == 0
