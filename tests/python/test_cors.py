"""CORS: closed unless set, and never credentials for everyone."""

import httpx
import pytest

from conftest import Serve
from support import ServerProcess

OURS = "https://chat.example.com"
EVIL = "https://evil.example"


@pytest.fixture(scope="module")
def closed(serve_module: Serve) -> ServerProcess:
    return serve_module("rest")


@pytest.fixture(scope="module")
def listed(serve_module: Serve) -> ServerProcess:
    return serve_module("rest", cors_origins=f"{OURS}/,null", cors_credentials=True)


@pytest.fixture(scope="module")
def everyone(serve_module: Serve) -> ServerProcess:
    return serve_module("rest", cors_origins="*")


def ask(server: ServerProcess, origin: str, **headers: str) -> httpx.Response:
    with server.http() as http:
        return http.post("/walker/greet", headers={"Origin": origin, **headers})


def preflight(server: ServerProcess, origin: str, **headers: str) -> httpx.Response:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
        **headers,
    }
    with server.http() as http:
        return http.options("/walker/greet", headers=asked)


def cors_headers(response: httpx.Response) -> dict[str, str]:
    return {
        name: value for name, value in response.headers.items() if name.startswith("access-control")
    }


def test_it_is_closed_by_default(closed: ServerProcess) -> None:
    for response in (ask(closed, EVIL, Cookie="a=b"), preflight(closed, EVIL)):
        assert cors_headers(response) == {}
    assert preflight(closed, EVIL).status_code == 405


def test_a_listed_origin_may_read_answers_with_credentials(listed: ServerProcess) -> None:
    response = ask(listed, OURS)
    assert response.headers["access-control-allow-origin"] == OURS
    assert response.headers["access-control-allow-credentials"] == "true"
    assert "x-request-id" in response.headers["access-control-expose-headers"].lower()
    assert "Origin" in response.headers["vary"]
    allowed = preflight(listed, OURS)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == OURS
    assert "POST" in allowed.headers["access-control-allow-methods"]
    assert "authorization" in allowed.headers["access-control-allow-headers"].lower()
    assert ask(listed, "null").headers["access-control-allow-origin"] == "null"


@pytest.mark.parametrize(
    "origin",
    [EVIL, f"{OURS}.evil.example", "https://evilchat.example.com", OURS.replace("https", "http")],
)
def test_another_origin_may_not(listed: ServerProcess, origin: str) -> None:
    assert "access-control-allow-origin" not in ask(listed, origin, Cookie="a=b").headers
    refused = preflight(listed, origin)
    assert refused.status_code == 400
    assert refused.json()["code"] == "cors_refused"
    assert cors_headers(refused) == {}


def test_everyone_is_let_in_without_credentials(everyone: ServerProcess) -> None:
    for response in (ask(everyone, EVIL, Cookie="a=b"), preflight(everyone, EVIL)):
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers


def test_refusals_can_be_read_by_a_listed_origin_too(listed: ServerProcess) -> None:
    with listed.http() as http:
        for path, status in (("/walker/write", 401), ("/nothing", 404), ("/walker/fail", 401)):
            response = http.post(path, json={"text": "x"}, headers={"Origin": OURS})
            assert response.status_code == status
            assert response.headers["access-control-allow-origin"] == OURS


def test_an_options_walker_is_reached_by_what_is_no_preflight(listed: ServerProcess) -> None:
    with listed.http() as http:
        response = http.options("/walker/greet", headers={"Origin": OURS})
    assert response.status_code == 405
