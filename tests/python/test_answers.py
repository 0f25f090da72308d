"""What a walker answers beside its reports: a status, headers, a body."""

import asyncio
from typing import Any

import httpx
import pytest

from conftest import Serve
from jac_cloud.plugin import answer
from support import ServerProcess


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("answers")


async def by_rest(http: httpx.Client, walker: str, **context: Any) -> httpx.Response:
    return await asyncio.to_thread(http.post, f"/walker/{walker}", json=context)


async def by_websocket(server: ServerProcess, walker: str, **context: Any) -> Any:
    async with await server.websocket() as client:
        event = {"type": "walker", "walker": walker, "response": True, "context": context}
        return await client.ask(event)


@pytest.mark.parametrize("status", [201, 202, 299, 302, 400, 404, 418, 503, 599])
async def test_a_walker_sets_the_status_of_its_answer(
    server: ServerProcess, http: httpx.Client, status: int
) -> None:
    got = await by_rest(http, "answers", status=status)
    assert got.status_code == status
    assert got.json() == {"status": status, "reports": ["reported"]}
    reply = await by_websocket(server, "answers", status=status)
    assert reply == {
        "type": "walker",
        "walker": "answers",
        "status": status,
        "reports": ["reported"],
    }


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_status_without_content_has_none(http: httpx.Client, status: int) -> None:
    got = http.post("/walker/answers", json={"status": status, "body": 1, "with_body": True})
    assert (got.status_code, got.content) == (status, b"")
    assert http.post("/walker/answers", json={"status": 200}).status_code == 200


async def test_the_specs_say_the_status_where_the_walker_does_not(
    server: ServerProcess, http: httpx.Client
) -> None:
    got = await by_rest(http, "makes")
    assert (got.status_code, got.json()) == (201, {"status": 201, "reports": ["made"]})
    assert (await by_websocket(server, "makes"))["status"] == 201


def test_a_walker_sets_headers(http: httpx.Client) -> None:
    headers = {"Location": "/walker/notes/1", "X-Note": "caf\u00e9", "cache-control": "no-store"}
    got = http.post("/walker/answers", json={"headers": headers, "status": 201})
    assert got.headers["location"] == "/walker/notes/1"
    assert got.headers["x-note"].encode("latin-1") == "caf\u00e9".encode("latin-1")
    assert got.headers["cache-control"] == "no-store"
    assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize("body", [{"a": [1, None]}, [], "text", 5, None, False])
async def test_a_body_takes_the_place_of_the_reports_by_rest_and_is_beside_them_by_websocket(
    server: ServerProcess, http: httpx.Client, body: Any
) -> None:
    got = await by_rest(http, "answers", with_body=True, body=body)
    assert (got.status_code, got.json()) == (200, body)
    reply = await by_websocket(server, "answers", with_body=True, body=body)
    assert (reply["reports"], reply["body"]) == (["reported"], body)


async def test_bytes_are_sent_as_they_are(server: ServerProcess, http: httpx.Client) -> None:
    page = {"as_bytes": True, "body": "<p>caf\u00e9</p>"}
    got = await by_rest(http, "answers", **page)
    assert (got.content, got.headers["content-type"]) == (
        "<p>caf\u00e9</p>".encode(),
        "application/octet-stream",
    )
    typed = {"Content-Type": "text/html; charset=utf-8"}
    got = await by_rest(http, "answers", **page, headers=typed)
    assert (got.text, got.headers["content-type"]) == (
        "<p>caf\u00e9</p>",
        "text/html; charset=utf-8",
    )
    reply = await by_websocket(server, "answers", **page)
    assert isinstance(reply["body"], str)


def test_head_has_the_status_and_headers_alone(http: httpx.Client) -> None:
    got = http.head("/walker/answers", params={"headers": '{"X-A": "b"}'})
    assert (got.status_code, got.headers["x-a"], got.content) == (200, "b", b"")


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": 99},
        {"status": 100},
        {"status": 600},
        {"status": "201"},
        {"status": True},
        {"status": 201.0},
        {"headers": {"X": "a\r\nSet-Cookie: b"}},
        {"headers": {"X": "a\nb"}},
        {"headers": {"X": "\u20ac"}},
        {"headers": {"X": 1}},
        {"headers": {"X Y": "a"}},
        {"headers": {"": "a"}},
        {"headers": {"X\r\nY": "a"}},
        {"headers": {"Content-Length": "1"}},
        {"headers": {"transfer-encoding": "chunked"}},
        {"headers": {"Connection": "close"}},
    ],
)
def test_what_http_cannot_send_fails_the_walker(http: httpx.Client, wrong: dict[str, Any]) -> None:
    got = http.post("/walker/answers", json=wrong)
    assert (got.status_code, got.json()["code"]) == (500, "walker_failed")


def test_the_interpreters_own_way_means_the_same(http: httpx.Client) -> None:
    got = http.post("/walker/older_answer")
    assert (got.status_code, got.json()) == (202, {"custom": 1})


def test_outside_of_a_walker_there_is_nothing_to_answer() -> None:
    with pytest.raises(RuntimeError, match="for a walker that runs"):
        answer(201)
