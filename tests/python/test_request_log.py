"""The request log: a line for each request, with an id, and without anything secret."""

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from conftest import Serve
from support import ServerProcess, eventually

PASSWORD = "correct horse battery"
ID = re.compile(r"[0-9a-f]{32}")


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("rest", log_format="json", trusted_proxies="127.0.0.1")


@pytest.fixture(scope="module")
def text_server(serve_module: Serve) -> ServerProcess:
    return serve_module("rest", log_format="text")


def lines(server: ServerProcess, event: str = "request") -> Iterator[dict[str, Any]]:
    for line in server.log().splitlines():
        if line.startswith("{") and (entry := json.loads(line))["event"] == event:
            yield entry


def logged(server: ServerProcess, request_id: str, event: str = "request") -> dict[str, Any]:
    """The one line of that request, once it is there."""
    (entry,) = eventually(
        lambda: [entry for entry in lines(server, event) if entry["request_id"] == request_id],
        f"a line of {request_id}",
    )
    return entry


def test_a_request_has_one_line_with_its_id_walker_user_and_duration(
    server: ServerProcess,
) -> None:
    token = server.register("ada@example.com", PASSWORD)
    with server.http() as http:
        answer = http.post(
            "/walker/greet",
            json={"name": "Ada"},
            headers={"Authorization": f"Bearer {token}", "X-Request-ID": "one-line.1"},
        )
        me = http.post("/user/login", json={"email": "ada@example.com", "password": PASSWORD})
    assert answer.headers.get_list("x-request-id") == ["one-line.1"]
    entry = logged(server, "one-line.1")
    assert {name: entry[name] for name in ("method", "scheme", "status", "client", "walker")} == {
        "method": "POST",
        "scheme": "http",
        "status": 200,
        "client": "127.0.0.1",
        "walker": "greet",
    }
    assert entry["root"] == me.json()["user"]["root_id"]
    assert entry["route"].startswith("/walker/")
    assert 0 < entry["ms"] < 60_000


def test_without_an_id_of_the_clients_one_is_made_and_each_is_another(
    server: ServerProcess,
) -> None:
    with server.http() as http:
        made = [http.post("/walker/greet").headers["x-request-id"] for _ in range(3)]
    assert all(ID.fullmatch(request_id) for request_id in made)
    assert len({*made}) == 3
    for request_id in made:
        assert logged(server, request_id)["walker"] == "greet"


@pytest.mark.parametrize(
    "hostile",
    ["", "x" * 65, "a b", "-flag", 'a"b', "a\x1b[2J", "caf\xe9", "a,b", "a=b", "../x", "a;b"],
)
def test_an_id_that_is_not_well_formed_is_replaced(server: ServerProcess, hostile: str) -> None:
    head = b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-ID: "
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(head + hostile.encode("latin-1") + b"\r\n\r\n")
        with raw.makefile("rb") as answer:
            text = answer.read().decode()
    found = re.search(r"(?im)^x-request-id: (.*)\r$", text)
    assert found
    assert ID.fullmatch(found[1])


def test_two_ids_are_none(server: ServerProcess) -> None:
    with server.http() as http:
        answer = http.get("/x", headers=[("X-Request-ID", "first"), ("X-Request-ID", "second")])
    assert ID.fullmatch(answer.headers["x-request-id"])


def test_refusals_and_failures_have_their_id_and_line_too(server: ServerProcess) -> None:
    token = server.register("eve@example.com", PASSWORD)
    with server.http() as http:
        for path, status, request_id in [
            ("/walker/absent", 404, "refused-1"),
            ("/walker/write", 401, "refused-2"),
            ("/walker/fail", 500, "refused-3"),
        ]:
            headers = {"X-Request-ID": request_id}
            if status == 500:
                headers["Authorization"] = f"Bearer {token}"
            answer = http.post(path, json={"text": "x"}, headers=headers)
            assert (answer.status_code, answer.headers["x-request-id"]) == (status, request_id)
            entry = logged(server, request_id)
            assert (entry["status"], entry.get("ref")) == (status, answer.json().get("ref"))
            assert ("ref" in entry) == (status == 500)


def test_no_token_password_query_or_body_is_ever_written(server: ServerProcess) -> None:
    token = server.register("mallory@example.com", PASSWORD)
    account = {"email": "mallory@example.com", "password": PASSWORD}
    wrong = {"email": "mallory@example.com", "password": "wrong horse battery"}
    with server.http() as http:
        http.post("/user/login", json=wrong)
        http.post("/user/login", data=account)
        http.post("/user/login", content=json.dumps(account)[:-5])
        for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"session={token}"}):
            http.post(
                f"/walker/write?token={token}&password=staple-in-query",
                json={"text": "staple-in-body"},
                headers=headers,
            )
        http.get(f"/nothing/{token}", headers={"Authorization": "Basic c3RhcGxlLWluLWJhc2lj"})
        last = http.get("/x", headers={"X-Request-ID": "last-of-secrets"})
    assert last.status_code == 404
    logged(server, "last-of-secrets")
    log = server.log()
    for secret in (token, token.split(".")[2], "staple", "battery", "c3RhcGxl"):
        assert secret not in log


def test_a_path_that_no_route_has_is_written_escaped_and_cut(server: ServerProcess) -> None:
    with server.http() as http:
        http.get("/%0D%0Aforged%1B[2J", headers={"X-Request-ID": "forged"})
        http.get("/" + "x" * 3000, headers={"X-Request-ID": "long"})
    assert logged(server, "forged")["path"] == "/\r\nforged\x1b[2J"
    assert len(logged(server, "long")["path"]) == 256
    assert not any(line.startswith("forged") for line in server.log().splitlines())


def test_the_client_and_its_scheme_are_those_that_a_trusted_proxy_tells(
    server: ServerProcess, text_server: ServerProcess
) -> None:
    headers = {
        "X-Forwarded-For": "9.9.9.9, 203.0.113.7",
        "X-Forwarded-Proto": "https",
        "X-Request-ID": "proxied",
    }
    for one in (server, text_server):
        with one.http() as http:
            http.get("/x", headers=headers)
    entry = logged(server, "proxied")
    assert (entry["client"], entry["scheme"]) == ("203.0.113.7", "https")
    line = eventually(
        lambda: [line for line in text_server.log().splitlines() if "proxied" in line]
    )[0]
    assert "client=127.0.0.1 " in line
    assert "scheme=http " in line


def test_a_client_that_leaves_is_logged_as_such(server: ServerProcess) -> None:
    head = (
        "POST /walker/hold HTTP/1.1\r\nHost: x\r\nX-Request-ID: left\r\nContent-Length: 0\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(head.encode())
    entry = logged(server, "left")
    assert (entry["status"], entry["cut_off"]) == (499, True)


def test_what_the_listener_refuses_has_an_id_and_a_line_without_the_query(
    server: ServerProcess,
) -> None:
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    handshake = {**upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    stranger = {"X-Forwarded-For": "203.0.113.7"}
    bad = {"Authorization": "Bearer staple-in-token"}
    with server.http() as http:
        for name, headers, status, code in [
            ("refused-token", handshake | stranger | bad, 401, "invalid_token"),
            ("refused-origin", handshake | {"Origin": "http://evil.example"}, 403, ""),
            ("refused-upgrade", {}, 426, "upgrade_required"),
        ]:
            path = "/websocket?channel_id=staple-in-query"
            answer = http.get(path, headers={**headers, "X-Request-ID": name})
            assert (answer.status_code, answer.headers["x-request-id"]) == (status, name)
            entry = logged(server, name, "request_refused")
            assert (entry["method"], entry["path"]) == ("GET", "/websocket")
            assert (entry["status"], entry["level"]) == (status, "info")
            assert entry["code"] == (code or answer.json()["code"])
            assert entry["client"] == ("203.0.113.7" if status == 401 else "127.0.0.1")
        # Of what is refused before it is read, nothing is known.
        answer = http.get("/x", headers={"Expect": "a miracle", "X-Request-ID": "unread"})
        assert answer.status_code == 417
        entry = logged(server, answer.headers["x-request-id"], "request_refused")
        assert ID.fullmatch(entry["request_id"])
        assert (entry["code"], entry.get("path")) == ("expectation_failed", None)
    assert "staple" not in server.log()


def test_health_checks_have_no_line(server: ServerProcess) -> None:
    with server.http() as http:
        assert http.get("/healthz", headers={"X-Request-ID": "health"}).status_code == 200
        http.get("/x", headers={"X-Request-ID": "after-health"})
    logged(server, "after-health")
    assert not any(entry["request_id"] == "health" for entry in lines(server))


def test_as_text_it_is_one_line_for_people(text_server: ServerProcess) -> None:
    with text_server.http() as http:
        http.post("/walker/greet", headers={"X-Request-ID": "as-text"})
    line = eventually(
        lambda: [line for line in text_server.log().splitlines() if "as-text" in line]
    )[0]
    assert re.match(r"\S+Z INFO request: request request_id=as-text client=127\.0\.0\.1 ", line)
    assert " walker=greet " in line
    assert re.search(r" ms=[\d.]+$", line)


def test_it_can_be_switched_off_and_ids_are_still_answered(serve: Serve) -> None:
    server = serve("rest", log_format="json", request_log="off")
    with server.http() as http:
        answer = http.post("/walker/greet", headers={"X-Request-ID": "quiet"})
        refused = http.get("/websocket", headers={"X-Request-ID": "quiet"})
    assert answer.headers["x-request-id"] == refused.headers["x-request-id"] == "quiet"
    server.stop()
    assert "quiet" not in server.log()


async def test_walkers_over_websocket_have_lines_of_their_own_where_they_are_asked_for(
    serve: Serve,
) -> None:
    server = serve("operating", log_format="json", request_log="all")
    async with await server.websocket() as client:
        context = {"name": "staple-in-context"}
        event = {"type": "walker", "walker": "greet", "response": True, "context": context}
        assert (await client.ask(event))["status"] == 200
        await client.ask({"type": "walker", "walker": "fail"})
    server.stop()
    entries = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    events = [entry for entry in entries if entry["event"] == "event"]
    public = "n::000000000000000000000001"
    assert [(entry["walker"], entry["result"], entry["root"]) for entry in events] == [
        ("greet", "ok", public),
        ("fail", "walker_failed", public),
    ]
    assert all(entry["ms"] > 0 for entry in events)
    assert "staple" not in server.log()
