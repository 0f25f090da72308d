"""Walkers by REST: the same walkers, run for the same callers, with the same errors."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from conftest import Serve
from support import ServerProcess, eventually

Json = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("rest")


@pytest.fixture(scope="module")
def ada(server: ServerProcess) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.register('ada@example.com')}"}


@pytest.fixture(scope="module")
def bob(server: ServerProcess) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.register('bob@example.com')}"}


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert body["code"] == code
    assert body.keys() <= {"error", "code", "ref"}
    for internal in ("Traceback", "jac_cloud", "site-packages", ".jac", ".py"):
        assert internal not in answer.text
    return body


def test_a_walker_without_auth_runs_for_anyone_and_answers_its_reports(http: httpx.Client) -> None:
    answer = http.post("/walker/greet", json={"name": "Ada", "times": 2})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"status": 200, "reports": ["hello Ada", "hello Ada"]}


def test_a_body_may_be_left_out_where_every_field_has_a_default(http: httpx.Client) -> None:
    assert http.post("/walker/greet").json()["reports"] == ["hello you"]


def test_a_walker_without_auth_runs_as_the_callers_own_user(
    http: httpx.Client, ada: dict[str, str], bob: dict[str, str]
) -> None:
    callers: list[dict[str, str]] = [{}, ada, bob]
    roots = [http.post("/walker/who", headers=headers).json()["reports"][0] for headers in callers]
    assert len({*roots}) == 3


def test_a_walker_that_wants_a_user_is_refused_without_a_token(http: httpx.Client) -> None:
    answer = http.post("/walker/notes")
    refused(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("walker", ["greet", "notes"])
@pytest.mark.parametrize(
    "header", ["Bearer x", "Bearer", "Basic eDp5", "bearerX", "Bearer a.b.c d"]
)
def test_a_token_that_is_not_valid_is_refused_even_where_none_is_needed(
    http: httpx.Client, walker: str, header: str
) -> None:
    answer = http.post(f"/walker/{walker}", headers={"Authorization": header})
    refused(answer, 401, "invalid_token")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_two_tokens_are_refused(http: httpx.Client, ada: dict[str, str]) -> None:
    twice = [("Authorization", ada["Authorization"])] * 2
    assert http.post("/walker/greet", headers=twice).status_code in (400, 401)


def test_what_a_walker_wrote_is_there_for_its_user_and_for_nobody_else(
    http: httpx.Client, ada: dict[str, str], bob: dict[str, str]
) -> None:
    assert http.post("/walker/write", json={"text": "mine"}, headers=ada).status_code == 200
    assert "mine" in http.post("/walker/notes", headers=ada).json()["reports"]
    assert "mine" not in http.post("/walker/notes", headers=bob).json()["reports"]


def test_a_walker_runs_on_the_node_of_its_path_in_each_spelling_of_its_id(
    http: httpx.Client, ada: dict[str, str]
) -> None:
    written = http.post("/walker/write", json={"text": "found"}, headers=ada).json()
    bare = written["reports"][0]["_jac_id"]
    for spelling in (bare, f"n::{bare}", f"n:Note:{bare}"):
        answer = http.post(f"/walker/read/{spelling}", headers=ada)
        assert answer.json() == {"status": 200, "reports": ["found"]}


def test_a_node_that_is_absent_and_one_that_is_anothers_look_the_same(
    http: httpx.Client, ada: dict[str, str], bob: dict[str, str]
) -> None:
    written = http.post("/walker/write", json={"text": "private"}, headers=ada).json()
    node = written["reports"][0]["_jac_id"]
    answers = [
        http.post(f"/walker/read/{spelling}", headers=bob)
        for spelling in (node, "n::" + "7" * 24, "nonsense", "n::", "%20", "n::" + "g" * 24)
    ]
    for answer in answers:
        refused(answer, 403, "forbidden")
    assert len({answer.content for answer in answers}) == 1


def test_input_that_does_not_fit_is_said_field_by_field(http: httpx.Client) -> None:
    answer = http.post("/walker/greet", json={"name": 5, "times": "x"})
    problems = refused(answer, 422, "invalid_event")["error"]
    assert sorted(problem["loc"][-1] for problem in problems) == ["name", "times"]
    assert all(problem.keys() == {"type", "loc", "msg"} for problem in problems)


def test_fields_that_the_walker_has_not_are_ignored(http: httpx.Client) -> None:
    extra = {"__class__": "x", "self": 1, "__proto__": {}, "unknown": None}
    assert http.post("/walker/greet", json=extra).json()["reports"] == ["hello you"]


@pytest.mark.parametrize("body", [b"[]", b"1", b'"text"', b"null"])
def test_a_body_that_is_no_object_is_refused(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/walker/greet", content=body, headers=Json)
    refused(answer, 422, "invalid_event")


@pytest.mark.parametrize(
    "body",
    [b"{", b"{}{}", b"\xef\xbb\xbf{}", b"\xff", b"{'a':1}", b'{"name": "\\ud800"}', b"[" * 100_000],
)
def test_a_body_that_is_no_json_is_a_bad_request(http: httpx.Client, body: bytes) -> None:
    refused(http.post("/walker/greet", content=body, headers=Json), 400, "invalid_json")


def test_a_body_may_be_nested_as_deep_as_the_setting_says(http: httpx.Client) -> None:
    def nested(levels: int) -> bytes:
        filler = '"[[[\\"{{{" ,' * 3
        inner = "[" * (levels - 1) + "]" * (levels - 1)
        return f'{{"unknown": [{filler}{inner[1:-1] or "1"}]}}'.encode()

    assert http.post("/walker/greet", content=nested(64), headers=Json).status_code == 200
    refused(http.post("/walker/greet", content=nested(65), headers=Json), 400, "invalid_json")


def test_a_body_of_another_type_is_refused(http: httpx.Client) -> None:
    answer = http.post("/walker/greet", data={"name": "x"})
    refused(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("name", ["hidden", "socket_only", "absent", "sys", "__init__", "x" * 4000])
def test_what_is_not_to_be_called_by_rest_looks_absent(http: httpx.Client, name: str) -> None:
    body = refused(http.post(f"/walker/{name}"), 404, "unknown_walker")
    assert body["error"] == "There is no such walker"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method_is_not_allowed(http: httpx.Client, method: str) -> None:
    answer = http.request(method, "/walker/greet")
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "path", ["/", "/walker", "/walker/", "/walker/greet/", "/walker/greet/a/b", "/nothing"]
)
def test_any_other_path_is_not_found(http: httpx.Client, path: str) -> None:
    refused(http.get(path), 404, "not_found")


def test_a_walker_that_raises_leaves_nothing_and_is_found_in_the_log_by_its_ref(
    server: ServerProcess, http: httpx.Client, ada: dict[str, str]
) -> None:
    answer = http.post("/walker/fail", headers=ada)
    ref = refused(answer, 500, "walker_failed")["ref"]
    assert "internal detail" not in answer.text
    assert "never kept" not in http.post("/walker/notes", headers=ada).json()["reports"]
    lines = eventually(lambda: [line for line in server.log().splitlines() if ref in line])
    entry = json.loads(lines[0])
    assert "ValueError: internal detail" in entry["traceback"]


def test_a_walker_that_asks_the_process_to_exit_ends_itself_only(
    http: httpx.Client, ada: dict[str, str]
) -> None:
    refused(http.post("/walker/leave", headers=ada), 500, "walker_failed")
    assert http.post("/walker/greet").status_code == 200


async def test_a_walker_run_by_rest_notifies_channels_and_has_no_self(
    server: ServerProcess, http: httpx.Client, ada: dict[str, str]
) -> None:
    async with await server.websocket("news") as client:
        answer = await asyncio.to_thread(
            http.post, "/walker/tell", json={"channel": "news"}, headers=ada
        )
        assert answer.json()["reports"] == [0, 1]
        assert await client.receive() == {"to": "news"}


def test_no_page_of_another_origin_is_let_in(http: httpx.Client) -> None:
    evil = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for answer in (
        http.options("/walker/greet", headers=evil),
        http.post("/walker/greet", headers=evil),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_debug_names_what_a_failed_walker_raised(serve: Serve) -> None:
    server = serve("rest", debug=True)
    headers = {"Authorization": f"Bearer {server.register('ada@example.com')}"}
    with server.http() as http:
        answer = http.post("/walker/fail", headers=headers)
    assert "ValueError: internal detail" in answer.json()["error"]


def test_a_walker_past_its_time_is_answered_and_keeps_nobody_waiting(serve: Serve) -> None:
    server = serve("rest", walker_timeout=0.2, workers=1, drain_timeout=0.1)
    with server.http() as http:
        refused(http.post("/walker/hold"), 504, "timeout")
        # On a slow machine it may be late itself; behind the one that holds it never came to run.
        eventually(lambda: http.post("/walker/greet").status_code == 200, "the next one is served")
